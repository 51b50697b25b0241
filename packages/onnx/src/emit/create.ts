/** @file Tensors filled with one value whose size follows the batch; others are constants before they come here. */

import type { fx } from '@edgeai/torch';
import type { Value } from '../builder.ts';
import { dimensionsOf, type Emitter, type EmitterTable, type Lowering } from '../lowering.ts';
import { onnxType, packNumbers } from '../types.ts';

function filled(call: Lowering, value: number): Value {
  const meta: fx.TensorMeta = call.result;
  const element = { dims: [1], dataType: onnxType(meta.dtype), rawData: packNumbers([value], meta.dtype) };
  return call.op('ConstantOfShape', [call.shapeValue(dimensionsOf(meta))], { value: element });
}

const filledWith =
  (value: number): Emitter =>
  (call) =>
    filled(call, value);

const filledByArgument: Emitter = (call) => filled(call, call.number(call.has('fill_value') ? 'fill_value' : 'value'));

export const creation: EmitterTable = {
  zeros: filledWith(0),
  zeros_like: filledWith(0),
  new_zeros: filledWith(0),
  zero: filledWith(0),
  ones: filledWith(1),
  ones_like: filledWith(1),
  new_ones: filledWith(1),
  full: filledByArgument,
  full_like: filledByArgument,
  new_full: filledByArgument,
  fill: (call) =>
    call.isTensor('value')
      ? call.op('Expand', [call.tensor('value'), call.shapeValue(dimensionsOf(call.result))])
      : filledByArgument(call),
};
