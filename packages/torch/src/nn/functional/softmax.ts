/** @file Softmax and its relatives: scores to probabilities along one dimension. */

import { callOp } from '../../core/dispatch.ts';
import { zerosLike } from '../../core/generated/functions.ts';
import { logSoftmax$int, softmax$int } from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { DType } from '../../dtype.ts';

export interface SoftmaxOptions {
  /** Compute in this type. Default: the input's. */
  dtype?: DType;
}

/** `exp(x) / Σ exp(x)` along `dim` */
export function softmax(input: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return callOp(softmax$int, input, dim, options.dtype) as Tensor;
}

/** The logarithm of softmax, computed without overflow. */
export function logSoftmax(input: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return callOp(logSoftmax$int, input, dim, options.dtype) as Tensor;
}

/** Softmax of the negated input. */
export function softmin(input: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor {
  return scope(() => softmax(input.neg(), dim, options));
}

export interface GumbelSoftmaxOptions {
  /** Temperature. Default 1. */
  tau?: number;
  /** Return one-hot samples, with the gradient of the soft ones. Default `false`. */
  hard?: boolean;
  /** Default −1. */
  dim?: number;
}

/** Samples from the Gumbel-softmax distribution of `logits`. */
export function gumbelSoftmax(logits: Tensor, options: GumbelSoftmaxOptions = {}): Tensor {
  const { tau = 1, hard = false, dim = -1 } = options;
  return scope(() => {
    const gumbels = logits.detach().clone({ memoryFormat: 'contiguous_format' }).exponential_().log().neg();
    const soft = softmax(logits.add(gumbels).div(tau), dim);
    if (!hard) return soft;
    const index = soft.argmax(dim, true);
    const oneHot = zerosLike(logits).scatter_(dim, index, 1);
    return oneHot.sub(soft.detach()).add(soft);
  });
}
