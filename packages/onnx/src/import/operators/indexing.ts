/** @file Reading and writing elements at positions that are tensors. */

import { indexPut, nonzero, oneHot, ops, scatter, type Tensor, tensor, uniqueDim, where } from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';

/** Positions from the front, as int64. */
function wrapped(call: OnnxCall, i: number, length: number): Tensor {
  const positions = call.tensor(i);
  const long = positions.dtype === 'int64' ? positions : positions.to('int64');
  if (call.isKnown(i) && call.numbers(i).every((position) => position >= 0)) return long;
  return where(long.lt(0), long.add(length), long);
}

function gather(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axis = call.axis(call.int('axis', 0), input.ndim);
  const length = input.shape[axis] ?? 1;
  if (call.isKnown(1) && call.known(1).ndim === 0) {
    const [position = 0] = call.numbers(1);
    return input.select(axis, position < 0 ? position + length : position);
  }
  const positions = wrapped(call, 1, length);
  const { shape } = positions;
  if (shape.length === 1) return input.indexSelect(axis, positions);
  return input
    .indexSelect(axis, positions.reshape([-1]))
    .reshape([...input.shape.slice(0, axis), ...shape, ...input.shape.slice(axis + 1)]);
}

function gatherElements(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axis = call.axis(call.int('axis', 0), input.ndim);
  return input.gather(axis, wrapped(call, 1, input.shape[axis] ?? 1));
}

/** The last dimension of the positions counts through the dimensions after the shared ones. */
function gatherND(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const positions = call.tensor(1);
  const shared = call.int('batch_dims', 0);
  const depth = positions.shape.at(-1) ?? 0;
  const lead = positions.shape.slice(0, -1);
  const own = Array.from({ length: shared }, (_, i) => {
    const view = lead.map((_, axis) => (axis === i ? (input.shape[i] ?? 1) : 1));
    return tensor(
      Array.from({ length: input.shape[i] ?? 1 }, (_, position) => position),
      { dtype: 'int64' },
    )
      .reshape(view)
      .expand(lead);
  });
  const parts = Array.from({ length: depth }, (_, i) => {
    const part = positions.select(-1, i);
    return where(part.lt(0), part.add(input.shape[shared + i] ?? 0), part);
  });
  return ops.aten?.index?.Tensor?.(input, [...own, ...parts]) as Tensor;
}

const REDUCTIONS: Readonly<Record<string, string>> = { add: 'sum', mul: 'prod', max: 'amax', min: 'amin' };

function scatterElements(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axis = call.axis(call.int('axis', 0), input.ndim);
  const positions = wrapped(call, 1, input.shape[axis] ?? 1);
  const reduction = call.string('reduction', 'none');
  const reduce = REDUCTIONS[reduction];
  if (reduce === undefined) return scatter(input, axis, positions, call.tensor(2));
  return input.scatterReduce(axis, positions, call.tensor(2), reduce, { includeSelf: true });
}

function scatterND(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const positions = call.tensor(1);
  const updates = call.tensor(2);
  const depth = positions.shape.at(-1) ?? 0;
  const parts = Array.from({ length: depth }, (_, i) => {
    const part = positions.select(-1, i);
    return where(part.lt(0), part.add(input.shape[i] ?? 0), part);
  });
  const reduction = call.string('reduction', 'none');
  if (reduction === 'none') return indexPut(input, parts, updates);
  if (reduction === 'add') return indexPut(input, parts, updates, true);
  return reduceAt(call, input, parts, updates, reduction);
}

/** Positions as numbers in the flattened leading dimensions, for reductions that indexing cannot do. */
function reduceAt(call: OnnxCall, input: Tensor, parts: Tensor[], updates: Tensor, reduction: string): Tensor {
  const reduce = REDUCTIONS[reduction];
  if (reduce === undefined) throw call.unsupported(`reduction '${reduction}' is not known`);
  const lead = input.shape.slice(0, parts.length);
  const rest = input.shape.slice(parts.length).reduce((product, size) => product * size, 1);
  const rows = lead.reduce((product, size) => product * size, 1);
  const [first, ...others] = parts;
  if (first === undefined) throw call.unsupported('the positions are empty');
  const row = others.reduce((sum, part, i) => sum.mul(lead[i + 1] ?? 1).add(part), first).reshape([-1]);
  const flat = input.reshape([rows, rest]);
  const target = row
    .unsqueeze(1)
    .expand([row.shape[0] ?? 0, rest])
    .contiguous();
  return flat.scatterReduce(0, target, updates.reshape([-1, rest]), reduce, { includeSelf: true }).reshape(input.shape);
}

function oneHots(call: OnnxCall): Tensor {
  const depth = call.optionalNumber(1) ?? 0;
  const positions = call.tensor(0).to('int64');
  const axis = call.int('axis', -1);
  const values = call.tensor(2);
  // Positions outside −depth … depth−1 are in no class: they count in one more, which is taken away.
  const inside = positions.ge(-depth).logicalAnd(positions.lt(depth));
  const shifted = where(inside, positions.remainder(depth), inside.logicalNot().to('int64').mul(depth));
  const ones = oneHot(shifted, depth + 1)
    .narrow(-1, 0, depth)
    .to('bool');
  const chosen = where(ones, values.select(0, 1), values.select(0, 0));
  return axis === -1 ? chosen : chosen.movedim(-1, call.axis(axis, chosen.ndim));
}

/** Sorted unique elements, or in the order of their first occurrence. */
function unique(call: OnnxCall): Tensor[] {
  const input = call.tensor(0);
  const axis = call.hasAttribute('axis') ? call.axis(call.int('axis', 0), input.ndim) : undefined;
  const [values, inverse, counts] = sortedUnique(input, axis);
  const length = counts.numel();
  const flat = inverse.reshape([-1]);
  const order =
    call.known(0) === undefined ? [] : Array.from(flat.toTypedArray() as unknown as ArrayLike<number>, Number);
  const first = Array.from({ length }, (_, i) => order.indexOf(i));
  const long = (list: readonly number[]) => tensor([...list], { dtype: 'int64' });
  if (call.int('sorted', 1) === 1) return [values, long(first), flat, counts];
  const ranks = first.map((_, i) => i).sort((a, b) => (first[a] ?? 0) - (first[b] ?? 0));
  const place = ranks.map((_, i) => ranks.indexOf(i));
  const chosen = long(ranks);
  return [
    values.indexSelect(axis ?? 0, chosen),
    long(ranks.map((rank) => first[rank] ?? 0)),
    long(place).indexSelect(0, flat),
    counts.indexSelect(0, chosen),
  ];
}

function sortedUnique(input: Tensor, axis: number | undefined): [Tensor, Tensor, Tensor] {
  if (axis !== undefined) return uniqueDim(input, axis, true, true, true);
  const [values, inverse, counts] = uniqueDim(input.reshape([-1]), 0, true, true, true);
  return [values, inverse, counts];
}

export const indexing: LoweringTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHots,
  NonZero: (call) => nonzero(call.tensor(0)).t(),
  Unique: unique,
};
