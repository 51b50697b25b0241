/** @file Resampling to another size, with PyTorch's rules for which scale the kernels are given. */

import { callOp, Operator } from '../../core/dispatch.ts';
import { adaptiveAvgPool1d$, adaptiveAvgPool2d$, adaptiveAvgPool3d$ } from '../../core/generated/operators.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import { wrap } from '../../fx/active.ts';
import type { SizeN } from '../sizes.ts';

export type InterpolationMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area';

export interface InterpolateOptions {
  /** Spatial size of the result. Either this or `scaleFactor`. */
  size?: SizeN | null;
  /** Factor a spatial dimension, or one for all. */
  scaleFactor?: SizeN | null;
  /** Default `nearest`. */
  mode?: InterpolationMode;
  /** Whether the corner elements' centres, rather than their outer edges, stay in place. Not for `nearest…` and `area`. Default `false`. */
  alignCorners?: boolean | null;
  /** Sample by the ratio of the whole-numbered sizes instead of by `scaleFactor` itself. Default `false`. */
  recomputeScaleFactor?: boolean | null;
  /** Low-pass filter when shrinking; `bilinear` and `bicubic` only. Default `false`. */
  antialias?: boolean;
}

const vec = (name: string) => new Operator(`aten::${name}`, 'vec');

/** Operators by the input's number of spatial dimensions. */
const NEAREST = [vec('upsample_nearest1d'), vec('upsample_nearest2d'), vec('upsample_nearest3d')];
const NEAREST_EXACT = [
  vec('_upsample_nearest_exact1d'),
  vec('_upsample_nearest_exact2d'),
  vec('_upsample_nearest_exact3d'),
];
const AREA = [adaptiveAvgPool1d$, adaptiveAvgPool2d$, adaptiveAvgPool3d$];
const SMOOTH: Partial<
  Record<InterpolationMode, { readonly dims: number; readonly plain: Operator; readonly antialiased?: Operator }>
> = {
  linear: { dims: 1, plain: vec('upsample_linear1d') },
  bilinear: { dims: 2, plain: vec('upsample_bilinear2d'), antialiased: vec('_upsample_bilinear2d_aa') },
  bicubic: { dims: 2, plain: vec('upsample_bicubic2d'), antialiased: vec('_upsample_bicubic2d_aa') },
  trilinear: { dims: 3, plain: vec('upsample_trilinear3d') },
};

/**
 * Resamples the spatial dimensions of `(N, C, …)`.
 *
 * @throws {ArgumentError} unless exactly one of `size` and `scaleFactor` is given, and for a mode or option that does not go
 * with the input's number of dimensions or with each other
 */
export const interpolate = wrap('interpolate', resample);

function resample(input: Tensor, options: InterpolateOptions): Tensor {
  const { mode = 'nearest', antialias = false } = options;
  const dims = input.ndim - 2;
  const smooth = SMOOTH[mode];
  if (dims < 1 || dims > 3) throw refused(input, mode, 'inputs have 3 to 5 dimensions');
  if (smooth !== undefined && smooth.dims !== dims)
    throw refused(input, mode, `it takes inputs of ${smooth.dims + 2} dimensions`);
  const { size, scales } = target(input, options, dims);

  if (smooth === undefined) {
    if (options.alignCorners != null)
      throw new ArgumentError('alignCorners', `alignCorners does not go with mode '${mode}'`);
    if (antialias) throw new ArgumentError('antialias', `antialias does not go with mode '${mode}'`);
    const operators =
      mode === 'nearest' ? NEAREST : mode === 'nearest-exact' ? NEAREST_EXACT : mode === 'area' ? AREA : undefined;
    const operator = operators?.[dims - 1];
    if (operator === undefined) {
      throw ArgumentError.expected(
        'mode',
        'nearest, nearest-exact, linear, bilinear, bicubic, trilinear or area',
        mode,
      );
    }
    return (mode === 'area' ? callOp(operator, input, size) : callOp(operator, input, size, scales)) as Tensor;
  }
  const operator = antialias ? smooth.antialiased : smooth.plain;
  if (operator === undefined) throw new ArgumentError('antialias', `antialias does not go with mode '${mode}'`);
  return callOp(operator, input, size, options.alignCorners ?? false, scales) as Tensor;
}

/** Output size or scales, of which the kernels get one: from a size alone they work out the scales themselves. */
function target(
  input: Tensor,
  options: InterpolateOptions,
  dims: number,
): { size: number[] | null; scales: number[] | null } {
  const { size, scaleFactor, mode } = options;
  if ((size == null) === (scaleFactor == null)) {
    throw new ArgumentError(
      'size',
      `Expected either size or scaleFactor, but ${size == null ? 'neither was' : 'both were'} given`,
    );
  }
  if (scaleFactor == null) {
    if (options.recomputeScaleFactor === true)
      throw new ArgumentError('recomputeScaleFactor', 'recomputeScaleFactor does not go with size');
    return { size: perDimension('size', size ?? 0, dims, input), scales: null };
  }
  const scales = perDimension('scaleFactor', scaleFactor, dims, input);
  if (options.recomputeScaleFactor !== true && mode !== 'area') return { size: null, scales };
  const { shape } = input;
  return { size: scales.map((scale, i) => Math.floor((shape[i + 2] ?? 0) * scale)), scales: null };
}

function perDimension(argument: string, value: SizeN, dims: number, input: Tensor): number[] {
  const values = typeof value === 'number' ? new Array<number>(dims).fill(value) : [...value];
  if (values.length !== dims) {
    throw new ArgumentError(
      argument,
      `Expected ${dims} numbers for ${argument} of an input of shape [${input.shape.join(', ')}] but received [${values.join(', ')}]`,
    );
  }
  return values;
}

function refused(input: Tensor, mode: string, rule: string): ArgumentError {
  return new ArgumentError(
    'mode',
    `Mode '${mode}' does not fit an input of shape [${input.shape.join(', ')}]: ${rule}`,
  );
}
