/** @file Surgery as an option of every model: what is built, what it is loaded with, and what a recipe makes of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fx, manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';

import { UsageError } from '../errors.ts';
import { classification } from '../recipes/classification-options.ts';
import { resolveRecipe } from '../recipes/resolve.ts';
import { classifierOptions } from '../tasks/classification/build-model.ts';
import { buildModel, surgeries } from './build-model.ts';

const NAME = 'mobilenet_v3_small';

test('every kind of surgery leaves a network without squeeze and excitation that takes any batch', () => {
  for (const surgery of surgeries) {
    scope(() => {
      const model = buildModel(NAME, { numClasses: 3, surgery }).eval();
      assert.equal(model instanceof fx.GraphModule, surgery === 'v2');
      assert.ok(!Object.keys(model.stateDict()).some((key) => key.includes('.fc1.')));
      assert.ok(!model.modules().some((module) => module instanceof nn.Hardswish));
      assert.deepEqual(noGrad(() => model(randn([2, 3, 64, 64])) as Tensor).shape, [2, 3]);
    });
  }
});

test('weights that were published for the network are loaded before surgery', () => {
  scope(() => {
    const twos = (model: nn.AnyModule) => noGrad(() => model.parameters().forEach((each) => void each.fill_(2)));
    const model = buildModel(NAME, { surgery: 'v2' }, twos);
    assert.ok(model.parameters().every((each) => each.min().item() === 2));
  });
});

test('a recipe keeps it among the options of the model, where checkpoints have it from; others are refused', () => {
  manualSeed(0);
  const { config } = resolveRecipe(classification, { flags: { dataPath: '.', model: NAME, modelSurgery: 'v2' } });
  assert.deepEqual(classifierOptions(config, ['a', 'b']), { surgery: 'v2', numClasses: 2 });
  assert.throws(() => buildModel(NAME, { surgery: 'v9' }), UsageError);
});
