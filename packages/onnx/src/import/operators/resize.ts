/** @file Resize and Upsample: libtorch's interpolation where it computes the same, else a product with a matrix a dimension. */

import { fromTypedArray, nn, type Tensor } from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';
import { type Coordinates, interpolationMatrix } from '../interpolation.ts';

interface Target {
  /** Size of each dimension. */
  readonly sizes: number[];
  readonly scales: number[];
  /** The file gives scales, not sizes. */
  readonly byScale: boolean;
}

function targetOf(call: OnnxCall, input: Tensor): Target {
  const { shape } = input;
  const axes = call.ints('axes')?.map((axis) => call.axis(axis, input.ndim)) ?? shape.map((_, i) => i);
  const scalesAt = call.opset < 11 ? 1 : 2;
  const upsampleScales = call.floats('scales');
  const given = upsampleScales ?? (call.has(scalesAt) ? call.numbers(scalesAt) : []);
  if (call.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    throw call.unsupported('only keep_aspect_ratio_policy stretch has a counterpart');
  if (given.length > 0) {
    const scales = shape.map((_, i) => (axes.includes(i) ? (given[axes.indexOf(i)] ?? 1) : 1));
    return { scales, sizes: shape.map((size, i) => Math.floor(size * (scales[i] ?? 1))), byScale: true };
  }
  const sizes = call.numbers(3);
  const wanted = shape.map((size, i) => (axes.includes(i) ? (sizes[axes.indexOf(i)] ?? size) : size));
  return { sizes: wanted, scales: wanted.map((size, i) => size / (shape[i] ?? 1)), byScale: false };
}

function resize(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const target = targetOf(call, input);
  if (call.int('antialias', 0) === 1) throw call.unsupported('antialias has no counterpart');
  const mode = call.string('mode', 'nearest');
  // Opset 10 and Upsample take positions as they are.
  const coordinates = call.string('coordinate_transformation_mode', call.opset < 11 ? 'asymmetric' : 'half_pixel');
  const rounding = call.string('nearest_mode', call.opset < 11 ? 'floor' : 'round_prefer_floor');
  return (
    interpolated(call, input, target, mode, coordinates, rounding) ??
    byMatrices(call, input, target, mode, coordinates, rounding)
  );
}

const SMOOTH: Readonly<Record<string, readonly (nn.InterpolationMode | undefined)[]>> = {
  linear: ['linear', 'bilinear', 'trilinear'],
  cubic: [undefined, 'bicubic', undefined],
};

/** By libtorch's own interpolation; `undefined` where it would compute something else. */
function interpolated(
  call: OnnxCall,
  input: Tensor,
  { sizes, scales, byScale }: Target,
  mode: string,
  coordinates: string,
  rounding: string,
): Tensor | undefined {
  const rank = input.ndim - 2;
  const keepsChannels = sizes[0] === input.shape[0] && sizes[1] === input.shape[1];
  if (!input.dtype.startsWith('float') || rank < 1 || rank > 3 || !keepsChannels) return undefined;
  const integral = scales.every((scale) => Number.isInteger(scale) || Number.isInteger(1 / scale));
  const size = sizes.slice(2);
  const scaleFactor = scales.slice(2);
  // Only scales that give the very sizes are handed on; with others libtorch would sample elsewhere.
  const to = byScale && integral ? { scaleFactor } : { size };
  if (byScale && !integral && scaleFactor.some((scale, i) => scale !== (size[i] ?? 0) / (input.shape[i + 2] ?? 1)))
    return undefined;
  if (mode === 'nearest') {
    const floor = coordinates === 'asymmetric' && rounding === 'floor';
    const exact =
      integral &&
      scaleFactor.every((scale) => scale >= 1) &&
      coordinates === 'half_pixel' &&
      rounding.startsWith('round');
    if (floor || exact) return nn.functional.interpolate(input, { ...to, mode: 'nearest' });
    return undefined;
  }
  const name = SMOOTH[mode]?.[rank - 1];
  const half =
    coordinates === 'half_pixel' || (coordinates === 'pytorch_half_pixel' && size.every((length) => length > 1));
  const aligned = coordinates === 'align_corners';
  const plainCubic =
    mode !== 'cubic' ||
    (Math.abs(call.float('cubic_coeff_a', -0.75) + 0.75) < 1e-6 && call.int('exclude_outside', 0) === 0);
  if (name === undefined || !plainCubic || (!half && !aligned)) return undefined;
  return nn.functional.interpolate(input, { ...(aligned ? { size } : to), mode: name, alignCorners: aligned });
}

/** Every interpolation is linear in the input: one product with a matrix for each dimension that changes. */
function byMatrices(
  call: OnnxCall,
  input: Tensor,
  { sizes, scales }: Target,
  mode: string,
  transformation: string,
  rounding: string,
): Tensor {
  const region = transformation === 'tf_crop_and_resize' ? call.numbers(1) : undefined;
  const coordinates: Coordinates = {
    mode,
    transformation,
    rounding,
    cubicA: call.float('cubic_coeff_a', -0.75),
    excludeOutside: call.int('exclude_outside', 0) === 1,
    extrapolation: call.float('extrapolation_value', 0),
  };
  const floating = input.dtype.startsWith('float') ? input : input.to('float32');
  const result = sizes.reduce((value, size, axis) => {
    const length = input.shape[axis] ?? 1;
    const crop = region === undefined ? undefined : ([region[axis] ?? 0, region[axis + input.ndim] ?? 1] as const);
    if (size === length && scales[axis] === 1 && (crop === undefined || (crop[0] === 0 && crop[1] === 1))) return value;
    const made = interpolationMatrix(length, size, scales[axis] ?? 1, coordinates, crop);
    if (made === undefined) throw call.unsupported(`the mode ${mode}, ${transformation}, ${rounding} is not known`);
    const matrix = fromTypedArray(made.matrix, [size, length]).to(value.dtype);
    const product = value.movedim(axis, -1).matmul(matrix.t()).movedim(-1, axis);
    if (made.outside.every((share) => share === 0)) return product;
    const shape = value.shape.map((_, i) => (i === axis ? size : 1));
    const outside = fromTypedArray(made.outside, shape).to(value.dtype);
    return product.mul(outside.neg().add(1)).add(outside.mul(coordinates.extrapolation));
  }, floating);
  return result.dtype === input.dtype ? result : result.to(input.dtype);
}

export const resizing: LoweringTable = { Resize: resize, Upsample: resize };
