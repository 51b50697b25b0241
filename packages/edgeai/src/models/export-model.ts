/** @file Exports a model as ONNX together with the proof that onnxruntime computes the same from the file. */

import { statSync } from 'node:fs';
import { quantization } from '@edgeai/modelopt';
import { exportVerified as exportOnnxVerified } from '@edgeai/onnx';
import { Generator, type nn, randn, type Tensor } from '@edgeai/torch';

import type { TaskFacts } from '../training/task.ts';

export interface ExportRequest {
  /** The file to write. */
  path: string;
  opset: number;
  dynamicBatch: boolean;
  /** Stored in the file, so that whoever has only it knows classes and preprocessing; null where nothing is known. */
  facts: TaskFacts | null;
}

/** What was written and how well it agrees; also in `<path>.verify.json`. */
export interface ExportReport {
  path: string;
  bytes: number;
  opset: number;
  dynamicBatch: boolean;
  /** Largest absolute difference between onnxruntime and the model. */
  maxDifference: number;
  /** Largest relative difference of an output, as a vector. */
  relativeDifference: number;
  /** How many inputs were compared. */
  checkedInputs: number;
}

/**
 * Writes `model`, in evaluation mode, and compares the file with it on every one of `samples`, each an array of the model's
 * arguments; the first gives the shapes. Throws onnx's ExportMismatchError where they do not agree;
 * the file is then kept under another name, `<name>.rejected.onnx`. Of a quantised network the file is held to its integer arithmetic.
 */
export async function exportVerified(
  model: nn.AnyModule,
  samples: readonly (readonly Tensor[])[],
  { path, opset, dynamicBatch, facts }: ExportRequest,
): Promise<ExportReport> {
  const metadata = facts === null ? {} : { ...facts };
  using integers = model instanceof quantization.QuantizedModel ? new quantization.IntegerModel(model) : undefined;
  const { dataPath, report } = await exportOnnxVerified(model, samples, {
    path,
    opset,
    dynamicBatch,
    metadata,
    // Runtimes compute quantised networks in integers, which is not what float arithmetic with rounding gives, to the last step.
    ...(integers === undefined
      ? {}
      : { reference: integers as unknown as nn.AnyModule, maxOffSteps: offSteps(integers) }),
  });
  const { maxAbs, relL2, samples: checkedInputs } = report;
  const bytes = statSync(path).size + (dataPath === undefined ? 0 : statSync(dataPath).size);
  return { path, bytes, opset, dynamicBatch, maxDifference: maxAbs, relativeDifference: relL2, checkedInputs };
}

/**
 * The share of results that may be off by more than a step. Integers agree; where some layers run in float, differences in the last digits
 * grow from layer to layer to the size of the noise of quantisation, while a file that is wrong has nearly all results off.
 */
export function offSteps({ complete }: Pick<quantization.IntegerModel, 'complete'>): number {
  return complete ? 0.01 : 0.5;
}

/** A few samples of normally distributed numbers, for models whose data is not at hand. The default generator is not touched. */
export function randomSamples(shapes: readonly (readonly number[])[], count = 3): Tensor[][] {
  const generator = new Generator({ seed: 0 });
  return Array.from({ length: count }, () => shapes.map((shape) => randn([...shape], { generator })));
}
