/** @file Constants, filled tensors, ranges and conversions. */

import { arange, fromTypedArray, full, ops, type Tensor, tensor } from '@edgeai/torch';
import { elements, type LoweringTable, type OnnxCall, storedTensor } from '../call.ts';

function constant(call: OnnxCall): Tensor {
  const value = call.tensorAttribute('value');
  if (value !== undefined) return storedTensor(value);
  if (call.hasAttribute('value_float')) return tensor(call.float('value_float', 0));
  if (call.hasAttribute('value_int')) return tensor(call.int('value_int', 0), { dtype: 'int64' });
  const [floats, ints] = [call.floats('value_floats'), call.ints('value_ints')];
  if (call.hasAttribute('value_floats') && floats !== undefined)
    return fromTypedArray(Float32Array.from(floats), [floats.length]);
  if (call.hasAttribute('value_ints') && ints !== undefined) return tensor(ints, { dtype: 'int64' });
  throw call.unsupported('only tensors and numbers can be constants');
}

function constantOfShape(call: OnnxCall): Tensor {
  const given = call.tensorAttribute('value');
  if (given === undefined) return full(call.numbers(0), 0, { dtype: 'float32' });
  const value = storedTensor(given);
  return full(call.numbers(0), elements(value)[0] ?? 0, { dtype: value.dtype });
}

/** Computed in float64, so that the number of elements is what the file's producer saw. */
function range(call: OnnxCall): Tensor {
  const [start = 0, limit = 0, delta = 1] = [0, 1, 2].map((i) => call.numbers(i)[0]);
  const { dtype } = call.known(0);
  return arange(start, limit, delta, { dtype });
}

function cast(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  return input.to(call.dtype('to', input.dtype));
}

function eyeLike(call: OnnxCall): Tensor {
  const [rows = 0, columns = 0] = call.tensor(0).shape;
  const dtype = call.dtype('dtype', call.tensor(0).dtype);
  const k = call.int('k', 0);
  const ones = Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => (j === i + k ? 1 : 0)));
  return tensor(ones, { dtype });
}

/** Samples a picture at given positions. */
function gridSample(call: OnnxCall): Tensor {
  const modes = ['bilinear', 'nearest', 'bicubic', 'linear', '', 'cubic'];
  const mode = call.string('mode', 'bilinear');
  const padding = ['zeros', 'border', 'reflection'].indexOf(call.string('padding_mode', 'zeros'));
  const code = modes.indexOf(mode) % 3;
  if (code < 0 || padding < 0) throw call.unsupported(`mode '${mode}' is not known`);
  const aligned = call.int('align_corners', 0) === 1;
  return ops.aten?.grid_sampler?.(call.tensor(0), call.tensor(1), code, padding, aligned) as Tensor;
}

export const creation: LoweringTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Cast: cast,
  CastLike: (call) => call.tensor(0).to(call.tensor(1).dtype),
  EyeLike: eyeLike,
  GridSample: gridSample,
};
