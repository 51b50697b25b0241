/** @file Loss functions on scores of classes, and the reduction that all losses share. */

import { callOp } from '../../core/dispatch.ts';
import {
  binaryCrossEntropy$,
  binaryCrossEntropyWithLogits$,
  crossEntropyLoss$,
  ctcLoss$IntList,
  ctcLoss$Tensor,
  klDiv$,
  multilabelMarginLoss$,
  multiMarginLoss$,
  nllLossNd$,
} from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import { logsigmoid } from './activation.ts';

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

/** @internal */
export function reduce(loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  const code = reductionCode(reduction);
  return code === 0 ? loss : code === 1 ? loss.mean() : loss.sum();
}

/** @internal @throws {ArgumentError} */
export function requireSameShape(input: Tensor, target: Tensor): void {
  const a = input.shape;
  const b = target.shape;
  if (a.length !== b.length || a.some((size, i) => size !== b[i])) {
    throw new ArgumentError(
      'target',
      `Expected the input's shape [${a.join(', ')}] for target but received [${b.join(', ')}]`,
    );
  }
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

/** Negative log likelihood of the target class; `input` holds logarithms of probabilities. Shapes as in `crossEntropy`. */
export function nllLoss(
  input: Tensor,
  target: Tensor,
  options: Omit<CrossEntropyOptions, 'labelSmoothing'> = {},
): Tensor {
  const { weight = null, ignoreIndex = -100, reduction } = options;
  return callOp(nllLossNd$, input, target, weight, reductionCode(reduction), ignoreIndex) as Tensor;
}

export interface BinaryCrossEntropyOptions extends ReductionOptions {
  /** A factor an element, broadcast. */
  weight?: Tensor | null;
}

/** Cross entropy of probabilities with targets between 0 and 1. @throws {ArgumentError} for unequal shapes */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: BinaryCrossEntropyOptions = {}): Tensor {
  const { weight = null, reduction } = options;
  requireSameShape(input, target);
  const code = reductionCode(reduction);
  return scope(
    () => callOp(binaryCrossEntropy$, input, target, weight === null ? null : weight.expandAs(target), code) as Tensor,
  );
}

export interface BinaryCrossEntropyWithLogitsOptions extends BinaryCrossEntropyOptions {
  /** A factor for positive targets, broadcast: a number a class. */
  posWeight?: Tensor | null;
}

/** Sigmoid and binary cross entropy in one, computed without overflow. @throws {ArgumentError} for unequal shapes */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyWithLogitsOptions = {},
): Tensor {
  const { weight = null, posWeight = null, reduction } = options;
  requireSameShape(input, target);
  return callOp(binaryCrossEntropyWithLogits$, input, target, weight, posWeight, reductionCode(reduction)) as Tensor;
}

export interface KLDivOptions {
  /** `batchmean` divides the sum by the batch size, which is the divergence as mathematics has it. Default `mean`. */
  reduction?: Reduction | 'batchmean';
  /** The target holds logarithms too. Default `false`. */
  logTarget?: boolean;
}

/** Kullback–Leibler divergence of `target` from `input`; the input holds logarithms of probabilities. */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  const { reduction = 'mean', logTarget = false } = options;
  const code = reductionCode(reduction === 'batchmean' ? 'sum' : reduction);
  return scope(() => {
    const loss = callOp(klDiv$, input, target, code, logTarget) as Tensor;
    return reduction === 'batchmean' && input.ndim > 0 ? loss.div(input.size(0)) : loss;
  });
}

export interface MultiMarginOptions extends ReductionOptions {
  /** Exponent, 1 or 2. Default 1. */
  p?: 1 | 2;
  /** Default 1. */
  margin?: number;
  /** A factor a class, `(C)`. */
  weight?: Tensor | null;
}

/** Hinge loss between the target class and each other one: `(N, C)` or `(C)`, and class indices. */
export function multiMarginLoss(input: Tensor, target: Tensor, options: MultiMarginOptions = {}): Tensor {
  const { p = 1, margin = 1, weight = null, reduction } = options;
  return callOp(multiMarginLoss$, input, target, p, margin, weight, reductionCode(reduction)) as Tensor;
}

/** Hinge loss between several target classes and all others; targets list class indices, ended by −1. */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  return callOp(multilabelMarginLoss$, input, target, reductionCode(options.reduction)) as Tensor;
}

/** Binary cross entropy of logits, averaged over the classes: `(N, C)` or `(C)`, targets 0 or 1. */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const { weight = null, reduction } = options;
  return scope(() => {
    const positive = target.mul(logsigmoid(input));
    const negative = target.neg().add(1).mul(logsigmoid(input.neg()));
    const loss = positive.add(negative).neg();
    const weighted = weight === null ? loss : loss.mul(weight);
    return reduce(weighted.sum([-1]).div(input.size(-1)), reduction);
  });
}

export interface CTCOptions extends ReductionOptions {
  /** Index of the blank label. Default 0. */
  blank?: number;
  /** Replace infinite losses, of targets too long for their input, by zero. Default `false`. */
  zeroInfinity?: boolean;
}

/**
 * Connectionist temporal classification.
 *
 * @param logProbs `(T, N, C)` or `(T, C)`
 * @param targets `(N, S)`, or all targets one after the other
 * @param inputLengths of each sample, as a tensor or as numbers; `targetLengths` likewise
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  options: CTCOptions = {},
): Tensor {
  const { blank = 0, zeroInfinity = false, reduction } = options;
  const operator = Array.isArray(inputLengths) ? ctcLoss$IntList : ctcLoss$Tensor;
  if (Array.isArray(inputLengths) !== Array.isArray(targetLengths)) {
    throw new ArgumentError(
      'targetLengths',
      'Expected inputLengths and targetLengths to be both tensors or both arrays',
    );
  }
  return callOp(
    operator,
    logProbs,
    targets,
    inputLengths,
    targetLengths,
    blank,
    reductionCode(reduction),
    zeroInfinity,
  ) as Tensor;
}
