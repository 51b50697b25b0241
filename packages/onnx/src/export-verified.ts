/** @file `exportVerified`: a file appears under its name only when onnxruntime computes from it what the network does. */

import { existsSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { nn } from '@edgeai/torch';
import { ExportMismatchError } from './errors.ts';
import { type ExportedModel, type ExportOptions, exportOnnx } from './export.ts';
import { type VerifyOptions, type VerifyReport, verifyOnnx } from './verify.ts';
import { writeOnnx } from './write.ts';

export interface ExportVerifiedOptions extends ExportOptions, Omit<VerifyOptions, 'outputSteps'> {
  /** Where to write the file. */
  path: string;
  /** What the file is compared with. Default: the network itself. */
  reference?: nn.AnyModule;
}

export interface VerifiedModel extends ExportedModel {
  readonly path: string;
  readonly report: VerifyReport;
}

/**
 * Exports a network and compares the file with it on all samples; quantised networks by steps. A file that does not agree is
 * kept as `<name>.rejected.onnx`, with its report beside it, and one that was there under the name stays.
 *
 * @param samples each an array of forward's arguments; the first gives the shapes
 * @throws {ExportMismatchError} naming the rejected file
 * @throws {OnnxRuntimeMissingError} when onnxruntime-node is not installed; nothing is left behind
 */
export async function exportVerified(
  model: nn.AnyModule,
  samples: readonly (readonly unknown[])[],
  options: ExportVerifiedOptions,
): Promise<VerifiedModel> {
  const { path, report: writesReport = true, reference = model, ...rest } = options;
  const candidate = rejectedPath(path);
  const exported = exportOnnx(model, samples[0] ?? [], { ...rest, path: candidate });
  const { quantized, outputSteps, dataPath } = exported;
  try {
    const report = await verifyOnnx(candidate, reference, samples, {
      ...rest,
      report: writesReport,
      ...(quantized ? { outputSteps } : {}),
    });
    // Weights in a second file are named in the first, so the two are written again under their names.
    if (dataPath === undefined) renameSync(candidate, path);
    else writeOnnx(path, exported.model, { externalDataThreshold: options.externalDataThreshold });
    if (writesReport) renameSync(`${candidate}.verify.json`, `${path}.verify.json`);
    if (dataPath !== undefined) removeFiles(candidate, dataPath);
    return { ...exported, path, dataPath: dataPath === undefined ? undefined : `${path}.data`, report };
  } catch (error) {
    if (!(error instanceof ExportMismatchError)) removeFiles(candidate, dataPath ?? '', `${candidate}.verify.json`);
    throw error;
  }
}

/** `model.onnx` → `model.rejected.onnx`: the name until the file has been found right. */
function rejectedPath(path: string): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}.rejected${extension}`);
}

function removeFiles(...paths: readonly string[]): void {
  for (const path of paths) if (path !== '' && existsSync(path)) rmSync(path);
}
