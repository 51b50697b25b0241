/** @file 16 · Which overload a call means: each line is a call and the operator that libtorch gets. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError } from '../errors.ts';
import { ones, tensor } from './creation.ts';
import { setRecorder } from './dispatch.ts';
import * as F from './generated/functions.ts';
import { scope } from './scope.ts';

const x = ones([2, 2]);
const i = tensor([0, 1]);
const image = ones([1, 1, 4, 4]);
const kernel = ones([1, 1, 3, 3]);

function operatorOf(call: () => unknown): string[] {
  const seen: string[] = [];
  const before = setRecorder((operator) => seen.push(operator.qualifiedName.replace('aten::', '')));
  try {
    scope(() => {
      call();
    });
  } finally {
    setRecorder(before);
  }
  return seen;
}

const TABLE: [() => unknown, string][] = [
  [() => x.add(x), 'add.Tensor'],
  [() => x.add(1), 'add.Scalar'],
  [() => x.add(1n), 'add.Scalar'],
  [() => x.add(true), 'add.Scalar'],
  [() => x.add({ real: 1, imag: 0 }), 'add.Scalar'],
  [() => x.add(x, { alpha: 2 }), 'add.Tensor'],
  [() => x.add(1, 2), 'add.Scalar'],
  [() => x.clone().add_(x), 'add_.Tensor'],
  [() => x.mul(0.5), 'mul.Scalar'],
  [() => F.mul(x, x), 'mul.Tensor'],
  [() => x.div(x), 'div.Tensor'],
  [() => x.div(2), 'div.Scalar'],
  [() => x.div(x, { roundingMode: 'floor' }), 'div.Tensor_mode'],
  [() => x.div(2, { roundingMode: 'trunc' }), 'div.Scalar_mode'],
  [() => x.sum(), 'sum'],
  [() => x.sum({ dtype: 'float64' }), 'sum'],
  [() => x.sum(0), 'sum.dim_IntList'],
  [() => x.sum([0, 1]), 'sum.dim_IntList'],
  [() => x.sum(null), 'sum.dim_IntList'],
  [() => x.sum(0, { keepdim: true }), 'sum.dim_IntList'],
  [() => x.mean(), 'mean'],
  [() => x.mean([1]), 'mean.dim'],
  [() => x.max(), 'max'],
  [() => x.max(1), 'max.dim'],
  [() => x.max(x), 'max.other'],
  [() => x.max(0, { keepdim: true }), 'max.dim'],
  [() => x.any(), 'any'],
  [() => x.any(0), 'any.dim'],
  [() => x.pow(2), 'pow.Tensor_Scalar'],
  [() => x.pow(x), 'pow.Tensor_Tensor'],
  [() => x.clamp(0, 1), 'clamp'],
  [() => x.clamp({ min: 0 }), 'clamp'],
  [() => x.clamp(x), 'clamp.Tensor'],
  [() => x.clamp({ max: x }), 'clamp.Tensor'],
  [() => x.eq(1), 'eq.Scalar'],
  [() => x.eq(x), 'eq.Tensor'],
  [() => x.split(1), 'split.Tensor'],
  [() => x.transpose(0, 1), 'transpose.int'],

  [() => x.norm(), 'norm.Scalar'],
  [() => x.sort(), 'sort'],
  [() => x.sort(0), 'sort'],
  [() => x.sort({ stable: true }), 'sort.stable'],
  [() => x.argsort({ stable: true }), 'argsort.stable'],
  [() => x.gather(0, i.unsqueeze(0)), 'gather'],
  [() => x.scatter(0, i.unsqueeze(0), 1), 'scatter.value'],
  [() => x.scatter(0, i.unsqueeze(0), x), 'scatter.src'],
  [() => x.maskedFill(x.bool(), 1), 'masked_fill.Scalar'],
  [() => x.maskedFill(x.bool(), tensor(1.5)), 'masked_fill.Tensor'],
  [() => x.repeatInterleave(2), 'repeat_interleave.self_int'],
  [() => x.repeatInterleave(i, 0), 'repeat_interleave.self_Tensor'],
  [() => x.flatten(), 'flatten.using_ints'],
  [() => x.squeeze(), 'squeeze'],
  [() => x.squeeze(0), 'squeeze.dim'],
  [() => x.bernoulli(), 'bernoulli'],
  [() => x.bernoulli(0.5), 'bernoulli.p'],
  [() => F.conv2d(image, kernel), 'conv2d'],
  [() => F.conv2d(image, kernel, null, 1, 1), 'conv2d'],
  [() => F.conv2d(image, kernel, { padding: 'same' }), 'conv2d.padding'],
  [() => F.conv2d(image, kernel, null, 1, 'same'), 'conv2d.padding'],
  [() => F.where(x.bool(), x, x), 'where.self'],
  [() => F._foreachAdd([x], 1), '_foreach_add.Scalar'],
  [() => F._foreachAdd([x], [x]), '_foreach_add.List'],
  [() => F._foreachAdd([x], [1]), '_foreach_add.ScalarList'],
  [() => F.tensorSplit(x, 2), 'tensor_split.sections'],
  [() => F.tensorSplit(x, [1]), 'tensor_split.indices'],
  [() => F.cat([x, x], 1), 'cat'],
];

test('calls reach the overload that their arguments mean', () => {
  const differing: string[] = [];
  for (const [call, expected] of TABLE) {
    const seen = operatorOf(call).at(-1);
    if (seen !== expected) differing.push(`${String(call)}: expected ${expected}, got ${seen}`);
  }
  assert.deepEqual(differing, []);
});

test('a number where a tensor is expected is refused, not promoted', () => {
  const calls: (() => unknown)[] = [
    () => F.add(1 as never, x),
    () => F.mul(2 as never, 3 as never),
    () => x.matmul(2 as never),
    () => x.maximum(1 as never),
    () => F.where(x.bool(), x, 1 as never),
    () => F.cat([x, 1 as never]),
    () => x.gather(0, 1 as never),
  ];
  for (const call of calls)
    assert.throws(call, (e) => e instanceof ArgumentError && /expected .*Tensor/.test(e.message), String(call));
});

test('the recorder sees the arguments and results as JavaScript has them', () => {
  const seen: unknown[][] = [];
  const before = setRecorder((operator, args, result) => seen.push([operator.qualifiedName, args, result]));
  const y = x.add(x, { alpha: 2 });
  const z = y.relu_();
  setRecorder(before);
  assert.deepEqual(seen, [
    ['aten::add.Tensor', [x, x, 2], y],
    ['aten::relu_', [y], y],
  ]);
  assert.equal(z, y);
});
