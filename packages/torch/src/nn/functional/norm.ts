/** @file Normalisation functions. */

import { callOp } from '../../core/dispatch.ts';
import { avgPool2d, avgPool3d } from '../../core/generated/functions.ts';
import { batchNorm$, groupNorm$, instanceNorm$, layerNorm$ } from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import { wrap } from '../../fx/active.ts';
import { pad } from './pad.ts';

/** @internal A variance over a single value is nothing to divide by. @throws {ArgumentError} */
export function requireSeveralValues(input: Tensor): void {
  const { shape } = input;
  const values = shape.reduce((product, size, dim) => (dim === 1 ? product : product * size), 1);
  if (values === 1) {
    throw new ArgumentError(
      'input',
      `Expected more than one value per channel while training but received an input of shape [${shape.join(', ')}]`,
    );
  }
}

interface AffineOptions {
  /** Default 1. */
  weight?: Tensor | null;
  /** Default 0. */
  bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

export interface BatchNormFunctionOptions extends AffineOptions {
  /** Normalise with the input's own statistics and update the running ones. Default `false`. */
  training?: boolean;
  /** Share of this batch in the running statistics. Default 0.1. */
  momentum?: number;
}

/**
 * Batch normalisation of `(N, C, …)`.
 *
 * @throws {ArgumentError} while training on a single value per channel
 */
export function batchNorm(
  input: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormFunctionOptions = {},
): Tensor {
  const { weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 } = options;
  if (training) requireSeveralValues(input);
  return callOp(batchNorm$, input, weight, bias, runningMean, runningVar, training, momentum, eps, true) as Tensor;
}

export interface InstanceNormFunctionOptions extends AffineOptions {
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Normalise with the input's own statistics. Default `true`. */
  useInputStats?: boolean;
  /** Default 0.1. */
  momentum?: number;
}

/** Normalises each channel of each sample of `(N, C, …)`. @throws {ArgumentError} for a single spatial element */
export function instanceNorm(input: Tensor, options: InstanceNormFunctionOptions = {}): Tensor {
  const {
    weight = null,
    bias = null,
    runningMean = null,
    runningVar = null,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  } = options;
  const { shape } = input;
  if (useInputStats && shape.slice(2).every((size) => size === 1)) {
    throw new ArgumentError(
      'input',
      `Expected more than one spatial element but received an input of shape [${shape.join(', ')}]`,
    );
  }
  return callOp(
    instanceNorm$,
    input,
    weight,
    bias,
    runningMean,
    runningVar,
    useInputStats,
    momentum,
    eps,
    true,
  ) as Tensor;
}

/** libtorch 1.13 wants input and weight of one type, which autocast does not see to. */
function matching(input: Tensor, weight: Tensor | null): Tensor {
  return weight === null || input.dtype === weight.dtype ? input : input.to(weight.dtype);
}

/** Normalises groups of channels of `(N, C, …)`. In half precision with float32 weights, the result is float32. */
export function groupNorm(input: Tensor, numGroups: number, options: AffineOptions = {}): Tensor {
  const { weight = null, bias = null, eps = 1e-5 } = options;
  return callOp(groupNorm$, matching(input, weight), numGroups, weight, bias, eps, true) as Tensor;
}

/** Normalises over the last dimensions, of sizes `normalizedShape`. In half precision with float32 weights, the result is float32. */
export function layerNorm(input: Tensor, normalizedShape: readonly number[], options: AffineOptions = {}): Tensor {
  const { weight = null, bias = null, eps = 1e-5 } = options;
  return callOp(layerNorm$, matching(input, weight), normalizedShape, weight, bias, eps, true) as Tensor;
}

export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/** Divides each element of `(N, C, …)` by the strength of `size` neighbouring channels. */
export function localResponseNorm(input: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  const { shape } = input;
  const [batch = 0, channels = 0, rows = 0] = shape;
  if (shape.length < 3)
    throw new ArgumentError('input', `Expected three or more dimensions but received shape [${shape.join(', ')}]`);
  if (shape.includes(0)) return input;
  const before = Math.floor(size / 2);
  const after = Math.floor((size - 1) / 2);
  return scope(() => {
    const squares = input.mul(input).unsqueeze(1);
    const mean =
      shape.length === 3
        ? avgPool2d(pad(squares, [0, 0, before, after]), [size, 1], { stride: 1 }).squeeze(1)
        : avgPool3d(pad(squares.view([batch, 1, channels, rows, -1]), [0, 0, 0, 0, before, after]), [size, 1, 1], {
            stride: 1,
          }).view(shape);
    return input.div(mean.mul(alpha).add(k).pow(beta));
  });
}

export interface NormalizeOptions {
  /** Exponent of the norm. Default 2. */
  p?: number;
  /** Default 1. */
  dim?: number | readonly number[];
  /** Least divisor. Default 1e-12. */
  eps?: number;
}

/** Divides by the norm along a dimension. */
export const normalize = wrap('normalize', scaleToUnit);

function scaleToUnit(input: Tensor, options: NormalizeOptions = {}): Tensor {
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  return scope(() =>
    input.div(
      input
        .norm(p, typeof dim === 'number' ? [dim] : dim, { keepdim: true })
        .clampMin(eps)
        .expandAs(input),
    ),
  );
}
