/** @file Reductions. From opset 18 on (13 for sums) the axes are an input, before that an attribute. */

import type { Value } from '../builder.ts';
import type { Emitter, EmitterTable, Lowering } from '../lowering.ts';

/** The dimensions that go; all of them when none is named. */
function axesOf(call: Lowering): number[] {
  const rank = call.rank('self');
  const given = call.has('dim') ? call.ints('dim') : [];
  return given.length === 0
    ? Array.from({ length: rank }, (_, i) => i)
    : given.map((axis) => call.normaliseAxis(axis, rank));
}

function reduced(call: Lowering, opType: string, input: Value, axes: readonly number[], keep: boolean): Value {
  const asInput = call.opset >= (opType === 'ReduceSum' ? 13 : 18);
  if (asInput) return call.op(opType, [input, call.integers(axes)], { keepdims: keep });
  return call.op(opType, [input], { axes, keepdims: keep });
}

const reduction =
  (opType: string): Emitter =>
  (call) => {
    const input = call.cast(call.tensor('self'), call.meta('self').dtype, call.result.dtype);
    const axes = axesOf(call);
    return axes.length === 0 ? input : reduced(call, opType, input, axes, call.bool('keepdim'));
  };

/** Mean over all of the last dimensions of an image is what runtimes know as global pooling. */
const mean: Emitter = (call) => {
  const axes = axesOf(call);
  const rank = call.rank('self');
  const { dtype } = call.meta('self');
  const spatial =
    rank >= 3 && axes.length === rank - 2 && [...axes].sort((a, b) => a - b).every((axis, i) => axis === i + 2);
  if (spatial && dtype === call.result.dtype) {
    const pooled = call.op('GlobalAveragePool', [call.tensor('self')]);
    return call.bool('keepdim') ? pooled : call.op('Flatten', [pooled], { axis: 1 });
  }
  return reduction('ReduceMean')(call);
};

/** `max` and `min`: of all elements, of two tensors, or along a dimension with positions. */
const extremum =
  (reduce: string, arg: string, pairwise: string): Emitter =>
  (call) => {
    if (call.has('other')) return call.op(pairwise, [call.tensor('self'), call.tensor('other')]);
    if (!call.has('dim')) return reduced(call, reduce, call.tensor('self'), axesOf(call), false);
    const axis = call.axis('dim', call.rank('self'));
    const keep = call.bool('keepdim');
    return [
      reduced(call, reduce, call.tensor('self'), [axis], keep),
      call.op(arg, [call.tensor('self')], { axis, keepdims: keep }),
    ];
  };

const position =
  (opType: string): Emitter =>
  (call) => {
    if (call.has('dim'))
      return call.op(opType, [call.tensor('self')], {
        axis: call.axis('dim', call.rank('self')),
        keepdims: call.bool('keepdim'),
      });
    const flat = call.op('Reshape', [call.tensor('self'), call.integers([-1])]);
    return call.op(opType, [flat], { axis: 0, keepdims: false });
  };

const norm: Emitter = (call) => {
  const order = call.has('ord') ? call.number('ord') : call.has('p') ? call.number('p') : 2;
  if (order !== 1 && order !== 2) throw call.unsupported(`ONNX has norms of order 1 and 2, not ${order}`);
  return reduced(call, `ReduceL${order}`, call.tensor('self'), axesOf(call), call.bool('keepdim'));
};

/** Mean of squared distances from the mean; `correction` is taken from the count. */
function variance(call: Lowering): Value {
  const { dtype } = call.result;
  const axes = axesOf(call);
  const { shape } = call.meta('self');
  const count = axes.reduce((product, axis) => product * (shape[axis] ?? 1), 1);
  const correction = call.has('correction') ? call.number('correction') : call.argument('unbiased') === false ? 0 : 1;
  const centred = call.op('Sub', [call.tensor('self'), reduced(call, 'ReduceMean', call.tensor('self'), axes, true)]);
  const average = reduced(call, 'ReduceMean', call.op('Mul', [centred, centred]), axes, call.bool('keepdim'));
  return correction === 0 ? average : call.op('Mul', [average, call.scalar(count / (count - correction), dtype)]);
}

function cumulativeSum(call: Lowering): Value {
  const input = call.cast(call.tensor('self'), call.meta('self').dtype, call.result.dtype);
  return call.op('CumSum', [input, call.scalar(call.axis('dim', call.rank('self')), 'int64')]);
}

function topK(call: Lowering): Value[] {
  const attributes = {
    axis: call.axis('dim', call.rank('self')),
    largest: call.bool('largest'),
    sorted: call.bool('sorted'),
  };
  return call.ops('TopK', [call.tensor('self'), call.integers([call.number('k')])], attributes, 2);
}

export const reductions: EmitterTable = {
  mean,
  sum: reduction('ReduceSum'),
  prod: reduction('ReduceProd'),
  amax: reduction('ReduceMax'),
  amin: reduction('ReduceMin'),
  logsumexp: reduction('ReduceLogSumExp'),
  max: extremum('ReduceMax', 'ArgMax', 'Max'),
  min: extremum('ReduceMin', 'ArgMin', 'Min'),
  argmax: position('ArgMax'),
  argmin: position('ArgMin'),
  norm,
  linalg_vector_norm: norm,
  var: variance,
  std: (call) => call.op('Sqrt', [variance(call)]),
  cumsum: cumulativeSum,
  topk: topK,
};
