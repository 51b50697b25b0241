/** @file Every family of operators, exported and compared with onnxruntime: a line is a promise that it is computed alike. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  arange,
  cat,
  einsum,
  expectNoLeaks,
  manualSeed,
  nn,
  ops,
  rand,
  randint,
  randn,
  scope,
  slice,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from '@edgeai/torch';
import { network, operators, roundTrip } from '../testing.ts';

/** What is exported, on which inputs, and the ONNX operators that must come out where that is promised. */
interface Case {
  readonly model: () => nn.AnyModule;
  readonly inputs: () => Tensor[];
  readonly emits?: readonly string[];
  readonly opsets?: readonly number[];
  readonly tolerance?: number;
}

const OPSETS = [13, 17, 20];

const image =
  (channels = 4, height = 7, width = 9) =>
  () => [randn([2, channels, height, width])];
const matrix = () => [randn([3, 6])];
const fn = (forward: (...args: Tensor[]) => unknown) => () => network(forward) as nn.AnyModule;

function aten(name: string, ...args: unknown[]): Tensor {
  const [operator = '', overload] = name.split('.');
  const packet = ops.aten?.[operator];
  return (overload === undefined ? packet?.(...args) : packet?.[overload]?.(...args)) as Tensor;
}

const families: Record<string, Record<string, Case>> = {
  convolutions: {
    'plain, strided, dilated, grouped': {
      model: () =>
        new nn.Sequential(
          new nn.Conv2d(4, 6, 3, { stride: 2, padding: [1, 2] }),
          new nn.Conv2d(6, 6, 3, { groups: 3, padding: 2, dilation: 2, bias: false }),
        ),
      inputs: image(),
      emits: ['Conv', 'Conv'],
    },
    'same padding of an even kernel': {
      model: () => new nn.Conv2d(4, 2, 4, { padding: 'same' }),
      inputs: image(),
      emits: ['Conv'],
    },
    'reflected padding': {
      model: () => new nn.Conv2d(4, 2, 3, { padding: 2, paddingMode: 'reflect' }),
      inputs: image(),
      emits: ['Pad', 'Conv'],
    },
    'one and three dimensions': {
      model: () => {
        const [one, three] = [new nn.Conv1d(3, 4, 3), new nn.Conv3d(2, 3, 2)];
        return Object.assign(
          network((x: Tensor, y: Tensor) => [one(x), three(y)]),
          { one, three },
        );
      },
      inputs: () => [randn([2, 3, 8]), randn([1, 2, 4, 4, 4])],
    },
    transposed: {
      model: () =>
        new nn.Sequential(
          new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
          new nn.ConvTranspose2d(6, 3, 2, { dilation: 2, bias: false }),
        ),
      inputs: image(),
      emits: ['ConvTranspose', 'ConvTranspose'],
    },
  },
  pooling: {
    max: { model: () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }), inputs: image(), emits: ['MaxPool'] },
    'max, last window beyond the edge': {
      model: () => new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
      inputs: image(2, 8, 10),
      emits: ['MaxPool'],
    },
    'max, dilated': {
      model: () => new nn.MaxPool2d(2, { stride: 1, dilation: 3 }),
      inputs: image(2, 8, 10),
      emits: ['MaxPool'],
    },
    average: { model: () => new nn.AvgPool2d(3, { stride: 2, padding: 1 }), inputs: image(), emits: ['AveragePool'] },
    'average without padding in the count': {
      model: () => new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
      inputs: image(),
    },
    'average, last window beyond the edge': {
      model: () => new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true }),
      inputs: image(2, 8, 10),
    },
    'average, beyond the edge, not counted': {
      model: () => new nn.AvgPool2d(3, { stride: 2, ceilMode: true, countIncludePad: false }),
      inputs: image(2, 8, 10),
    },
    'average with a divisor': {
      model: () => new nn.AvgPool2d(2, { divisorOverride: 3 }),
      inputs: image(2, 8, 10),
      emits: ['AveragePool', 'Mul'],
    },
    'adaptive to one': { model: () => new nn.AdaptiveAvgPool2d(1), inputs: image(), emits: ['GlobalAveragePool'] },
    'adaptive by whole windows': {
      model: () => new nn.AdaptiveAvgPool2d([2, 3]),
      inputs: image(2, 8, 9),
      emits: ['AveragePool'],
    },
    'adaptive by uneven windows': { model: () => new nn.AdaptiveAvgPool2d([3, 4]), inputs: image(2, 8, 10) },
    'adaptive to more than there is': { model: () => new nn.AdaptiveAvgPool2d(7), inputs: image(3, 2, 2) },
    'adaptive max': { model: () => new nn.AdaptiveMaxPool2d(1), inputs: image(), emits: ['GlobalMaxPool'] },
    'one dimension': {
      model: fn((x) => [new nn.MaxPool1d(2)(x as Tensor), new nn.AvgPool1d(3)(x as Tensor)]),
      inputs: () => [randn([2, 3, 9])],
    },
  },
  activations: Object.fromEntries(
    [
      new nn.ReLU(),
      new nn.ReLU6(),
      new nn.Hardtanh({ minVal: -0.5, maxVal: 2 }),
      new nn.Sigmoid(),
      new nn.Hardsigmoid(),
      new nn.Hardswish(),
      new nn.SiLU(),
      new nn.Tanh(),
      new nn.LeakyReLU(0.2),
      new nn.PReLU({ numParameters: 4 }),
      new nn.ELU(0.7),
      new nn.SELU(),
      new nn.CELU(1.3),
      new nn.GELU(),
      new nn.GELU({ approximate: 'tanh' }),
      new nn.Mish(),
      new nn.Softplus(),
      new nn.Softplus({ beta: 2 }),
      new nn.Softsign(),
      new nn.LogSigmoid(),
      new nn.GLU(1),
      new nn.Softmax(1),
      new nn.LogSoftmax(-1),
      new nn.Threshold(0.1, -2),
    ].map((module) => [`${module}`, { model: () => module, inputs: image() }]),
  ),
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
  normalisation: {
    'batch norm by itself': {
      model: () => settled(new nn.BatchNorm2d(4)),
      inputs: image(),
      emits: ['BatchNormalization'],
    },
    'batch norm without scale': { model: () => settled(new nn.BatchNorm2d(4, { affine: false })), inputs: image() },
    'batch norm on vectors': { model: () => settled(new nn.BatchNorm1d(6)), inputs: matrix },
    'layer norm': { model: () => new nn.LayerNorm([7, 9]), inputs: image() },
    'layer norm without scale': { model: () => new nn.LayerNorm(9, { elementwiseAffine: false }), inputs: image() },
    'group norm': { model: () => new nn.GroupNorm(2, 4), inputs: image() },
    'instance norm': { model: () => new nn.InstanceNorm2d(4, { affine: true }), inputs: image() },
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
  resizing: {
    'nearest by a factor': { model: () => new nn.Upsample({ scaleFactor: 2 }), inputs: image(), emits: ['Resize'] },
    'nearest to a size': { model: () => new nn.Upsample({ size: [10, 5] }), inputs: image() },
    'bilinear by a factor': {
      model: () => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: false }),
      inputs: image(),
    },
    'bilinear to a size': {
      model: () => new nn.Upsample({ size: [13, 21], mode: 'bilinear', alignCorners: false }),
      inputs: image(),
    },
    'bilinear, corners aligned': {
      model: () => new nn.Upsample({ size: [13, 21], mode: 'bilinear', alignCorners: true }),
      inputs: image(),
    },
    'bilinear, smaller': {
      model: () => new nn.Upsample({ size: [3, 4], mode: 'bilinear', alignCorners: false }),
      inputs: image(),
    },
    bicubic: {
      model: () => new nn.Upsample({ scaleFactor: 2, mode: 'bicubic', alignCorners: false }),
      inputs: image(),
    },
    'grid sample': {
      model: fn((x, grid) => aten('grid_sampler', x, grid, 0, 0, false)),
      inputs: () => [randn([1, 2, 5, 6]), rand([1, 4, 3, 2]).mul(2.4).sub(1.2)],
      opsets: [16, 17, 20],
    },
  },
};

function settled<M extends nn.BatchNorm>(module: M): M {
  scope(() => {
    for (const value of [module.running_mean, module.running_var]) value?.copy_(rand(value.shape).add(0.5));
  });
  return module;
}

for (const [family, cases] of Object.entries(families)) {
  describe(`exported ${family}`, () => {
    for (const [name, { model, inputs, emits, opsets = OPSETS, tolerance = 1e-5 }] of Object.entries(cases)) {
      it(name, async () => {
        manualSeed(7);
        const net = model();
        net.eval();
        const sample = scope(inputs);
        await expectNoLeaks(async () => {
          for (const opset of opsets) {
            const { exported } = await roundTrip(net, [sample], { opset, tolerance });
            if (emits !== undefined) assert.deepEqual(operators(exported), emits);
          }
        });
        for (const value of sample) value.dispose();
      });
    }
  });
}

describe('constants', () => {
  it('are computed before the export, however they were made', async () => {
    const model = network((x: Tensor) => x.add(arange(6).mul(2).to('float32').reshape([1, 6]).softmax(1)));
    const sample = randn([3, 6]);
    const { exported } = await roundTrip(model, [[sample]]);
    assert.deepEqual(operators(exported), ['Add']);
    assert.equal(exported.model.graph?.initializer?.length, 1);
  });
});
