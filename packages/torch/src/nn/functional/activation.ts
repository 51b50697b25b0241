/** @file Activation functions, with `inplace` where PyTorch has it. */

import { callOp, Operator } from '../../core/dispatch.ts';
import {
  celu_$,
  celu$,
  clamp_$,
  clamp$,
  elu_$,
  elu$,
  gelu$,
  glu$,
  hardshrink$,
  hardsigmoid_$,
  hardsigmoid$,
  hardswish_$,
  hardswish$,
  hardtanh_$,
  hardtanh$,
  leakyRelu_$,
  leakyRelu$,
  logSigmoid$,
  mish_$,
  mish$,
  prelu$,
  relu_$,
  relu$,
  rrelu_$,
  rrelu$,
  selu_$,
  selu$,
  silu_$,
  silu$,
  softplus$,
  softshrink$,
  threshold_$,
  threshold$,
} from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';

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
 * libtorch 1.13 has no CPU kernel for hardtanh's gradient in bfloat16. `clamp` computes the same values and has one; the
 * gradients differ only exactly at the two bounds, where it passes the gradient on.
 */
function boundedLinear(input: Tensor, min: number, max: number, inplace: boolean): Tensor {
  if (isHalfOnCpu(input)) return callOp(inplace ? clamp_$ : clamp$, input, min, max) as Tensor;
  return callOp(inplace ? hardtanh_$ : hardtanh$, input, min, max) as Tensor;
}

function isHalfOnCpu(input: Tensor): boolean {
  return input.dtype === 'bfloat16' && input.device === 'cpu';
}

/** `x` above zero, `negativeSlope · x` below. */
export function leakyRelu(input: Tensor, negativeSlope = 0.01, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? leakyRelu_$ : leakyRelu$, input, negativeSlope) as Tensor;
}

/** `x` above zero, `weight · x` below; `weight` holds one number, or one a channel. */
export function prelu(input: Tensor, weight: Tensor): Tensor {
  return callOp(prelu$, input, weight) as Tensor;
}

export interface RReluOptions extends InplaceOptions {
  /** Default 1/8. */
  lower?: number;
  /** Default 1/3. */
  upper?: number;
  /** Draw slopes; otherwise the mean of the two bounds is the slope. Default `false`. */
  training?: boolean;
}

/** Leaky ReLU with slopes drawn between `lower` and `upper` while training. */
export function rrelu(input: Tensor, options: RReluOptions = {}): Tensor {
  const { lower = 1 / 8, upper = 1 / 3, training = false, inplace = false } = options;
  return callOp(inplace ? rrelu_$ : rrelu$, input, lower, upper, training) as Tensor;
}

/** `x` above zero, `alpha · (exp(x) − 1)` below. */
export function elu(input: Tensor, alpha = 1, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? elu_$ : elu$, input, alpha) as Tensor;
}

/** `x` above zero, `alpha · (exp(x / alpha) − 1)` below. */
export function celu(input: Tensor, alpha = 1, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? celu_$ : celu$, input, alpha) as Tensor;
}

/** ELU with the scale and alpha that keep mean and variance. */
export function selu(input: Tensor, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? selu_$ : selu$, input) as Tensor;
}

export interface GeluOptions {
  /** `none` is exact, `tanh` the usual approximation. Default `none`. */
  approximate?: 'none' | 'tanh';
}

/** `x · Φ(x)`, with the distribution function of the normal distribution. */
export function gelu(input: Tensor, options: GeluOptions = {}): Tensor {
  return callOp(gelu$, input, options.approximate ?? 'none') as Tensor;
}

/** `x · sigmoid(x)`, also called swish. */
export function silu(input: Tensor, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? silu_$ : silu$, input) as Tensor;
}

/** `x · tanh(softplus(x))` */
export function mish(input: Tensor, options: InplaceOptions = {}): Tensor {
  // libtorch 1.13 has no CPU kernel for it in bfloat16.
  if (isHalfOnCpu(input)) {
    return scope(() => {
      const result = (callOp(mish$, input.float()) as Tensor).to('bfloat16');
      return options.inplace === true ? input.copy_(result) : result;
    });
  }
  return callOp(options.inplace === true ? mish_$ : mish$, input) as Tensor;
}

/** `x · min(max(x + 3, 0), 6) / 6` */
export function hardswish(input: Tensor, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? hardswish_$ : hardswish$, input) as Tensor;
}

/** `min(max(x + 3, 0), 6) / 6` */
export function hardsigmoid(input: Tensor, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? hardsigmoid_$ : hardsigmoid$, input) as Tensor;
}

/** `x` above `threshold`, `value` elsewhere. */
export function threshold(input: Tensor, limit: number, value: number, options: InplaceOptions = {}): Tensor {
  return callOp(options.inplace === true ? threshold_$ : threshold$, input, limit, value) as Tensor;
}

export interface SoftplusOptions {
  /** Sharpness of the bend. Default 1. */
  beta?: number;
  /** Above this value of `beta · x` the result is `x` itself. Default 20. */
  threshold?: number;
}

/** `log(1 + exp(beta · x)) / beta`: a smooth ReLU. */
export function softplus(input: Tensor, options: SoftplusOptions = {}): Tensor {
  return callOp(softplus$, input, options.beta ?? 1, options.threshold ?? 20) as Tensor;
}

/** `log(sigmoid(x))` */
export function logsigmoid(input: Tensor): Tensor {
  return callOp(logSigmoid$, input) as Tensor;
}

/** `x / (1 + |x|)` */
export function softsign(input: Tensor): Tensor {
  return scope(() => input.div(input.abs().add(1)));
}

/** `x − tanh(x)` */
export function tanhshrink(input: Tensor): Tensor {
  return scope(() => input.sub(input.tanh()));
}

/** Moves values towards zero by `lambd`; those within become zero. */
export function softshrink(input: Tensor, lambd = 0.5): Tensor {
  return callOp(softshrink$, input, lambd) as Tensor;
}

/** Sets values within `lambd` of zero to zero. */
export function hardshrink(input: Tensor, lambd = 0.5): Tensor {
  return callOp(hardshrink$, input, lambd) as Tensor;
}

/** `a · sigmoid(b)`, with `a` and `b` the two halves of the input along `dim`. */
export function glu(input: Tensor, dim = -1): Tensor {
  return callOp(glu$, input, dim) as Tensor;
}

const SIGMOID = new Operator('aten::sigmoid');
const TANH = new Operator('aten::tanh');

export function sigmoid(input: Tensor): Tensor {
  return callOp(SIGMOID, input) as Tensor;
}

export function tanh(input: Tensor): Tensor {
  return callOp(TANH, input) as Tensor;
}

/** @internal Refuses bounds of which the first is not below the second. @throws {ArgumentError} */
export function checkBounds(name: string, lower: number, upper: number): void {
  if (!(lower < upper)) throw new ArgumentError(name, `Expected ${name} to be above ${lower} but received ${upper}`);
}
