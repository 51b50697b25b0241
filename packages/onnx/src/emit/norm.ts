/** @file Normalisations. */

import type { DType } from '@edgeai/torch';
import type { Value } from '../builder.ts';
import { dimensionsOf, type EmitterTable, float, type Lowering } from '../lowering.ts';

/** An optional per-channel vector, or one number for all channels. */
function vector(call: Lowering, name: string, fill: number, length: number, dtype: DType): Value {
  return call.isTensor(name)
    ? call.tensor(name)
    : call.constant(
        Array.from({ length }, () => fill),
        dtype,
        [length],
      );
}

function batchNorm(call: Lowering): Value {
  const { shape, dtype } = call.meta('input');
  const [, channels = 1] = shape;
  if (call.bool('training'))
    throw call.unsupported('it normalises with the statistics of the batch; ONNX needs running statistics');
  const inputs = [
    call.tensor('input'),
    vector(call, 'weight', 1, channels, dtype),
    vector(call, 'bias', 0, channels, dtype),
    call.tensor('running_mean'),
    call.tensor('running_var'),
  ];
  return call.op('BatchNormalization', inputs, { epsilon: float(call.number('eps')) });
}

function layerNorm(call: Lowering): Value {
  const { dtype } = call.result;
  const shape = call.ints('normalized_shape');
  const axes = shape.map((_, i) => i - shape.length);
  const elements = shape.reduce((product, size) => product * size, 1);
  const input = call.tensor('input');
  const weight = call.isTensor('weight') ? call.tensor('weight') : '';
  const bias = call.optionalTensor('bias');
  const epsilon = call.number('eps');
  if (call.opset >= 17) {
    const scale =
      weight === ''
        ? call.constant(
            Array.from({ length: elements }, () => 1),
            dtype,
            shape,
          )
        : weight;
    return call.op('LayerNormalization', [input, scale, bias], { axis: -shape.length, epsilon: float(epsilon) });
  }
  // Before opset 17 means have their axes as an attribute.
  const average = (value: Value) => call.op('ReduceMean', [value], { axes, keepdims: 1 });
  const centred = call.op('Sub', [input, average(input)]);
  const variance = average(call.op('Mul', [centred, centred]));
  const deviation = call.op('Sqrt', [call.op('Add', [variance, call.scalar(epsilon, dtype)])]);
  let value = call.op('Div', [centred, deviation]);
  if (weight !== '') value = call.op('Mul', [value, weight]);
  return bias === '' ? value : call.op('Add', [value, bias]);
}

/** Normalises each group as an instance of one channel; scale and shift are per channel and come afterwards. */
function groupNorm(call: Lowering): Value {
  const { dtype } = call.result;
  const [batch = 1, channels = 1, ...rest] = dimensionsOf(call.meta('input'));
  const groups = call.number('num_groups');
  const flat = call.reshape(call.tensor('input'), [batch, groups, lengthOfGroup(call, groups)]);
  const ones = call.constant(
    Array.from({ length: groups }, () => 1),
    dtype,
    [groups],
  );
  const zeros = call.constant(
    Array.from({ length: groups }, () => 0),
    dtype,
    [groups],
  );
  const normal = call.op('InstanceNormalization', [flat, ones, zeros], { epsilon: float(call.number('eps')) });
  let value = call.reshape(normal, dimensionsOf(call.meta('input')));
  const perChannel = (name: string) => call.reshape(call.tensor(name), [channels, ...rest.map(() => 1)]);
  if (call.isTensor('weight')) value = call.op('Mul', [value, perChannel('weight')]);
  return call.isTensor('bias') ? call.op('Add', [value, perChannel('bias')]) : value;
}

function lengthOfGroup(call: Lowering, groups: number): number {
  const [, ...sizes] = call.meta('input').shape;
  return sizes.reduce((product, size) => product * size, 1) / groups;
}

function instanceNorm(call: Lowering): Value {
  const { shape, dtype } = call.meta('input');
  const [, channels = 1] = shape;
  if (!call.bool('use_input_stats')) return batchNorm(call);
  const inputs = [
    call.tensor('input'),
    vector(call, 'weight', 1, channels, dtype),
    vector(call, 'bias', 0, channels, dtype),
  ];
  return call.op('InstanceNormalization', inputs, { epsilon: float(call.number('eps')) });
}

export const norms: EmitterTable = {
  batch_norm: batchNorm,
  layer_norm: layerNorm,
  group_norm: groupNorm,
  instance_norm: instanceNorm,
};
