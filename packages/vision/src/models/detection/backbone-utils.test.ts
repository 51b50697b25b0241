/**
 * @file Feature pyramids start with torchvision's numbers and compute what it does. The numbers are from torchvision 0.14.1 after
 * `torch.manual_seed(0)`: the sum of the bits of the state dict, and the norm of each feature map of an image of ones, of
 * `_resnet_fpn_extractor(resnet18(), 3)` and `FeaturePyramidNetwork([2, 4], 3, LastLevelP6P7(4, 3), BatchNorm2d)`.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  expectNoLeaks,
  isFloatingPoint,
  manualSeed,
  memory,
  nn,
  noGrad,
  ones,
  scope,
  type Tensor,
} from '@edgeai/torch';
import { FeaturePyramidNetwork, LastLevelP6P7 } from '../../ops/feature-pyramid-network.ts';
import { sumOfBits } from '../../testing/fill.ts';
import { resnet18 } from '../resnet.ts';
import { resnetFpnExtractor } from './backbone-utils.ts';

function bits(model: nn.AnyModule): number {
  return Object.values(model.stateDict())
    .filter(({ dtype }) => isFloatingPoint(dtype))
    .reduce((sum, tensor) => sumOfBits(tensor.toTypedArray() as Float32Array, sum), 0);
}

function describe(maps: Record<string, Tensor>): [string, number[], number][] {
  return Object.entries(maps).map(([name, map]) => {
    const norm = map.to('float64').square().sum().sqrt().item() as number;
    return [name, [...map.shape], Number(norm.toPrecision(5))];
  });
}

test('a ResNet with a feature pyramid: numbers, maps, what is trained', async () => {
  const before = memory().tensors;
  manualSeed(0);
  const model = resnetFpnExtractor(resnet18(), 3).eval();
  assert.equal(Object.keys(model.stateDict()).length, 136);
  assert.equal(bits(model), 1146643485);
  assert.equal(model.body.parameters().filter(({ requiresGrad }) => requiresGrad).length, 45);
  await expectNoLeaks(() =>
    noGrad(() =>
      scope(() =>
        assert.deepEqual(describe(model(ones([1, 3, 64, 96]))), [
          ['0', [1, 256, 16, 24], 357.77],
          ['1', [1, 256, 8, 12], 180.66],
          ['2', [1, 256, 4, 6], 67.873],
          ['3', [1, 256, 2, 3], 20.37],
          ['pool', [1, 256, 1, 2], 11.276],
        ]),
      ),
    ),
  );
  model.dispose();
  assert.equal(memory().tensors, before, 'the layers that were cut off are released');
});

test('sizes that do not halve, norms, and two coarser maps', () => {
  manualSeed(0);
  const extraBlocks = new LastLevelP6P7(4, 3);
  using model = new FeaturePyramidNetwork([2, 4], 3, { extraBlocks, normLayer: nn.BatchNorm2d }).eval();
  assert.equal(bits(model), 3558445344);
  noGrad(() =>
    scope(() => {
      const maps = model({ a: ones([1, 2, 7, 5]), b: ones([1, 4, 4, 3]) });
      assert.deepEqual(describe(maps), [
        ['a', [1, 3, 7, 5], 10.356],
        ['b', [1, 3, 4, 3], 1.0876],
        ['p6', [1, 3, 2, 2], 2.1165],
        ['p7', [1, 3, 1, 1], 0],
      ]);
    }),
  );
});

test('old state dicts load', () => {
  using model = new FeaturePyramidNetwork([2], 3);
  const old = { 'inner_blocks.0.weight': ones([3, 2, 1, 1]), 'inner_blocks.0.bias': ones([3]) };
  const { unexpected, missing } = model.loadStateDict(old, { strict: false });
  assert.deepEqual([unexpected, missing], [[], ['layer_blocks.0.0.weight', 'layer_blocks.0.0.bias']]);
});

test('numbers out of range are named', () => {
  using backbone = resnet18({ numClasses: 2 });
  assert.throws(() => resnetFpnExtractor(backbone, 6), /trainableLayers/);
  assert.throws(() => resnetFpnExtractor(backbone, 3, { returnedLayers: [0, 1] }), /returnedLayers/);
  assert.throws(() => new FeaturePyramidNetwork([0], 8), /inChannelsList/);
  using model = new FeaturePyramidNetwork([2, 4], 3);
  assert.throws(() => scope(() => model({ a: ones([1, 2, 4, 4]) })), /2 feature maps/);
});
