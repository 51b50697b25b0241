/** @file Pools: layers where padding is the same at both ends, else a padded input and a layer. */

import {
  adaptiveMaxPool2d,
  arange,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  nn,
  onesLike,
  scatter,
  type Tensor,
  zeros,
} from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';
import { byRank, padSpatial, sizes, type Windows, windowsOf } from './windows.ts';

const MAX_LAYERS = [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d] as unknown as readonly (typeof nn.MaxPool2d)[];
const AVERAGE_LAYERS = [nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d] as unknown as readonly (typeof nn.AvgPool2d)[];
const GLOBAL_AVERAGE = [
  nn.AdaptiveAvgPool1d,
  nn.AdaptiveAvgPool2d,
  nn.AdaptiveAvgPool3d,
] as unknown as readonly (typeof nn.AdaptiveAvgPool2d)[];
const GLOBAL_MAX = [
  nn.AdaptiveMaxPool1d,
  nn.AdaptiveMaxPool2d,
  nn.AdaptiveMaxPool3d,
] as unknown as readonly (typeof nn.AdaptiveMaxPool2d)[];
const MAX = [maxPool1d, maxPool2d, maxPool3d] as unknown as readonly (typeof maxPool2d)[];
const AVERAGE = [avgPool1d, avgPool2d, avgPool3d] as unknown as readonly (typeof avgPool2d)[];

function windows(call: OnnxCall, input: Tensor): Windows {
  const kernel = call.ints('kernel_shape');
  if (kernel === undefined) throw call.unsupported('kernel_shape is missing');
  return windowsOf(call, input, kernel);
}

function maxPool(call: OnnxCall): Tensor | Tensor[] {
  const input = call.tensor(0);
  const given = windows(call, input);
  const { rank, kernel, strides, dilations } = given;
  const ceilMode = call.int('ceil_mode', 0) === 1;
  if (call.wants(1)) return maxPoolWithPositions(call, input, given, ceilMode);
  // libtorch pads by at most half a window, and integers not at all.
  const inside =
    given.symmetric &&
    given.begin.every((size, i) => size <= Math.floor((kernel[i] ?? 1) / 2)) &&
    input.dtype.startsWith('float');
  const padded = inside ? input : padSpatial(input, given.begin, given.end, lowest(input));
  const padding = inside ? given.begin : sizes(rank, 0);
  const options = {
    stride: strides as [number, number],
    padding: padding as [number, number],
    dilation: dilations as [number, number],
    ceilMode,
  };
  if (!padded.dtype.startsWith('float'))
    return byRank(call, rank, MAX)(padded.to('float64'), kernel, options).to(padded.dtype);
  return call.apply(
    () => new (byRank(call, rank, MAX_LAYERS))(kernel as [number, number], options) as nn.Module,
    (x) => byRank(call, rank, MAX)(x, kernel, options),
    padded,
  );
}

function lowest({ dtype }: Tensor): number {
  if (dtype.startsWith('float')) return Number.NEGATIVE_INFINITY;
  return dtype === 'int8' ? -128 : dtype === 'uint8' ? 0 : -(2 ** 31);
}

/** Positions count through the whole tensor in ONNX, through one plane in libtorch. */
function maxPoolWithPositions(
  call: OnnxCall,
  input: Tensor,
  { rank, kernel, strides, dilations, begin, symmetric }: Windows,
  ceilMode: boolean,
): Tensor[] {
  if (rank !== 2 || !symmetric) throw call.unsupported('positions are found in two dimensions with equal padding only');
  const [values, plane] = maxPool2dWithIndices(input, kernel, strides, begin, dilations, ceilMode);
  const [batch = 0, channels = 0, height = 0, width = 0] = input.shape;
  const inPlane =
    call.int('storage_order', 0) === 1
      ? plane
          .remainder(width)
          .mul(height)
          .add(plane.div(width, { roundingMode: 'floor' }))
      : plane;
  const offset = arange(batch * channels)
    .mul(height * width)
    .reshape([batch, channels, 1, 1]);
  return [values, inPlane.add(offset)];
}

function averagePool(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const given = windows(call, input);
  const { rank, kernel, strides, begin, end } = given;
  const countPadding = call.int('count_include_pad', 0) === 1;
  const options = { ceilMode: call.int('ceil_mode', 0) === 1, stride: strides as [number, number] };
  if (given.dilations.some((size) => size !== 1)) throw call.unsupported('dilated averages have no counterpart');
  const half = begin.every((size, i) => size <= Math.floor((kernel[i] ?? 1) / 2));
  if (given.symmetric && half) {
    const all = { ...options, padding: begin as [number, number], countIncludePad: countPadding };
    return call.apply(
      () => new (byRank(call, rank, AVERAGE_LAYERS))(kernel as [number, number], all) as nn.Module,
      (x) => byRank(call, rank, AVERAGE)(x, kernel, all),
    );
  }
  const pool = (x: Tensor) => byRank(call, rank, AVERAGE)(padSpatial(x, begin, end), kernel, options);
  // Without counting the padding: divided by the share of each window that lies inside.
  return countPadding ? pool(input) : pool(input).div(pool(onesLike(input)));
}

function globalAverage(call: OnnxCall): Tensor {
  const rank = call.tensor(0).ndim - 2;
  return call.apply(
    () => new (byRank(call, rank, GLOBAL_AVERAGE))(1) as nn.Module,
    (x) => x.mean(spatial(rank), { keepdim: true }),
  );
}

function globalMax(call: OnnxCall): Tensor {
  const rank = call.tensor(0).ndim - 2;
  return call.apply(
    () => new (byRank(call, rank, GLOBAL_MAX))(1) as unknown as nn.Module,
    (x) => (rank === 2 ? adaptiveMaxPool2d(x, 1)[0] : x.amax(spatial(rank), true)),
  );
}

const spatial = (rank: number) => Array.from({ length: rank }, (_, i) => i + 2);

function lpPool(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const given = windows(call, input);
  const p = call.int('p', 2);
  const size = given.kernel.reduce((product, length) => product * length, 1);
  const sums = byRank(call, given.rank, AVERAGE)(padSpatial(input.abs().pow(p), given.begin, given.end), given.kernel, {
    stride: given.strides,
  });
  return sums.mul(size).pow(1 / p);
}

function globalLpPool(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const p = call.int('p', 2);
  return input
    .abs()
    .pow(p)
    .sum(spatial(input.ndim - 2), { keepdim: true })
    .pow(1 / p);
}

/** Puts maxima back where their positions say. */
function maxUnpool(call: OnnxCall): Tensor {
  const [input, positions] = [call.tensor(0), call.tensor(1)];
  const kernel = call.ints('kernel_shape') ?? [];
  const strides = call.ints('strides') ?? sizes(kernel.length, 1);
  const pads = call.ints('pads') ?? sizes(2 * kernel.length, 0);
  const natural = [
    ...input.shape.slice(0, 2),
    ...kernel.map((size, i) => {
      const covered = ((input.shape[i + 2] ?? 1) - 1) * (strides[i] ?? 1) + size;
      return covered - (pads[i] ?? 0) - (pads[i + kernel.length] ?? 0);
    }),
  ];
  const shape = call.optionalNumbers(2) ?? natural;
  const count = (dims: readonly number[]) => dims.reduce((product, size) => product * size, 1);
  // Positions are those in the natural size; a larger result keeps the row and column.
  const flat = scatter(
    zeros([count(natural)], { dtype: input.dtype }),
    0,
    positions.reshape([-1]),
    input.reshape([-1]),
  ).reshape(natural);
  const end = shape.slice(2).map((size, i) => size - (natural[i + 2] ?? 0));
  return padSpatial(flat, sizes(end.length, 0), end);
}

export const pools: LoweringTable = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAverage,
  GlobalMaxPool: globalMax,
  LpPool: lpPool,
  GlobalLpPool: globalLpPool,
  MaxUnpool: maxUnpool,
};
