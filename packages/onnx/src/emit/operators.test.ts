/** @file Operators, exported and compared with onnxruntime: a line is a promise that it is computed alike. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  arange,
  cat,
  einsum,
  nn,
  rand,
  randint,
  randn,
  slice,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from '@edgeai/torch';
import { network, operators, roundTrip } from '../testing.ts';
import { aten, type Families, fn, image, matrix, testExports } from './testing.ts';

const families: Families = {
  'element-wise': {
    'add, subtract, scale': {
      model: fn((x, y) =>
        x
          ?.add(y as Tensor, { alpha: 2 })
          .sub(1)
          .mul(y as Tensor)
          .div(3),
      ),
      inputs: () => [randn([2, 3]), randn([3])],
    },
    'types are promoted': {
      model: fn((x, y) => [x?.add(y as Tensor), y?.div(2), y?.mul(1.5), y?.add(2)]),
      inputs: () => [randn([2, 3]), randint(1, 9, [2, 3])],
    },
    'division rounded': {
      model: fn((x, y) => [
        x?.div(y as Tensor, { roundingMode: 'floor' }),
        x?.div(2, { roundingMode: 'trunc' }),
        x?.remainder(0.7),
      ]),
      inputs: () => [randn([20]), rand([20]).add(0.5)],
    },
    powers: {
      model: fn((x) => [x?.pow(2), x?.pow(0.5), x?.pow(1.7), x?.sqrt(), x?.rsqrt(), x?.square(), x?.reciprocal()]),
      inputs: () => [rand([9]).add(0.1)],
    },
    'exponentials and logarithms': {
      model: fn((x) => [x?.exp(), x?.log(), x?.log1p(), x?.expm1(), x?.erf()]),
      inputs: () => [rand([9]).add(0.1)],
    },
    'rounding and sign': {
      model: fn((x) => [x?.neg(), x?.abs(), x?.sign(), x?.floor(), x?.ceil(), x?.round(), x?.trunc()]),
      inputs: () => [randn([20]).mul(3)],
    },
    'comparison and choice': {
      model: fn((x, y) => [
        x?.gt(0),
        x?.ne(y as Tensor),
        where(x?.le(y as Tensor) as Tensor, x as Tensor, y as Tensor),
        x?.maskedFill(x.lt(0), -7),
      ]),
      inputs: () => [randn([9]), randn([9])],
    },
    logic: {
      model: fn((x) => [x?.gt(0).logicalAnd(x.lt(1)), x?.gt(0).logicalNot(), x?.gt(0).bitwiseOr(x.lt(-1))]),
      inputs: () => [randn([9])],
    },
    'clamps and extremes': {
      model: fn((x, y) => [
        x?.clamp(-0.5, 0.5),
        x?.clampMin(0.1),
        x?.clampMax(0.1),
        x?.maximum(y as Tensor),
        x?.minimum(y as Tensor),
      ]),
      inputs: () => [randn([9]), randn([9])],
    },
    'reversed subtraction': { model: fn((x) => aten('rsub.Scalar', x, 3, 2)), inputs: matrix },
    casts: { model: fn((x) => [x?.to('int32'), x?.to('float64'), x?.gt(0).to('float32')]), inputs: matrix },
  },
  shapes: {
    'flatten and reshape': {
      model: fn((x) => [x?.flatten(1), x?.flatten(0, 1), x?.reshape([2, -1, 9]), x?.view([8, 63])]),
      inputs: image(),
    },
    'orders of dimensions': {
      model: fn((x) => [x?.permute([0, 2, 3, 1]), x?.transpose(1, -1), x?.movedim(1, 3)]),
      inputs: image(),
    },
    'single dimensions': {
      model: fn((x) => [x?.unsqueeze(1), x?.unsqueeze(-1).squeeze(-1), x?.unsqueeze(0).squeeze(0)]),
      inputs: image(),
    },
    'put together': {
      model: fn((x, y) => [cat([x as Tensor, y as Tensor], -1), stack([x as Tensor, x as Tensor], 1)]),
      inputs: () => [randn([2, 3]), randn([2, 4])],
      emits: ['Concat', 'Unsqueeze', 'Unsqueeze', 'Concat'],
    },
    'taken apart': {
      model: fn((x) => [
        ...(x?.chunk(3, 1) ?? []),
        ...(x?.split(3, 1) ?? []),
        x?.splitWithSizes([1, 3], 1)[1],
        x?.unbind(0)[1],
      ]),
      inputs: () => [randn([2, 4])],
    },
    'chosen and sliced': {
      model: fn((x) => [
        x?.select(1, -1),
        x?.index(slice(0, 1), slice(1, null, 2)),
        x?.narrow(3, 2, 4),
        x?.index('...', slice(-3, null)),
      ]),
      inputs: image(),
    },
    'repeated and turned': {
      model: fn((x) => [
        x?.repeat([1, 2, 1, 1]),
        x?.flip([2, 3]),
        x?.roll([3, -2], [2, 3]),
        x?.unsqueeze(0).expand([3, -1, -1, -1, -1]),
      ]),
      inputs: image(),
    },
    'pixel shuffle': { model: () => new nn.PixelShuffle(2), inputs: image(8), emits: ['DepthToSpace'] },
    unfold: {
      model: () => new nn.Unfold([3, 2], { dilation: 2, padding: [2, 1], stride: [1, 2] }),
      inputs: image(3, 8, 9),
      emits: ['Conv', 'Reshape'],
    },
    'pixel unshuffle': { model: () => new nn.PixelUnshuffle(2), inputs: image(3, 8, 6) },
    'channel shuffle': { model: fn((x) => aten('channel_shuffle', x, 2)), inputs: image() },
    padding: {
      model: fn((x) => [
        aten('constant_pad_nd', x, [1, 2, 0, 3], 0.5),
        aten('reflection_pad2d', x, [1, 2, 3, 0]),
        aten('replication_pad2d', x, [2, 1, 0, 1]),
      ]),
      inputs: image(),
    },
    'by index': {
      model: fn((x, i) => [
        x?.indexSelect(1, i as Tensor),
        x?.index(null, slice(), i as Tensor),
        x?.gather(1, zeros([3, 2], { dtype: 'int64' })),
      ]),
      inputs: () => [randn([3, 6]), tensor([4, 0, 2])],
    },
    embedding: { model: () => new nn.Embedding(10, 4), inputs: () => [randint(0, 10, [2, 3])], emits: ['Gather'] },
    'no operation': {
      model: fn((x) =>
        new nn.Dropout(0.5)
          .eval()((x as Tensor).contiguous().clone().detach())
          .add(0),
      ),
      inputs: image(),
      emits: ['Add'],
    },
  },
  products: {
    linear: { model: () => new nn.Linear(6, 4), inputs: matrix, emits: ['Gemm'] },
    'linear on more dimensions': {
      model: () => new nn.Linear(6, 4),
      inputs: () => [randn([2, 5, 6])],
      emits: ['MatMul', 'Add'],
    },
    'linear without bias': { model: () => new nn.Linear(6, 4, { bias: false }), inputs: matrix, emits: ['Gemm'] },
    'matrix products': {
      model: fn((x, y) => [
        x?.matmul(y as Tensor),
        x?.bmm(y as Tensor),
        einsum('bij,bjk->bik', [x as Tensor, y as Tensor]),
      ]),
      inputs: () => [randn([2, 3, 4]), randn([2, 4, 5])],
    },
    'added products': {
      model: fn((x, y, z) => [x?.addmm(y as Tensor, z as Tensor, { beta: 0.5, alpha: 2 })]),
      inputs: () => [randn([5]), randn([3, 4]), randn([4, 5])],
    },
    attention: {
      model: () => new nn.MultiheadAttention(8, 2),
      inputs: () => [randn([5, 2, 8]), randn([5, 2, 8]), randn([5, 2, 8])],
      tolerance: 1e-4,
    },
  },
  reductions: {
    'means and sums': {
      model: fn((x) => [
        x?.mean([2, 3]),
        x?.mean([2, 3], { keepdim: true }),
        x?.mean(),
        x?.sum([1]),
        x?.sum(),
        x?.prod(-1),
      ]),
      inputs: image(),
    },
    extremes: {
      model: fn((x) => [x?.amax([1, 2]), x?.amin([-1], true), x?.max(1), x?.min(2, { keepdim: true }), x?.max()]),
      inputs: image(),
    },
    positions: { model: fn((x) => [x?.argmax(1, true), x?.argmin(-1), x?.argmax()]), inputs: image() },
    spread: {
      model: fn((x) => [x?.var([2, 3]), x?.std([1]), aten('norm.ScalarOpt_dim', x, 2, [1], true)]),
      inputs: image(),
    },
    'running sum and largest': { model: fn((x) => [x?.cumsum(1), ...(x?.topk(3, 1) ?? [])]), inputs: matrix },
  },
};

testExports(families);

describe('constants', () => {
  it('are computed before the export, however they were made', async () => {
    const model = network((x: Tensor) => x.add(arange(6).mul(2).to('float32').reshape([1, 6]).softmax(1)));
    const sample = randn([3, 6]);
    const { exported } = await roundTrip(model, [[sample]]);
    assert.deepEqual(operators(exported), ['Add']);
    assert.equal(exported.model.graph?.initializer?.length, 1);
  });
});
