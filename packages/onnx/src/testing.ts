/** @file For tests: exports a function or network to a temporary file and compares it with onnxruntime. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nn, type Tensor } from '@edgeai/torch';
import { type ExportedModel, type ExportOptions, exportOnnx } from './export.ts';
import { type VerifyReport, verifyOnnx } from './verify.ts';

/** A network that computes `fn`. */
export function network<Args extends unknown[], Out>(fn: (...args: Args) => Out): nn.Module<Args, Out> {
  class Network extends nn.Module<Args, Out> {
    forward(...args: Args): Out {
      return fn(...args);
    }
  }
  return new Network();
}

/** Runs `fn` with a folder that is removed afterwards. */
export async function inTemporaryFolder<T>(fn: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-test-'));
  try {
    return await fn(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Exports, verifies on the given samples, and returns what was made. @throws {ExportMismatchError} */
export function roundTrip(
  model: nn.AnyModule,
  samples: readonly (readonly Tensor[])[],
  options: ExportOptions & { tolerance?: number } = {},
): Promise<{ exported: ExportedModel; report: VerifyReport }> {
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    const exported = exportOnnx(model, samples[0] ?? [], { ...options, path });
    const report = await verifyOnnx(path, model, samples, { tolerance: options.tolerance ?? 1e-5, threads: 1 });
    return { exported, report };
  });
}

/** ONNX operators of a model, in order. */
export function operators({ model }: ExportedModel): string[] {
  return (model.graph?.node ?? []).map(({ opType = '' }) => opType);
}
