/** @file Sliding blocks and sampling at given places: unfold, fold, grid sampling. */

import { callOp } from '../../core/dispatch.ts';
import { affineGridGenerator$, col2im$, gridSampler$, im2col$ } from '../../core/generated/operators.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import { expandSize, type Size2 } from '../sizes.ts';

export interface BlockOptions {
  /** Default 1. */
  dilation?: Size2;
  /** Zeros at both ends of each spatial dimension. Default 0. */
  padding?: Size2;
  /** Default 1. */
  stride?: Size2;
}

/** The blocks under a sliding window of `(N, C, H, W)`, as columns: `(N, C · window, blocks)`. */
export function unfold(input: Tensor, kernelSize: Size2, options: BlockOptions = {}): Tensor {
  const { dilation = 1, padding = 0, stride = 1 } = options;
  return callOp(
    im2col$,
    input,
    pair('kernelSize', kernelSize),
    pair('dilation', dilation),
    pair('padding', padding),
    pair('stride', stride),
  ) as Tensor;
}

/** Adds columns of blocks up to an image: the reverse of `unfold` where blocks do not overlap. */
export function fold(input: Tensor, outputSize: Size2, kernelSize: Size2, options: BlockOptions = {}): Tensor {
  const { dilation = 1, padding = 0, stride = 1 } = options;
  return callOp(
    col2im$,
    input,
    pair('outputSize', outputSize),
    pair('kernelSize', kernelSize),
    pair('dilation', dilation),
    pair('padding', padding),
    pair('stride', stride),
  ) as Tensor;
}

function pair(argument: string, value: Size2): number[] {
  return expandSize(argument, value, 2);
}

const MODES = ['bilinear', 'nearest', 'bicubic'] as const;
const PADDING_MODES = ['zeros', 'border', 'reflection'] as const;

export interface GridSampleOptions {
  /** Default `bilinear`. */
  mode?: (typeof MODES)[number];
  /** What lies outside the input. Default `zeros`. */
  paddingMode?: (typeof PADDING_MODES)[number];
  /** Whether −1 and 1 are the centres of the corner elements, rather than their outer edges. Default `false`. */
  alignCorners?: boolean;
}

/**
 * Samples `(N, C, H, W)` at the places `(N, H', W', 2)` of `grid`: (x, y) from −1 to 1. With five dimensions likewise.
 *
 * @throws {ArgumentError} for an unknown mode
 */
export function gridSample(input: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const { mode = 'bilinear', paddingMode = 'zeros', alignCorners = false } = options;
  return callOp(
    gridSampler$,
    input,
    grid,
    code('mode', MODES, mode),
    code('paddingMode', PADDING_MODES, paddingMode),
    alignCorners,
  ) as Tensor;
}

function code(argument: string, known: readonly string[], value: string): number {
  const found = known.indexOf(value);
  if (found < 0) throw ArgumentError.expected(argument, known.join(', '), value);
  return found;
}

/**
 * A grid for `gridSample` from affine matrices.
 *
 * @param theta `(N, 2, 3)` for images, `(N, 3, 4)` for volumes
 * @param size shape of the output, `(N, C, H, W)` or `(N, C, D, H, W)`
 */
export function affineGrid(theta: Tensor, size: readonly number[], options: { alignCorners?: boolean } = {}): Tensor {
  const { shape } = theta;
  const spatial = size.length - 2;
  if ((spatial !== 2 && spatial !== 3) || shape.length !== 3 || shape[1] !== spatial || shape[2] !== spatial + 1) {
    throw new ArgumentError(
      'theta',
      `Expected theta of shape (N, 2, 3) for a size of 4 or (N, 3, 4) for a size of 5 but received shape [${shape.join(', ')}] for size [${size.join(', ')}]`,
    );
  }
  return callOp(affineGridGenerator$, theta, size, options.alignCorners ?? false) as Tensor;
}
