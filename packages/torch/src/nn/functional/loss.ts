/** @file Loss functions that compare scores of classes. */

import { callOp } from '../../core/dispatch.ts';
import { crossEntropyLoss$ } from '../../core/generated/operators.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';

/** How the losses of single elements become one: not at all, averaged, or summed. */
export type Reduction = 'none' | 'mean' | 'sum';

const REDUCTIONS: readonly Reduction[] = ['none', 'mean', 'sum'];

export interface ReductionOptions {
  /** Default `mean`. */
  reduction?: Reduction;
}

/** @internal libtorch's number of a reduction. @throws {ArgumentError} */
export function reductionCode(reduction: Reduction = 'mean'): number {
  const code = REDUCTIONS.indexOf(reduction);
  if (code < 0) throw ArgumentError.expected('reduction', "'none', 'mean' or 'sum'", reduction);
  return code;
}

export interface CrossEntropyOptions extends ReductionOptions {
  /** A factor a class, `(C)`. */
  weight?: Tensor | null;
  /** Targets of this class count for nothing. Default −100. */
  ignoreIndex?: number;
  /** Share of the target spread over all classes. Default 0. */
  labelSmoothing?: number;
}

/**
 * Negative log likelihood of the target class under softmax.
 *
 * @param input scores, `(N, C)`, `(N, C, …)` or `(C)`
 * @param target class indices (int64) of the input's shape without `C`, or probabilities of the input's shape
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight = null, ignoreIndex = -100, labelSmoothing = 0, reduction } = options;
  return callOp(
    crossEntropyLoss$,
    input,
    target,
    weight,
    reductionCode(reduction),
    ignoreIndex,
    labelSmoothing,
  ) as Tensor;
}
