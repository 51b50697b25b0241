/** @file Reductions, positions of extremes, sorting. */

import { cumsum, isFloatingPoint, type Tensor, tensor, topk, tril, triu, zerosLike } from '@edgeai/torch';
import type { Lowering, LoweringTable, OnnxCall } from '../call.ts';

/** The dimensions that go; `null` when nothing is to be done. */
function axesOf(call: OnnxCall, rank: number): number[] | null {
  const given = call.intsOrInput('axes', 1);
  if (given === undefined || given.length === 0) {
    if (call.int('noop_with_empty_axes', 0) === 1) return null;
    return Array.from({ length: rank }, (_, i) => i);
  }
  return given.map((axis) => call.axis(axis, rank));
}

const reduction =
  (
    reduce: (input: Tensor, axes: number[], keepdim: boolean) => Tensor,
    prepare?: (input: Tensor) => Tensor,
  ): Lowering =>
  (call) => {
    const given = call.tensor(0);
    const input = prepare === undefined ? given : prepare(given);
    const axes = axesOf(call, given.ndim);
    if (axes === null) return input === given ? given.clone() : input;
    if (axes.length === 0) return input.clone();
    const result = reduce(input, axes, call.int('keepdims', 1) === 1);
    return result.dtype === given.dtype ? result : result.to(given.dtype);
  };

function product(input: Tensor, axes: number[], keepdim: boolean): Tensor {
  // From the last dimension on, so that the others keep their positions.
  return [...axes].sort((a, b) => b - a).reduce((value, axis) => value.prod(axis, keepdim), input);
}

const sum = (input: Tensor, axes: number[], keepdim: boolean) => input.sum(axes, { keepdim });

const mean = (input: Tensor, axes: number[], keepdim: boolean) =>
  isFloatingPoint(input.dtype) ? input.mean(axes, { keepdim }) : input.to('float64').mean(axes, { keepdim }).trunc();

const positionOf =
  (find: 'argmax' | 'argmin'): Lowering =>
  (call) => {
    const input = call.tensor(0);
    const axis = call.axis(call.int('axis', 0), input.ndim);
    const keepdim = call.int('keepdims', 1) === 1;
    if (call.int('select_last_index', 0) === 0) return input[find](axis, keepdim);
    return input
      .flip([axis])
      [find](axis, keepdim)
      .mul(-1)
      .add((input.shape[axis] ?? 1) - 1);
  };

function topK(call: OnnxCall): Tensor[] {
  const input = call.tensor(0);
  const k = call.opset < 10 ? call.int('k', 1) : (call.optionalNumber(1) ?? 1);
  return topk(input, k, {
    dim: call.axis(call.int('axis', -1), input.ndim),
    largest: call.int('largest', 1) === 1,
    sorted: true,
  });
}

function cumulativeSum(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axis = call.axis(call.optionalNumber(1) ?? 0, input.ndim);
  const turned = call.int('reverse', 0) === 1 ? input.flip([axis]) : input;
  const running = cumsum(turned, axis);
  const sums = call.int('exclusive', 0) === 1 ? running.sub(turned) : running;
  const result = sums.dtype === input.dtype ? sums : sums.to(input.dtype);
  return call.int('reverse', 0) === 1 ? result.flip([axis]) : result;
}

function triangle(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const k = call.optionalNumber(1) ?? 0;
  if (input.numel() === 0) return zerosLike(input);
  return (call.int('upper', 1) === 1 ? triu : tril)(input, k);
}

export const reductions: LoweringTable = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction(mean),
  ReduceMax: reduction((x, axes, keepdim) => x.amax(axes, keepdim)),
  ReduceMin: reduction((x, axes, keepdim) => x.amin(axes, keepdim)),
  ReduceProd: reduction(product),
  ReduceL1: reduction(sum, (x) => x.abs()),
  ReduceL2: reduction((x, axes, keepdim) => sum(x.square(), axes, keepdim).sqrt()),
  ReduceSumSquare: reduction(sum, (x) => x.square()),
  ReduceLogSum: reduction((x, axes, keepdim) => sum(x, axes, keepdim).log()),
  ReduceLogSumExp: reduction((x, axes, keepdim) =>
    isFloatingPoint(x.dtype) ? x.logsumexp(axes, keepdim) : x.to('float64').logsumexp(axes, keepdim),
  ),
  ArgMax: positionOf('argmax'),
  ArgMin: positionOf('argmin'),
  TopK: topK,
  CumSum: cumulativeSum,
  Trilu: triangle,
  Size: (call) => tensor(call.tensor(0).numel(), { dtype: 'int64' }),
};
