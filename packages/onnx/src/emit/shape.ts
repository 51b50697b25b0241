/** @file Operators that rearrange elements without computing: shapes, orders, parts, and putting together. */

import { fx } from '@edgeai/torch';
import type { Value } from '../builder.ts';
import { dimensionsOf, type Emitter, type EmitterTable, type Lowering } from '../lowering.ts';

/** A value is what it was: memory layout and history mean nothing in ONNX. */
const identity: Emitter = (call) => call.cast(call.tensor('self'), call.meta('self').dtype, call.result.dtype);

/** The end of a dimension whatever its size. */
const END = Number.MAX_SAFE_INTEGER;

function reshape(call: Lowering): Value {
  return call.reshape(call.tensor('self'), dimensionsOf(call.result));
}

function flatten(call: Lowering): Value {
  const rank = call.rank('self');
  const start = call.axis('start_dim', rank);
  const end = call.axis('end_dim', rank);
  // ONNX's Flatten always gives two dimensions.
  if (start === 1 && end === rank - 1 && rank > 1) return call.op('Flatten', [call.tensor('self')], { axis: 1 });
  return reshape(call);
}

function permute(call: Lowering): Value {
  const rank = call.rank('self');
  return call.op('Transpose', [call.tensor('self')], {
    perm: call.ints('dims').map((axis) => call.normaliseAxis(axis, rank)),
  });
}

function exchange(call: Lowering, a: number, b: number): Value {
  const rank = call.rank('self');
  const perm = Array.from({ length: rank }, (_, i) => i);
  [perm[a], perm[b]] = [b, a];
  return call.op('Transpose', [call.tensor('self')], { perm });
}

function transpose(call: Lowering): Value {
  const rank = call.rank('self');
  return exchange(call, call.axis('dim0', rank), call.axis('dim1', rank));
}

function moveAxes(call: Lowering): Value {
  const rank = call.rank('self');
  const from = call.ints('source').map((axis) => call.normaliseAxis(axis, rank));
  const to = call.ints('destination').map((axis) => call.normaliseAxis(axis, rank));
  const rest = Array.from({ length: rank }, (_, i) => i).filter((axis) => !from.includes(axis));
  const perm = Array.from({ length: rank }, (_, i) => from[to.indexOf(i)] ?? rest.shift() ?? 0);
  return call.op('Transpose', [call.tensor('self')], { perm });
}

function squeeze(call: Lowering): Value {
  const { shape } = call.meta('self');
  const dims = dimensionsOf(call.meta('self'));
  const wanted = call.has('dim')
    ? call.ints('dim').map((axis) => call.normaliseAxis(axis, shape.length))
    : shape.map((_, i) => i);
  const axes = wanted.filter((axis) => dims[axis] === 1);
  return axes.length === 0 ? call.tensor('self') : call.op('Squeeze', [call.tensor('self'), call.integers(axes)]);
}

function unsqueeze(call: Lowering): Value {
  return call.op('Unsqueeze', [call.tensor('self'), call.integers([call.axis('dim', call.rank('self') + 1)])]);
}

function concatenate(call: Lowering): Value {
  const { values, metas } = call.tensors('tensors');
  const rank = call.result.shape.length;
  // An empty vector may stand among tensors of any rank and adds nothing.
  const kept = values.flatMap((value, i) => {
    const meta = metas[i];
    return meta === undefined || (meta.shape.length === 1 && meta.shape[0] === 0)
      ? []
      : [call.cast(value, meta.dtype, call.result.dtype)];
  });
  return call.op('Concat', kept, { axis: call.axis('dim', rank) });
}

function stack(call: Lowering): Value {
  const { values, metas } = call.tensors('tensors');
  const axis = call.axis('dim', call.result.shape.length);
  const wide = values.map((value, i) =>
    call.op('Unsqueeze', [
      call.cast(value, metas[i]?.dtype ?? call.result.dtype, call.result.dtype),
      call.integers([axis]),
    ]),
  );
  return call.op('Concat', wide, { axis });
}

/** Parts of the sizes that the capture saw. */
function split(call: Lowering): Value[] {
  const axis = call.axis('dim', call.rank('self'));
  const sizes = call.results.map((meta) => (meta === null ? 0 : (dimensionsOf(meta)[axis] ?? 0)));
  const input = call.tensor('self');
  if (sizes.length === 1) return [input];
  const shape = call.shapeValue(sizes);
  return call.ops('Split', [input, shape], { axis }, sizes.length);
}

function unbind(call: Lowering): Value[] {
  const axis = call.axis('dim', call.rank('self'));
  return call.results.map((_, i) => call.op('Gather', [call.tensor('self'), call.scalar(i, 'int64')], { axis }));
}

function select(call: Lowering): Value {
  const axis = call.axis('dim', call.rank('self'));
  const index = call.number('index');
  return call.op('Gather', [call.tensor('self'), call.scalar(index, 'int64')], { axis });
}

function sliced(call: Lowering, axis: number, start: fx.Dimension, end: fx.Dimension, step: number): Value {
  const ends = end === END ? call.integers([2 ** 53 - 1]) : call.shapeValue([end]);
  return call.op('Slice', [
    call.tensor('self'),
    call.shapeValue([start]),
    ends,
    call.integers([axis]),
    call.integers([step]),
  ]);
}

function slice(call: Lowering): Value {
  const axis = call.axis('dim', call.rank('self'));
  const size = dimensionsOf(call.meta('self'))[axis] ?? 0;
  const start = call.has('start') ? call.dimension('start') : 0;
  const given = call.has('end') ? call.dimension('end') : END;
  const end = typeof given === 'number' && given >= Number.MAX_SAFE_INTEGER ? END : given;
  const step = call.number('step');
  const whole = end === END || same(end, size) || (typeof end === 'number' && typeof size === 'number' && end >= size);
  return start === 0 && step === 1 && whole ? call.tensor('self') : sliced(call, axis, start, end, step);
}

function same(a: fx.Dimension, b: fx.Dimension): boolean {
  return (
    a === b ||
    (a instanceof fx.BatchSize && b instanceof fx.BatchSize && a.factor === b.factor && a.offset === b.offset)
  );
}

function narrow(call: Lowering): Value {
  const axis = call.axis('dim', call.rank('self'));
  if (call.isTensor('start')) throw call.unsupported('start is a tensor');
  const start = call.number('start');
  const length = call.dimension('length');
  const end = typeof length === 'number' ? start + length : new fx.BatchSize(length.factor, length.offset + start);
  return sliced(call, axis, start, end, 1);
}

function flip(call: Lowering): Value {
  const rank = call.rank('self');
  const axes = call.ints('dims').map((axis) => call.normaliseAxis(axis, rank));
  const filled = (value: number) => call.integers(axes.map(() => value));
  return call.op('Slice', [call.tensor('self'), filled(-1), filled(-(2 ** 53) + 1), call.integers(axes), filled(-1)]);
}

function roll(call: Lowering): Value {
  const shape = dimensionsOf(call.meta('self'));
  const shifts = call.ints('shifts');
  const axes = call.ints('dims').map((axis) => call.normaliseAxis(axis, shape.length));
  let value = call.tensor('self');
  if (axes.length !== shifts.length) throw call.unsupported('it rolls the flattened tensor; name the dimensions');
  axes.forEach((axis, i) => {
    const size = shape[axis];
    if (typeof size !== 'number') throw call.unsupported('it rolls the batch');
    const shift = size === 0 ? 0 : (((shifts[i] ?? 0) % size) + size) % size;
    if (shift === 0) return;
    const [front = '', back = ''] = call.ops('Split', [value, call.integers([size - shift, shift])], { axis }, 2);
    value = call.op('Concat', [back, front], { axis });
  });
  return value;
}

function expand(call: Lowering): Value {
  return call.op('Expand', [call.tensor('self'), call.shapeValue(dimensionsOf(call.result))]);
}

function repeat(call: Lowering): Value {
  const dims = call.argument(call.has('repeats') ? 'repeats' : 'dims') as readonly fx.Dimension[];
  const rank = call.rank('self');
  const times = [...Array.from({ length: Math.max(rank - dims.length, 0) }, () => 1), ...dims];
  const lead = times.length - rank;
  const input =
    lead > 0
      ? call.reshape(call.tensor('self'), [
          ...Array.from({ length: lead }, () => 1),
          ...dimensionsOf(call.meta('self')),
        ])
      : call.tensor('self');
  return call.op('Tile', [input, call.shapeValue(times)]);
}

function pixelShuffle(call: Lowering): Value {
  return call.op('DepthToSpace', [call.tensor('self')], { blocksize: call.number('upscale_factor'), mode: 'CRD' });
}

/** The inverse of pixel shuffle: channels first, then the position inside the block. */
function pixelUnshuffle(call: Lowering): Value {
  const block = call.number('downscale_factor');
  const dims = dimensionsOf(call.meta('self'));
  const [batch = 1, channels = 1, height = 1, width = 1] = dims;
  if (dims.length !== 4 || typeof height !== 'number' || typeof width !== 'number')
    throw call.unsupported('the input must be (N, C, H, W)');
  const blocks = call.reshape(call.tensor('self'), [batch, channels, height / block, block, width / block, block]);
  const turned = call.op('Transpose', [blocks], { perm: [0, 1, 3, 5, 2, 4] });
  return call.reshape(turned, dimensionsOf(call.result));
}

function channelShuffle(call: Lowering): Value {
  const groups = call.number('groups');
  const [batch = 1, channels = 1, ...rest] = dimensionsOf(call.meta('self'));
  if (typeof channels !== 'number') throw call.unsupported('the channels follow the batch');
  const grouped = call.reshape(call.tensor('self'), [batch, groups, channels / groups, ...rest]);
  const turned = call.op('Transpose', [grouped], { perm: [0, 2, 1, ...rest.map((_, i) => i + 3)] });
  return call.reshape(turned, dimensionsOf(call.result));
}

/** libtorch lists pairs from the last dimension backwards, ONNX all begins and then all ends. */
function pad(call: Lowering, mode: string): Value {
  const rank = call.rank('self');
  const sizes = call.ints(call.has('pad') ? 'pad' : 'padding');
  const begin = Array.from({ length: rank }, () => 0);
  const end = Array.from({ length: rank }, () => 0);
  for (let i = 0; i * 2 < sizes.length; i++) {
    begin[rank - 1 - i] = sizes[2 * i] ?? 0;
    end[rank - 1 - i] = sizes[2 * i + 1] ?? 0;
  }
  const value =
    mode === 'constant' && call.has('value') && call.number('value') !== 0
      ? call.scalar(call.number('value'), call.result.dtype)
      : '';
  return call.op('Pad', [call.tensor('self'), call.integers([...begin, ...end]), value], { mode });
}

function padByMode(call: Lowering): Value {
  const mode = call.string('mode');
  const known: Record<string, string> = { constant: 'constant', reflect: 'reflect', replicate: 'edge' };
  const found = known[mode] ?? (mode === 'circular' && call.opset >= 19 ? 'wrap' : undefined);
  if (found === undefined) throw call.unsupported(`padding mode '${mode}' needs opset 19`);
  return pad(call, found);
}

function indexSelect(call: Lowering): Value {
  return call.op('Gather', [call.tensor('self'), call.tensor('index')], { axis: call.axis('dim', call.rank('self')) });
}

/** Indexing with one index tensor. */
function index(call: Lowering): Value {
  const indices = call.argument('indices');
  const given = Array.isArray(indices) ? (indices as readonly fx.Argument[]) : [];
  const used = given.flatMap((item, axis) => (fx.isNode(item) ? [{ item, axis }] : []));
  const [only] = used;
  const meta = only === undefined ? undefined : fx.tensorMeta(only.item);
  if (
    used.length !== 1 ||
    only === undefined ||
    meta === undefined ||
    meta.dtype === 'bool' ||
    meta.dtype === 'uint8'
  ) {
    throw call.unsupported('only indexing with a single tensor of integers has a counterpart');
  }
  return call.op('Gather', [call.tensor('self'), call.valueOf(only.item)], { axis: only.axis });
}

export const shapes: EmitterTable = {
  reshape,
  view: (call) => {
    if (!call.has('size')) throw call.unsupported('ONNX cannot read memory as another dtype');
    return reshape(call);
  },
  _reshape_alias: reshape,
  unflatten: reshape,
  flatten,
  view_as: reshape,
  reshape_as: reshape,
  permute,
  transpose,
  swapaxes: (call) => exchange(call, call.axis('axis0', call.rank('self')), call.axis('axis1', call.rank('self'))),
  swapdims: transpose,
  t: (call) => (call.rank('self') < 2 ? call.tensor('self') : exchange(call, 0, 1)),
  numpy_T: (call) => call.op('Transpose', [call.tensor('self')]),
  mT: (call) => exchange(call, call.rank('self') - 2, call.rank('self') - 1),
  movedim: moveAxes,
  squeeze,
  unsqueeze,
  cat: concatenate,
  concat: concatenate,
  stack,
  split,
  split_with_sizes: split,
  chunk: split,
  tensor_split: split,
  unbind,
  select,
  slice,
  narrow,
  flip,
  roll,
  expand,
  expand_as: expand,
  broadcast_to: expand,
  repeat,
  tile: repeat,
  contiguous: identity,
  clone: identity,
  detach: identity,
  alias: identity,
  to: identity,
  type_as: identity,
  _to_copy: identity,
  lift_fresh: identity,
  pixel_shuffle: pixelShuffle,
  pixel_unshuffle: pixelUnshuffle,
  channel_shuffle: channelShuffle,
  constant_pad_nd: (call) => pad(call, 'constant'),
  pad: padByMode,
  reflection_pad1d: (call) => pad(call, 'reflect'),
  reflection_pad2d: (call) => pad(call, 'reflect'),
  reflection_pad3d: (call) => pad(call, 'reflect'),
  replication_pad1d: (call) => pad(call, 'edge'),
  replication_pad2d: (call) => pad(call, 'edge'),
  replication_pad3d: (call) => pad(call, 'edge'),
  index_select: indexSelect,
  index,
  gather: (call) =>
    call.op('GatherElements', [call.tensor('self'), call.tensor('index')], {
      axis: call.axis('dim', call.rank('self')),
    }),
  embedding: (call) => call.op('Gather', [call.tensor('weight'), call.tensor('indices')], { axis: 0 }),
};
