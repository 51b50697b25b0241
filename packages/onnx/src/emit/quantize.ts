/**
 * @file Quantisers as ONNX has them.
 *
 * `qdq`: activations are rounded and taken back by a pair of nodes, weights and biases are stored as integers with the node
 * that takes them back; runtimes turn such pairs around an operator into an integer kernel. `clip`: activations are clipped to
 * their range, weights are stored as what they are rounded to; for runtimes that quantise by themselves.
 */

import { fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import type { GraphBuilder, Value } from '../builder.ts';
import { fakeQuantized, type Quantizer, quantizedIntegers } from '../quantizer.ts';

export type QuantizationFormat = 'qdq' | 'clip';

/** A stored weight: its integers and the node that takes them back, or its rounded values. */
export function emitWeight(
  builder: GraphBuilder,
  name: string,
  weight: Tensor,
  quantizer: Quantizer,
  format: QuantizationFormat,
  transposed = false,
): Value {
  const turn = (value: Tensor) => (transposed ? value.t() : value);
  const label = transposed ? `${name}_transposed` : name;
  if (format === 'clip') return scope(() => builder.initializer(label, turn(fakeQuantized(weight, quantizer))));
  const stored = scope(() => builder.initializer(`${label}_quantized`, turn(quantizedIntegers(weight, quantizer))));
  const axis = quantizer.axis !== null && transposed ? 1 - quantizer.axis : quantizer.axis;
  // Every weight has a zero point of its own: onnxruntime's exact mode writes to it, once for each weight.
  const zeroPoint = scope(() =>
    builder.initializer(
      `${label}_zero_point`,
      fromTypedArray(
        (quantizer.dtype === 'int8' ? Int8Array : Uint8Array).from(quantizer.zeroPoints),
        quantizer.axis === null ? [] : [quantizer.zeroPoints.length],
      ),
    ),
  );
  const { scales } = quantizer;
  const scale = builder.constant(scales, 'float32', axis === null ? [] : [scales.length]);
  return dequantize(builder, label, stored, [scale, zeroPoint], axis);
}

/** An activation, rounded. */
export function emitActivation(
  builder: GraphBuilder,
  label: string,
  input: Value,
  quantizer: Quantizer,
  format: QuantizationFormat,
): Value {
  const { dtype, min, max, scales, zeroPoints } = quantizer;
  const [low, high] = dtype === 'int8' ? [-128, 127] : [0, 255];
  const whole = min === low && max === high;
  let value = input;
  if (format === 'clip' || !whole) {
    const bound = (integer: number) =>
      builder.constant([(integer - (zeroPoints[0] ?? 0)) * (scales[0] ?? 1)], 'float32', []);
    [value = ''] = builder.node(`${label}/Clip`, 'Clip', [value, bound(min), bound(max)]);
  }
  if (format === 'clip') return value;
  const [quantized = ''] = builder.node(
    `${label}/QuantizeLinear`,
    'QuantizeLinear',
    [value, ...parameters(builder, quantizer)],
    axisOf(quantizer),
  );
  return dequantize(builder, label, quantized, parameters(builder, quantizer), quantizer.axis);
}

/** The largest integer that a bias may have, with room for the sum that it is added to. */
const LARGEST_BIAS = 2 ** 30;

/**
 * A bias as 32-bit integers of the size of the products' steps: scale of the input times that of each channel's weight.
 * `undefined` where these would not hold it.
 */
export function emitBias(
  builder: GraphBuilder,
  name: string,
  bias: Tensor,
  inputScale: number,
  weightScales: readonly number[],
): Value | undefined {
  const values = scope(() => Array.from(bias.detach().double().toTypedArray() as Float64Array));
  const scales = weightScales.map((scale) => Math.fround(inputScale * scale));
  const scaleOf = (i: number) => scales[scales.length === 1 ? 0 : i] ?? 1;
  const integers = values.map((value, i) => Math.round(value / scaleOf(i)));
  if (integers.some((value) => !(Math.abs(value) <= LARGEST_BIAS))) return undefined;
  const stored = scope(() =>
    builder.initializer(`${name}_quantized`, fromTypedArray(Int32Array.from(integers), [integers.length])),
  );
  const single = scales.length === 1;
  const scale = builder.constant(scales, 'float32', single ? [] : [scales.length]);
  const zeroPoint = builder.constant(
    scales.map(() => 0),
    'int32',
    single ? [] : [scales.length],
  );
  const [value = ''] = builder.node(
    `${name}/DequantizeLinear`,
    'DequantizeLinear',
    [stored, scale, zeroPoint],
    single ? {} : { axis: 0 },
  );
  return value;
}

function dequantize(
  builder: GraphBuilder,
  label: string,
  quantized: Value,
  scaleAndZeroPoint: readonly Value[],
  axis: number | null,
): Value {
  const [value = ''] = builder.node(
    `${label}/DequantizeLinear`,
    'DequantizeLinear',
    [quantized, ...scaleAndZeroPoint],
    axisOf({ axis }),
  );
  return value;
}

function axisOf({ axis }: Pick<Quantizer, 'axis'>) {
  return axis === null ? {} : { axis };
}

/** Scale and zero point; equal ones are stored once. */
function parameters(builder: GraphBuilder, { scales, zeroPoints, axis, dtype }: Quantizer): Value[] {
  const shape = axis === null ? [] : [scales.length];
  return [builder.constant(scales, 'float32', shape), builder.constant(zeroPoints, dtype, shape)];
}
