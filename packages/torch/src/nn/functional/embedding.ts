/** @file Looking up rows by index. */

import { noGrad } from '../../autograd/modes.ts';
import { callOp } from '../../core/dispatch.ts';
import { embedding$, embeddingRenorm_$ } from '../../core/generated/operators.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';

export interface EmbeddingFunctionOptions {
  /** Row that gets no gradient; negative ones count from the end. */
  paddingIdx?: number | null;
  /** Rows of a larger norm are scaled down, in place, when they are looked up. */
  maxNorm?: number | null;
  /** Exponent of that norm. Default 2. */
  normType?: number;
  /** Divide the gradient of a row by how often it was looked up. Default `false`. */
  scaleGradByFreq?: boolean;
  /** Make the gradient sparse. Default `false`. */
  sparse?: boolean;
}

/** @internal A row index between 0 and `rows`; negative ones count from the end. @throws {ArgumentError} */
export function checkPaddingIdx(paddingIdx: number, rows: number): number {
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows) {
    throw new ArgumentError(
      'paddingIdx',
      `Expected a row between ${-rows} and ${rows - 1} for paddingIdx but received ${paddingIdx}`,
    );
  }
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

/** Rows of `weight` `(V, E)` at the int64 indices `(…)`: `(…, E)`. */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingFunctionOptions = {}): Tensor {
  const { paddingIdx, maxNorm, normType = 2, scaleGradByFreq = false, sparse = false } = options;
  const skipped = paddingIdx == null ? -1 : checkPaddingIdx(paddingIdx, weight.size(0));
  if (maxNorm != null) noGrad(() => callOp(embeddingRenorm_$, weight, input, maxNorm, normType));
  return callOp(embedding$, weight, input, skipped, scaleGradByFreq, sparse) as Tensor;
}
