/** @file Functions that no layer covers, against PyTorch, and what they refuse. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ArgumentError,
  manualSeed,
  maxPool1dWithIndices,
  maxPool3dWithIndices,
  nn,
  ones,
  rand,
  randn,
  scope,
  type Tensor,
  tensor,
} from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { assertMatches, readFixture, type Summary } from './testing.ts';

const { functional: F, utils } = nn;

type Layer = nn.AnyModule & { weight: nn.Parameter; bias: nn.Parameter | null };

/** As in the fixture script: random statistics, then the fused layer's weights. */
function fused<L extends Layer>(layer: L, bn: nn.BatchNorm, fuse: (layer: L, bn: nn.BatchNorm) => Layer): Tensor[] {
  for (const statistic of [bn.running_mean, bn.weight, bn.bias]) nn.init.normal_(statistic as Tensor);
  nn.init.uniform_(bn.running_var as Tensor, 0.5, 2);
  const result = fuse(layer.eval(), bn.eval() as nn.BatchNorm);
  return [result.weight, result.bias as Tensor];
}

const bn = () => new nn.BatchNorm2d(4);
const grid = (...shape: number[]) => rand(shape).mul(3).sub(1.5);

const CASES: Record<string, () => Tensor | Tensor[]> = {
  'interpolate aa': () => F.interpolate(randn([1, 2, 9, 9]), { scaleFactor: 0.4, mode: 'bilinear', antialias: true }),
  'interpolate aa bicubic': () =>
    F.interpolate(randn([1, 2, 9, 9]), { size: [4, 5], mode: 'bicubic', antialias: true }),
  'interpolate nearest down': () => F.interpolate(randn([1, 2, 9, 9]), { scaleFactor: 0.7 }),
  'interpolate nearest recomputed': () =>
    F.interpolate(randn([1, 2, 9, 9]), { scaleFactor: 0.7, recomputeScaleFactor: true }),
  'interpolate bicubic aligned': () =>
    F.interpolate(randn([1, 2, 9, 9]), { size: 5, mode: 'bicubic', alignCorners: true }),
  'pad circular': () => F.pad(randn([1, 2, 4, 5]), [1, 2, 3, 0], { mode: 'circular' }),
  'pad circular 3d': () => F.pad(randn([1, 2, 3, 4, 5]), [1, 0, 2, 1, 0, 1], { mode: 'circular' }),
  'pad reflect unbatched': () => F.pad(randn([2, 4, 5]), [1, 2, 3, 0], { mode: 'reflect' }),
  'pad constant of one dimension': () => F.pad(randn([2, 4, 5]), [1, -2], { value: 7 }),
  gridSample: () => F.gridSample(randn([2, 3, 5, 5]), grid(2, 4, 4, 2)),
  'gridSample bicubic': () =>
    F.gridSample(randn([2, 3, 5, 5]), grid(2, 4, 4, 2), {
      mode: 'bicubic',
      paddingMode: 'reflection',
      alignCorners: true,
    }),
  'gridSample nearest 3d': () =>
    F.gridSample(randn([1, 2, 3, 4, 5]), grid(1, 2, 2, 2, 3), { mode: 'nearest', paddingMode: 'border' }),
  affineGrid: () => F.affineGrid(randn([2, 2, 3]), [2, 3, 4, 5]),
  'affineGrid 3d': () => F.affineGrid(randn([1, 3, 4]), [1, 3, 2, 4, 5], { alignCorners: true }),
  normalize: () => F.normalize(randn([3, 4, 5])),
  'normalize by rows': () => F.normalize(randn([3, 4, 5]), { p: 1, dim: -1 }),
  unfold: () => F.unfold(randn([1, 2, 6, 6]), 3, { padding: 1, stride: 2 }),
  maxUnpool1d: () => F.maxUnpool1d(...maxPool1dWithIndices(randn([2, 3, 9]), 2), 2, { outputSize: [9] }),
  maxUnpool3d: () => F.maxUnpool3d(...maxPool3dWithIndices(randn([1, 2, 4, 4, 4]), 2), 2),
  'softmax in double': () => F.softmax(randn([4, 5]), 0, { dtype: 'float64' }),
  fuseConvBnEval: () => fused(new nn.Conv2d(3, 4, 3, { bias: false }), bn(), utils.fuseConvBnEval),
  'fuseConvBnEval with bias': () =>
    fused(new nn.Conv1d(3, 4, 3), new nn.BatchNorm1d(4, { eps: 1e-3 }), utils.fuseConvBnEval),
  'fuseConvBnEval transposed': () =>
    fused(new nn.ConvTranspose2d(3, 4, 3), bn(), (c, b) => utils.fuseConvBnEval(c, b, { transpose: true })),
  fuseLinearBnEval: () => fused(new nn.Linear(3, 4), new nn.BatchNorm1d(4), utils.fuseLinearBnEval),
};

describe('functions agree with PyTorch', () => {
  const fixtures = readFixture<Summary[]>('functional');
  for (const [name, expected] of Object.entries(fixtures)) {
    it(name, () =>
      scope(() => {
        manualSeed(1);
        const made = CASES[name]?.();
        assert.ok(made !== undefined);
        const results = Array.isArray(made) ? made : [made];
        assert.equal(results.length, expected.length);
        for (const [i, summary] of expected.entries()) assertMatches(results[i] as Tensor, summary, `result ${i}`);
      }),
    );
  }
});

describe('functions outside scopes', () => {
  it('leave nothing behind but their result', async () => {
    const input = randn([2, 4, 6, 6]);
    const calls: (() => Tensor)[] = [
      () => F.localResponseNorm(input, 3),
      () => F.normalize(input),
      () => F.pad(input, [1, 1], { mode: 'constant' }),
      () => F.pad(input, [1, 1, 2, 0], { mode: 'circular' }),
      () => F.softmin(input, 1),
      () => F.softsign(input),
      () => F.gumbelSoftmax(input, { hard: true }),
      () => F.lpPool2d(input, 2, 2),
      () => F.multilabelSoftMarginLoss(input, input),
      () => F.gaussianNllLoss(input, input, ones([2, 4, 6, 6])),
      () =>
        F.multiHeadAttentionForward(input.select(0, 0), input.select(0, 0), input.select(0, 0), {
          numHeads: 2,
          projections: ones([18, 6]),
          inProjBias: null,
          outProjWeight: ones([6, 6]),
          outProjBias: null,
          needWeights: false,
        })[0],
    ];
    for (const [i, call] of calls.entries()) {
      await expectNoLeaks(() => scope(() => void call()));
      // The inputs that a call makes for itself are the caller's: only scope-free calls on `input` alone are counted.
      if (i < 9) await expectNoLeaks(() => call().dispose());
    }
    input.dispose();
  });
});

describe('functions refuse', () => {
  const image = () => ones([1, 2, 4, 4]);
  const refusals: Record<string, [() => unknown, RegExp]> = {
    'both size and scale': [() => F.interpolate(image(), { size: 2, scaleFactor: 2 }), /both were given/],
    'neither size nor scale': [() => F.interpolate(image(), {}), /neither was given/],
    'a mode of other dimensions': [() => F.interpolate(image(), { size: 2, mode: 'trilinear' }), /5 dimensions/],
    'an unknown mode': [() => F.interpolate(image(), { size: 2, mode: 'lanczos' as 'nearest' }), /lanczos/],
    'aligned corners for nearest': [() => F.interpolate(image(), { size: 2, alignCorners: false }), /alignCorners/],
    'antialias for nearest': [() => F.interpolate(image(), { size: 2, antialias: true }), /antialias/],
    'antialias for trilinear': [
      () => F.interpolate(ones([1, 1, 2, 2, 2]), { size: 2, mode: 'trilinear', antialias: true }),
      /antialias/,
    ],
    'recomputing with a size': [
      () => F.interpolate(image(), { size: 2, recomputeScaleFactor: true }),
      /recomputeScaleFactor/,
    ],
    'too few sizes': [() => F.interpolate(image(), { size: [2] }), /Expected 2 numbers for size/],
    'no spatial dimensions': [() => F.interpolate(ones([2, 2]), { size: 2 }), /3 to 5 dimensions/],
    'an odd number of paddings': [() => F.pad(image(), [1, 2, 3]), /even number/],
    'an unknown padding mode': [() => F.pad(image(), [1, 2], { mode: 'edge' as 'reflect' }), /mode/],
    'reflection of too many dimensions': [() => F.pad(image(), [1, 1], { mode: 'reflect' }), /spatial dimensions/],
    'circles of more than one turn': [() => F.pad(image(), [5, 0, 0, 0], { mode: 'circular' }), /more than once/],
    'a wrong probability': [() => F.dropout(image(), 1.5), /between 0 and 1/],
    'an unknown reduction': [() => F.mseLoss(image(), image(), { reduction: 'avg' as 'mean' }), /avg/],
    'unequal shapes for binary cross entropy': [() => F.binaryCrossEntropyWithLogits(image(), ones([4])), /shape/],
    'lengths of two kinds': [
      () => F.ctcLoss(ones([2, 1, 2]), tensor([[1]]), [2], tensor([1])),
      /both tensors or both arrays/,
    ],
    'negative variances': [() => F.gaussianNllLoss(ones([2]), ones([2]), tensor([1, -1])), /negative/],
    'a variance of another shape': [() => F.gaussianNllLoss(ones([2, 3]), ones([2, 3]), ones([4])), /variance/],
    'a grid mode': [() => F.gridSample(image(), ones([1, 2, 2, 2]), { mode: 'cubic' as 'bicubic' }), /cubic/],
    'matrices of another size': [() => F.affineGrid(ones([1, 3, 3]), [1, 1, 2, 2]), /theta/],
    'a padding index outside the table': [
      () => F.embedding(tensor([0]), ones([3, 2]), { paddingIdx: 3 }),
      /between -3 and 2/,
    ],
    'batch norm of single values': [
      () => F.batchNorm(ones([1, 4]), null, null, { training: true }),
      /more than one value/,
    ],
    'instance norm of single elements': [() => F.instanceNorm(ones([2, 4, 1])), /more than one spatial/],
    'an unpooled size out of reach': [
      () => F.maxUnpool1d(ones([1, 1, 2]), tensor([[[0, 2]]]), 2, { outputSize: [9] }),
      /3 to 5/,
    ],
  };
  for (const [name, [call, message]] of Object.entries(refusals)) {
    it(name, () =>
      scope(() => {
        assert.throws(call, (error) => error instanceof ArgumentError && message.test(error.message));
      }),
    );
  }
});
