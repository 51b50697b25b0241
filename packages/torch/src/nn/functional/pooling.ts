/** @file Pooling functions beyond the generated operators: power-average, unpooling, fractional pooling, open output sizes. */

import { rand } from '../../core/creation.ts';
import { callOp } from '../../core/dispatch.ts';
import { avgPool1d, avgPool2d } from '../../core/generated/functions.ts';
import {
  adaptiveAvgPool1d$,
  adaptiveAvgPool2d$,
  adaptiveAvgPool3d$,
  fractionalMaxPool2d$,
  fractionalMaxPool3d$,
  maxUnpool2d$,
  maxUnpool3d$,
} from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import { expandSize, type Size1, type Size2, type SizeN } from '../sizes.ts';

/** A size, or one for each spatial dimension; `null` keeps the input's. */
export type OutputSizeN = number | null | readonly (number | null)[];

/** @internal The sizes with the input's own where `null` stands. */
export function completeOutputSize(input: Tensor, outputSize: OutputSizeN, dims: number): number | readonly number[] {
  if (typeof outputSize === 'number') return outputSize;
  const wanted = outputSize ?? new Array<null>(dims).fill(null);
  if (!wanted.includes(null)) return expandSize('outputSize', wanted as readonly number[], dims);
  const own = input.shape.slice(-dims);
  return expandSize(
    'outputSize',
    wanted.map((size, i) => size ?? own[i] ?? 0),
    dims,
  );
}

/** Averages of `(N, C, L)` over as many windows as the output size asks for. */
export function adaptiveAvgPool1d(input: Tensor, outputSize: OutputSizeN): Tensor {
  return callOp(adaptiveAvgPool1d$, input, completeOutputSize(input, outputSize, 1)) as Tensor;
}

/** Averages of `(N, C, H, W)` over as many windows as the output size asks for. */
export function adaptiveAvgPool2d(input: Tensor, outputSize: OutputSizeN): Tensor {
  return callOp(adaptiveAvgPool2d$, input, completeOutputSize(input, outputSize, 2)) as Tensor;
}

/** Averages of `(N, C, D, H, W)` over as many windows as the output size asks for. */
export function adaptiveAvgPool3d(input: Tensor, outputSize: OutputSizeN): Tensor {
  return callOp(adaptiveAvgPool3d$, input, completeOutputSize(input, outputSize, 3)) as Tensor;
}

export interface LPPoolOptions<S extends SizeN = SizeN> {
  /** Default: the kernel size. */
  stride?: S | null;
  /** Round the output size up instead of down. Default `false`. */
  ceilMode?: boolean;
}

/** The p-norm of windows of `(N, C, L)`: `normType` 1 sums, larger ones approach the maximum. */
export function lpPool1d(
  input: Tensor,
  normType: number,
  kernelSize: Size1,
  options: LPPoolOptions<Size1> = {},
): Tensor {
  const [size = 1] = expandSize('kernelSize', kernelSize, 1);
  const stride = options.stride ?? kernelSize;
  return scope(() =>
    root(avgPool1d(input.pow(normType), kernelSize, { stride, ceilMode: options.ceilMode ?? false }), size, normType),
  );
}

/** The p-norm of windows of `(N, C, H, W)`. */
export function lpPool2d(
  input: Tensor,
  normType: number,
  kernelSize: Size2,
  options: LPPoolOptions<Size2> = {},
): Tensor {
  const [height = 1, width = 1] = expandSize('kernelSize', kernelSize, 2);
  const stride = options.stride ?? kernelSize;
  return scope(() =>
    root(
      avgPool2d(input.pow(normType), kernelSize, { stride, ceilMode: options.ceilMode ?? false }),
      height * width,
      normType,
    ),
  );
}

function root(mean: Tensor, count: number, normType: number): Tensor {
  return mean
    .sign()
    .mul(mean.abs().relu())
    .mul(count)
    .pow(1 / normType);
}

export interface MaxUnpoolOptions {
  /** Default: the kernel size. */
  stride?: SizeN | null;
  /** Default 0. */
  padding?: SizeN;
  /** Spatial size of the result (or its whole shape), where several sizes pool to the input's. */
  outputSize?: readonly number[] | null;
}

/** Puts values of `(N, C, L)` back where a max pool found them; zeros elsewhere. */
export function maxUnpool1d(input: Tensor, indices: Tensor, kernelSize: SizeN, options: MaxUnpoolOptions = {}): Tensor {
  const size = [...unpooledSize(input, kernelSize, options, 1).size, 1];
  return scope(() => (callOp(maxUnpool2d$, input.unsqueeze(-1), indices.unsqueeze(-1), size) as Tensor).squeeze(-1));
}

/** Puts values of `(N, C, H, W)` back where a max pool found them; zeros elsewhere. */
export function maxUnpool2d(input: Tensor, indices: Tensor, kernelSize: SizeN, options: MaxUnpoolOptions = {}): Tensor {
  return callOp(maxUnpool2d$, input, indices, unpooledSize(input, kernelSize, options, 2).size) as Tensor;
}

/** Puts values of `(N, C, D, H, W)` back where a max pool found them; zeros elsewhere. */
export function maxUnpool3d(input: Tensor, indices: Tensor, kernelSize: SizeN, options: MaxUnpoolOptions = {}): Tensor {
  const { size, stride, padding } = unpooledSize(input, kernelSize, options, 3);
  return callOp(maxUnpool3d$, input, indices, size, stride, padding) as Tensor;
}

function unpooledSize(input: Tensor, kernelSize: SizeN, options: MaxUnpoolOptions, dims: number) {
  const kernel = expandSize('kernelSize', kernelSize, dims);
  const stride = expandSize('stride', options.stride ?? kernelSize, dims);
  const padding = expandSize('padding', options.padding ?? 0, dims);
  const spatial = input.shape.slice(-dims);
  const usual = spatial.map((size, i) => (size - 1) * (stride[i] ?? 1) + (kernel[i] ?? 1) - 2 * (padding[i] ?? 0));
  if (options.outputSize == null) return { size: usual, stride, padding };
  const wanted = options.outputSize.slice(-dims);
  wanted.forEach((size, i) => {
    const range = stride[i] ?? 1;
    const middle = usual[i] ?? 0;
    if (size <= middle - range || size >= middle + range) {
      throw new ArgumentError(
        'outputSize',
        `Expected ${middle - range + 1} to ${middle + range - 1} for dimension ${i} of outputSize but received ${size}`,
      );
    }
  });
  return { size: wanted, stride, padding };
}

export interface FractionalMaxPoolOptions {
  /** Either this or `outputRatio`. */
  outputSize?: SizeN | null;
  /** Output size as a share of the input's, between 0 and 1. */
  outputRatio?: SizeN | null;
  /** Where the windows lie, `(N, C, dims)` in [0, 1). Drawn if not given. */
  randomSamples?: Tensor | null;
}

/** Maxima of `(N, C, H, W)` over windows of random places, with their positions. */
export function fractionalMaxPool2dWithIndices(
  input: Tensor,
  kernelSize: SizeN,
  options: FractionalMaxPoolOptions,
): [Tensor, Tensor] {
  return fractional(input, kernelSize, options, 2);
}

/** Maxima of `(N, C, D, H, W)` over windows of random places, with their positions. */
export function fractionalMaxPool3dWithIndices(
  input: Tensor,
  kernelSize: SizeN,
  options: FractionalMaxPoolOptions,
): [Tensor, Tensor] {
  return fractional(input, kernelSize, options, 3);
}

function fractional(
  input: Tensor,
  kernelSize: SizeN,
  options: FractionalMaxPoolOptions,
  dims: 2 | 3,
): [Tensor, Tensor] {
  const { outputSize, outputRatio, randomSamples } = options;
  if ((outputSize == null) === (outputRatio == null)) {
    throw new ArgumentError('outputSize', 'Expected either outputSize or outputRatio');
  }
  const { shape } = input;
  const size =
    outputRatio == null
      ? expandSize('outputSize', outputSize ?? 0, dims)
      : expandSize('outputRatio', outputRatio, dims).map((ratio, i) =>
          Math.floor((shape[shape.length - dims + i] ?? 0) * ratio),
        );
  return scope(() => {
    const batch = shape.length === dims + 1 ? 1 : (shape[0] ?? 1);
    const channels = shape[shape.length - dims - 1] ?? 1;
    const samples = randomSamples ?? rand([batch, channels, dims], { dtype: input.dtype, device: input.device });
    return callOp(dims === 2 ? fractionalMaxPool2d$ : fractionalMaxPool3d$, input, kernelSize, size, samples) as [
      Tensor,
      Tensor,
    ];
  });
}
