/** @file Operators that rearrange elements: shapes, orders, parts, padding. */

import { cat, nn, pixelShuffle, pixelUnshuffle, splitWithSizes, type Tensor, tensor } from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';

function shape(call: OnnxCall): Tensor {
  const dims = call.tensor(0).shape;
  const clamp = (i: number) => Math.min(Math.max(i < 0 ? i + dims.length : i, 0), dims.length);
  const [start, end] = [clamp(call.int('start', 0)), clamp(call.int('end', dims.length))];
  return tensor(dims.slice(start, Math.max(start, end)), { dtype: 'int64' });
}

function reshape(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const wanted = call.opset < 5 ? (call.ints('shape') ?? []) : call.numbers(1);
  const keepZeros = call.int('allowzero', 0) === 1;
  return input.reshape(wanted.map((size, i) => (size === 0 && !keepZeros ? (input.shape[i] ?? 0) : size)));
}

/** Always two dimensions: those before `axis`, and the others. */
function flatten(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axis = call.axis(call.int('axis', 1), input.ndim);
  if (axis === 1 && input.ndim > 1) return input.flatten(1);
  const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
  return input.reshape([count(input.shape.slice(0, axis)), count(input.shape.slice(axis))]);
}

function transpose(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  return input.permute(call.ints('perm') ?? input.shape.map((_, i) => input.ndim - 1 - i));
}

function squeeze(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const given = call.opset < 13 ? call.ints('axes') : call.optionalNumbers(1);
  const axes =
    given?.map((axis) => call.axis(axis, input.ndim)) ?? input.shape.flatMap((size, i) => (size === 1 ? [i] : []));
  return axes.sort((a, b) => b - a).reduce((value, axis) => value.squeeze(axis), input);
}

function unsqueeze(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axes = (call.opset < 13 ? call.ints('axes') : call.numbers(1)) ?? [];
  const rank = input.ndim + axes.length;
  return axes
    .map((axis) => call.axis(axis, rank))
    .sort((a, b) => a - b)
    .reduce((value, axis) => value.unsqueeze(axis), input);
}

function concatenate(call: OnnxCall): Tensor {
  const inputs = call.tensors();
  return cat(inputs, call.axis(call.int('axis', 1), inputs[0]?.ndim ?? 1));
}

function split(call: OnnxCall): Tensor[] {
  const input = call.tensor(0);
  const axis = call.axis(call.int('axis', 0), input.ndim);
  const given = call.opset < 13 ? call.ints('split') : call.optionalNumbers(1);
  const length = input.shape[axis] ?? 0;
  const parts = call.int('num_outputs', call.outputCount);
  const size = Math.ceil(length / parts);
  const sizes = given ?? Array.from({ length: parts }, (_, i) => Math.max(Math.min(size, length - i * size), 0));
  return splitWithSizes(input, sizes, axis);
}

function slice(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const old = call.opset < 10;
  const starts = (old ? call.ints('starts') : call.numbers(1)) ?? [];
  const ends = (old ? call.ints('ends') : call.numbers(2)) ?? [];
  const axes = (old ? call.ints('axes') : call.optionalNumbers(3)) ?? starts.map((_, i) => i);
  const steps = (old ? undefined : call.optionalNumbers(4)) ?? starts.map(() => 1);
  return axes.reduce((value, given, i) => {
    const axis = call.axis(given, input.ndim);
    return sliced(value, axis, starts[i] ?? 0, ends[i] ?? 0, steps[i] ?? 1);
  }, input);
}

/** Along one dimension, with negative positions from the end and negative steps backwards. */
function sliced(input: Tensor, axis: number, start: number, end: number, step: number): Tensor {
  const length = input.shape[axis] ?? 0;
  const from = (i: number, low: number, high: number) => Math.min(Math.max(i < 0 ? i + length : i, low), high);
  if (step > 0) {
    const [first, last] = [from(start, 0, length), from(end, 0, length)];
    if (first === 0 && last === length && step === 1) return input;
    if (step === 1) return input.narrow(axis, first, Math.max(last - first, 0));
    return input.indexSelect(axis, tensor(positions(first, last, step), { dtype: 'int64' }));
  }
  // −2³¹ and less mean: to the very beginning.
  const [first, last] = [from(start, 0, length - 1), end < -length ? -1 : from(end, -1, length - 1)];
  if (step === -1 && first === length - 1 && last === -1) return input.flip([axis]);
  return input.indexSelect(axis, tensor(positions(first, last, step), { dtype: 'int64' }));
}

function positions(first: number, last: number, step: number): number[] {
  const count = Math.max(Math.ceil((last - first) / step), 0);
  return Array.from({ length: count }, (_, i) => first + i * step);
}

function expand(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const wanted = call.numbers(1);
  const rank = Math.max(wanted.length, input.ndim);
  // Either side may have ones where the other has more.
  const dims = Array.from({ length: rank }, (_, i) => {
    const own = input.shape[i - (rank - input.ndim)] ?? 1;
    const other = wanted[i - (rank - wanted.length)] ?? 1;
    return own === 1 ? other : own;
  });
  return input.expand(dims);
}

function tile(call: OnnxCall): Tensor {
  return call.tensor(0).repeat(call.numbers(1));
}

const MODES: Readonly<Record<string, string>> = {
  constant: 'constant',
  reflect: 'reflect',
  edge: 'replicate',
  wrap: 'circular',
};

function pad(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const { ndim } = input;
  const sizes = (call.opset < 11 ? (call.ints('pads') ?? call.ints('paddings')) : call.numbers(1)) ?? [];
  const axes = call.optionalNumbers(3)?.map((axis) => call.axis(axis, ndim)) ?? input.shape.map((_, i) => i);
  const begin = input.shape.map(() => 0);
  const end = input.shape.map(() => 0);
  axes.forEach((axis, i) => {
    begin[axis] = sizes[i] ?? 0;
    end[axis] = sizes[i + axes.length] ?? 0;
  });
  const name = call.string('mode', 'constant');
  const mode = MODES[name];
  if (mode === undefined) throw call.unsupported(`padding mode '${name}' is not known`);
  if (mode === 'constant') {
    const value = call.opset < 11 ? call.float('value', 0) : (call.optionalNumber(2) ?? 0);
    return padded(input, begin, end, mode, ndim, value);
  }
  const first = begin.findIndex((size, i) => size !== 0 || end[i] !== 0);
  if (first < 0) return input.clone();
  const count = ndim - first;
  const kernels = input.dtype.startsWith('float') && count <= 3 && first > 0 && ndim <= count + 2;
  if (!kernels) return byIndex(input, begin, end, mode);
  return padded(input, begin, end, mode, count, 0);
}

/** The last `count` dimensions, as libtorch lists them: pairs from the last backwards. */
function padded(
  input: Tensor,
  begin: readonly number[],
  end: readonly number[],
  mode: string,
  count: number,
  value: number,
): Tensor {
  const pairs = Array.from({ length: count }, (_, i) => {
    const axis = input.ndim - 1 - i;
    return [begin[axis] ?? 0, end[axis] ?? 0];
  }).flat();
  while (pairs.length > 2 && mode === 'constant' && pairs.at(-1) === 0 && pairs.at(-2) === 0) pairs.splice(-2);
  return input.pad(pairs, mode === 'constant' ? { mode, value } : { mode });
}

/** Picks the element that stands for each position, for ranks that libtorch's padding does not take. */
function byIndex(input: Tensor, begin: readonly number[], end: readonly number[], mode: string): Tensor {
  return input.shape.reduce((value, length, axis) => {
    const [before = 0, after = 0] = [begin[axis], end[axis]];
    if (before === 0 && after === 0) return value;
    const indices = Array.from({ length: before + length + after }, (_, i) => source(i - before, length, mode));
    return value.indexSelect(axis, tensor(indices, { dtype: 'int64' }));
  }, input);
}

function source(position: number, length: number, mode: string): number {
  if (mode === 'circular') return ((position % length) + length) % length;
  if (mode === 'replicate') return Math.min(Math.max(position, 0), length - 1);
  const period = Math.max(2 * (length - 1), 1);
  const folded = ((position % period) + period) % period;
  return folded < length ? folded : period - folded;
}

function depthToSpace(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const block = call.int('blocksize', 1);
  if (call.string('mode', 'DCR') === 'CRD')
    return call.apply(
      () => new nn.PixelShuffle(block),
      (x) => pixelShuffle(x, block),
    );
  const [batch = 0, channels = 0, height = 0, width = 0] = input.shape;
  const depth = channels / (block * block);
  return input
    .reshape([batch, block, block, depth, height, width])
    .permute([0, 3, 4, 1, 5, 2])
    .reshape([batch, depth, height * block, width * block]);
}

/** The position in the block comes before the channel here, after it in libtorch. */
function spaceToDepth(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const block = call.int('blocksize', 1);
  const [batch = 0, channels = 0, height = 0, width = 0] = input.shape;
  if (channels === 1) return pixelUnshuffle(input, block);
  return input
    .reshape([batch, channels, height / block, block, width / block, block])
    .permute([0, 3, 5, 1, 2, 4])
    .reshape([batch, channels * block * block, height / block, width / block]);
}

/** Reverses the first elements of each sample's sequence. */
function reverseSequence(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const lengths = call.numbers(1);
  const [timeAxis, batchAxis] = [call.int('time_axis', 0), call.int('batch_axis', 1)];
  const steps = input.shape[timeAxis] ?? 0;
  const order = lengths.flatMap((length) => Array.from({ length: steps }, (_, t) => (t < length ? length - 1 - t : t)));
  const index = tensor(order, { dtype: 'int64' }).reshape([lengths.length, steps]);
  const view = input.shape.map((size, i) => (i === timeAxis || i === batchAxis ? size : 1));
  const aligned = (batchAxis < timeAxis ? index : index.t()).reshape(view);
  return input.gather(timeAxis, aligned.expand(input.shape).contiguous());
}

/** Elements at which a condition holds; how many is fixed by the condition, which must be known. */
function compress(call: OnnxCall): Tensor {
  const condition = call.numbers(1);
  const chosen = tensor(
    condition.flatMap((value, i) => (value !== 0 ? [i] : [])),
    { dtype: 'int64' },
  );
  const input = call.tensor(0);
  if (!call.hasAttribute('axis')) return input.reshape([-1]).indexSelect(0, chosen);
  return input.indexSelect(call.axis(call.int('axis', 0), input.ndim), chosen);
}

/** Only the branch that a known condition chooses becomes part of the network. */
function branch(call: OnnxCall): (Tensor | null)[] {
  const chosen = call.graphAttribute(call.numbers(0)[0] === 0 ? 'else_branch' : 'then_branch');
  if (chosen === undefined) throw call.unsupported('the branch is missing');
  return call.context.inline(chosen);
}

export const shapes: LoweringTable = {
  Shape: shape,
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concatenate,
  Split: split,
  Slice: slice,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Identity: (call) => call.tensor(0),
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  ReverseSequence: reverseSequence,
  Compress: compress,
  If: branch,
};
