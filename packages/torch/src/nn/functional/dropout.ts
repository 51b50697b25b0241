/** @file Dropout functions: unlike the layers, they drop unless told that training is over. */

import { callOp, Operator } from '../../core/dispatch.ts';
import {
  alphaDropout_$,
  alphaDropout$,
  dropout$,
  featureAlphaDropout_$,
  featureAlphaDropout$,
  featureDropout_$,
  featureDropout$,
} from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import type { InplaceOptions } from './activation.ts';

const dropout_$ = new Operator('aten::dropout_');

export interface DropoutOptions extends InplaceOptions {
  /** `false` returns the input unchanged. Default `true`. */
  training?: boolean;
}

/** @internal @throws {ArgumentError} for a probability outside 0 … 1 */
export function checkProbability(p: number): void {
  if (!(p >= 0 && p <= 1)) throw ArgumentError.expected('p', 'a probability between 0 and 1', p);
}

function run(plain: Operator, inplace: Operator, input: Tensor, p: number, options: DropoutOptions): Tensor {
  checkProbability(p);
  return callOp(options.inplace === true ? inplace : plain, input, p, options.training ?? true) as Tensor;
}

/** Zeroes elements with probability `p` and scales the others by 1 / (1 − p). */
export function dropout(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return run(dropout$, dropout_$, input, p, options);
}

/** The operator takes dimension 1 for the channels; without a batch they are in dimension 0. */
function channels(input: Tensor, p: number, options: DropoutOptions, unbatched: number): Tensor {
  if (input.ndim !== unbatched) return run(featureDropout$, featureDropout_$, input, p, options);
  return scope(() => {
    const result = run(featureDropout$, featureDropout_$, input.unsqueeze(0), p, options);
    return options.inplace === true ? input : result.squeeze(0);
  });
}

/** Zeroes whole channels of `(N, C, L)` or `(C, L)`. */
export function dropout1d(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return channels(input, p, options, 2);
}

/** Zeroes whole channels of `(N, C, H, W)`. An input of three dimensions is taken for `(N, C, L)`, as in PyTorch. */
export function dropout2d(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return channels(input, p, options, -1);
}

/** Zeroes whole channels of `(N, C, D, H, W)` or `(C, D, H, W)`. */
export function dropout3d(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return channels(input, p, options, 4);
}

/** Dropout that keeps mean and variance, for networks of SELU units. */
export function alphaDropout(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return run(alphaDropout$, alphaDropout_$, input, p, options);
}

/** `alphaDropout` of whole channels. */
export function featureAlphaDropout(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return run(featureAlphaDropout$, featureAlphaDropout_$, input, p, options);
}
