/** @file Calibration data: any re-iterable source of batches, of which never more than one is held. */

import { ArgumentError, noGrad, Scope, Tensor } from '@edgeai/torch';
import type { QuantizedModel } from '../quantized-model.ts';

/** A tensor, or an array whose first entries are forward's arguments (what follows, like labels, is left out). */
export type CalibrationBatch = Tensor | readonly unknown[];

/** Read once for each step, so it must start anew each time: an array, a `DataLoader`, or a function that makes an iterator. */
export type CalibrationData =
  | Iterable<CalibrationBatch>
  | AsyncIterable<CalibrationBatch>
  | (() => Iterable<CalibrationBatch> | AsyncIterable<CalibrationBatch>);

/** Told how a long job goes on. */
export interface QuantizationProgress {
  /** `calibrate`, `equalize`, `adaround`, `bias-correction` … */
  readonly step: string;
  readonly done: number;
  /** Unknown for sources of unknown length. */
  readonly total?: number;
  /** The layer just finished, in steps that go by layers. */
  readonly layer?: string;
}

export type ProgressCallback = (progress: QuantizationProgress) => void;

/**
 * Calls `fn` with forward's arguments for each batch, without gradients, in a scope of its own.
 *
 * @param limit how many batches at most
 * @returns how many there were
 * @throws {ArgumentError} when there are none
 */
export async function forEachBatch<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  fn: (inputs: Args, index: number) => void,
  limit = Number.POSITIVE_INFINITY,
): Promise<number> {
  const count = model.graph.signature.length;
  let index = 0;
  for await (const batch of typeof data === 'function' ? data() : data) {
    if (index >= limit) break;
    using own = new Scope();
    const inputs = (batch instanceof Tensor ? [batch] : batch.slice(0, count)) as Args;
    own.run(() => noGrad(() => fn(inputs, index)));
    index++;
  }
  if (index === 0) throw new ArgumentError('calibrationBatches', 'Expected at least one calibration batch, found none');
  return index;
}
