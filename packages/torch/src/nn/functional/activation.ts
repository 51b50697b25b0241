/** @file Activation functions, with `inplace` where PyTorch has it. */

import { callOp } from '../../core/dispatch.ts';
import { clamp_$, clamp$, hardtanh_$, hardtanh$, relu_$, relu$ } from '../../core/generated/operators.ts';
import type { Tensor } from '../../core/tensor.ts';

export interface InplaceOptions {
  /** Overwrite the input. Default `false`. */
  inplace?: boolean;
}

/** `max(x, 0)` */
export function relu(input: Tensor, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? relu_$ : relu$, input) as Tensor;
}

/** `min(max(x, 0), 6)` */
export function relu6(input: Tensor, options: InplaceOptions = {}): Tensor {
  return boundedLinear(input, 0, 6, options.inplace === true);
}

export interface HardtanhOptions extends InplaceOptions {
  /** Default −1. */
  minVal?: number;
  /** Default 1. */
  maxVal?: number;
}

/** `min(max(x, minVal), maxVal)` */
export function hardtanh(input: Tensor, options: HardtanhOptions = {}): Tensor {
  return boundedLinear(input, options.minVal ?? -1, options.maxVal ?? 1, options.inplace === true);
}

/**
 * @internal libtorch 1.13 has no CPU kernel for hardtanh's gradient in bfloat16. `clamp` computes the same values and has one;
 * the gradients differ only exactly at the two bounds, where it passes the gradient on.
 */
export function boundedLinear(input: Tensor, min: number, max: number, inplace: boolean): Tensor {
  if (input.dtype === 'bfloat16' && input.device === 'cpu')
    return callOp(inplace ? clamp_$ : clamp$, input, min, max) as Tensor;
  return callOp(inplace ? hardtanh_$ : hardtanh$, input, min, max) as Tensor;
}
