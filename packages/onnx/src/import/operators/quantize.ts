/** @file Quantised operators: pairs of rounding and its inverse become quantisers, integer products the exact real ones. */

import {
  type DType,
  fakeQuantizePerChannelAffine,
  fakeQuantizePerTensorAffine,
  matmul,
  round,
  type Tensor,
} from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';
import { convolve } from './conv.ts';
import { padSpatial, sizes, windowsOf } from './windows.ts';

const RANGES: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
};

function rangeOf(call: OnnxCall, dtype: DType): readonly [number, number] {
  const range = RANGES[dtype];
  if (range === undefined) throw call.unsupported(`quantisers of ${dtype} have no counterpart`);
  return range;
}

/** A vector along dimension `axis`; a single number as it is. */
function along(vector: Tensor, axis: number, rank: number): Tensor {
  if (vector.numel() === 1) return vector.reshape([]);
  const shape = Array.from({ length: rank }, (_, i) => (i === axis ? vector.numel() : 1));
  return vector.reshape(shape);
}

const AXIS = 1;

function quantizeLinear(call: OnnxCall): Tensor {
  const source = call.tensor(0);
  const scale = call.tensor(1);
  const zeroPoint = call.optional(2);
  const dtype = zeroPoint?.dtype ?? 'uint8';
  const axis = scale.numel() === 1 ? AXIS : call.axis(call.int('axis', AXIS), source.ndim);
  call.context.setRounding(call.node.output?.[0] ?? '', { source, scale, zeroPoint, dtype, axis });
  return quantized(call, source, scale, zeroPoint, dtype, axis);
}

function quantized(
  call: OnnxCall,
  source: Tensor,
  scale: Tensor,
  zeroPoint: Tensor | undefined,
  dtype: DType,
  axis: number,
): Tensor {
  const [min, max] = rangeOf(call, dtype);
  const steps = round(source.div(along(scale, axis, source.ndim)));
  const shifted = zeroPoint === undefined ? steps : steps.add(along(zeroPoint.to(steps.dtype), axis, source.ndim));
  return shifted.clamp(min, max).to(dtype);
}

function dequantized(input: Tensor, scale: Tensor, zeroPoint: Tensor | undefined, axis: number): Tensor {
  const steps = input.to(scale.dtype);
  const centred = zeroPoint === undefined ? steps : steps.sub(along(zeroPoint.to(scale.dtype), axis, input.ndim));
  return centred.mul(along(scale, axis, input.ndim));
}

function dequantizeLinear(call: OnnxCall): Tensor {
  const name = call.inputName(0);
  const rounding = call.context.rounding(name);
  const sameScale = rounding !== undefined && call.isKnown(1) && rounding.scale === call.tensor(1);
  if (rounding !== undefined && sameScale && rounding.dtype in RANGES) {
    return fakeQuantized(call, rounding.source, rounding.dtype, rounding.axis);
  }
  const axis = call.int('axis', AXIS);
  const isWeight = call.isStored(0, 1, 2) && call.stored(0).ndim > 1 && call.stored(0).dtype in RANGES;
  if (!isWeight) return dequantized(call.tensor(0), call.tensor(1), call.optional(2), axis);
  // The weight is trained as what it stands for, and rounded again in each pass.
  const { dtype } = call.stored(0);
  const weight = call.context.dequantizedParameter(name, () =>
    dequantized(call.stored(0), call.stored(1), call.has(2) ? call.stored(2) : undefined, axis),
  );
  return fakeQuantized(call, weight, dtype, call.axis(axis, weight.ndim));
}

function fakeQuantized(call: OnnxCall, source: Tensor, dtype: DType, axis: number): Tensor {
  const [min, max] = rangeOf(call, dtype);
  const scales = call.numbers(1);
  const zeroPoints = call.optionalNumbers(2) ?? scales.map(() => 0);
  if (scales.length === 1) return fakeQuantizePerTensorAffine(source, scales[0] ?? 1, zeroPoints[0] ?? 0, min, max);
  const zeroPoint = call.has(2) ? call.known(2).to('int32') : call.known(1).mul(0).to('int32');
  return fakeQuantizePerChannelAffine(source, call.known(1), zeroPoint, axis, min, max);
}

/** Scale and zero point from the extremes of the input, which include 0. */
function dynamicQuantizeLinear(call: OnnxCall): Tensor[] {
  const input = call.tensor(0);
  const low = input.min().clamp({ max: 0 });
  const high = input.max().clamp({ min: 0 });
  const scale = high.sub(low).div(255);
  const zeroPoint = round(low.neg().div(scale)).clamp(0, 255).to('uint8');
  return [quantized(call, input, scale, zeroPoint, 'uint8', AXIS), scale, zeroPoint];
}

/** Integers less their zero point, in float64, where products and sums of bytes are exact. */
function centred(input: Tensor, zeroPoint: Tensor | undefined, axis: number): Tensor {
  const exact = input.to('float64');
  return zeroPoint === undefined ? exact : exact.sub(along(zeroPoint.to('float64'), axis, input.ndim));
}

function integerConvolution(call: OnnxCall, x: Tensor, w: Tensor, bias: Tensor | null): Tensor {
  const windows = windowsOf(call, x, w.shape.slice(2));
  const padded = padSpatial(x, windows.begin, windows.end);
  return convolve(padded, w, bias, { ...windows, begin: sizes(windows.rank, 0) }, call.int('group', 1));
}

const convInteger = (call: OnnxCall) =>
  integerConvolution(
    call,
    centred(call.tensor(0), call.optional(2), AXIS),
    centred(call.tensor(1), call.optional(3), 0),
    null,
  ).to('int32');

/** A vector of zero points is one a row of the first matrix and one a column of the second. */
const matMulInteger = (call: OnnxCall) => {
  const [a, b] = [call.tensor(0), call.tensor(1)];
  return matmul(centred(a, call.optional(2), a.ndim - 2), centred(b, call.optional(3), b.ndim - 1)).to('int32');
};

function qLinearConv(call: OnnxCall): Tensor {
  const [x, w] = [centred(call.tensor(0), call.tensor(2), AXIS), centred(call.tensor(3), call.tensor(5), 0)];
  const bias = call.optional(8)?.to('float64') ?? null;
  const sums = integerConvolution(call, x, w, bias);
  const factor = along(call.tensor(4).mul(call.tensor(1)).div(call.tensor(6)).to('float64'), AXIS, sums.ndim);
  return requantized(call, sums.mul(factor), call.tensor(7));
}

function qLinearMatMul(call: OnnxCall): Tensor {
  const [a, b] = [call.tensor(0), call.tensor(3)];
  const sums = matmul(centred(a, call.tensor(2), a.ndim - 2), centred(b, call.tensor(5), b.ndim - 1));
  const factor = call.tensor(1).to('float64').mul(call.tensor(4)).div(call.tensor(6));
  return requantized(call, sums.mul(factor), call.tensor(7));
}

function requantized(call: OnnxCall, value: Tensor, zeroPoint: Tensor): Tensor {
  const [min, max] = rangeOf(call, zeroPoint.dtype);
  return round(value).add(zeroPoint.to('float64')).clamp(min, max).to(zeroPoint.dtype);
}

export const quantizers: LoweringTable = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  ConvInteger: convInteger,
  MatMulInteger: matMulInteger,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
};
