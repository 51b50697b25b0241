/** @file A few steps of training give the recorded losses. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromTypedArray, nn, optim, scope, type Tensor, tensor } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';
import { fillModel, makeInput, states } from '@edgeai/vision/testing/fill';
import { makeDenseLoss } from '../losses/registry.ts';
import { SegmentationLoss } from '../losses/segmentation.ts';
import './index.ts';

interface Recorded {
  trainings: {
    segmentation_adam: { losses: number[]; after: Record<string, { first: number[]; l2: number }> };
    depth_adam: { total: number[]; parts: number[][] };
    classification_sgd: { losses: number[]; after: Record<string, { first: number[]; l2: number }> };
  };
}

// Recorded from edgeailite's own networks, losses and PyTorch's optimisers.
const file = new URL('../losses/fixtures/recorded.json', import.meta.url);
const { trainings } = JSON.parse(readFileSync(file, 'utf8')) as Recorded;

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const draw = (seed: number, shape: number[], value: (state: number) => number): Tensor =>
  fromTypedArray(Float32Array.from(states(seed, count(shape)), value), shape);

/** Relative. Steps this large from random weights multiply what threads of a BLAS add in another order by up to a thousand; the weights stay near. */
const TOLERANCE = [1e-5, 1e-3, 2e-2, 5e-2];

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual / expected - 1) < tolerance, `${actual} is not ${expected}`);
}

function compare(made: readonly number[], expected: readonly number[]): void {
  assert.equal(made.length, expected.length);
  made.forEach((value, step) => {
    near(value, expected[step] as number, TOLERANCE[step] as number);
  });
}

function compareState(model: nn.AnyModule, expected: Record<string, { l2: number }>): void {
  const state = model.stateDict();
  for (const [key, { l2 }] of Object.entries(expected)) near(Number(state[key]?.to('float32').norm().item()), l2, 1e-3);
}

function network(name: string, options: Record<string, unknown>): nn.AnyModule {
  const model = getModel<nn.AnyModule>(name, options).train();
  fillModel(model, 1.2, { order: 'sorted' });
  for (const module of model.modules()) if (module instanceof nn.Dropout2d) module.p = 0;
  return model;
}

function train(optimizer: optim.Optimizer, steps: number, lossOf: () => Tensor): number[] {
  return Array.from({ length: steps }, () =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = lossOf();
      loss.backward();
      optimizer.step();
      return Number(loss.item());
    }),
  );
}

test('segmentation with Adam', () => {
  const model = network('deeplabv3plus_mobilenetv2_tv_edgeailite', {});
  const input = makeInput([2, 3, 128, 128]);
  const raw = draw(41, [2, 1, 128, 128], (state) => state >>> 27);
  const target = raw.maskedFill(raw.ge(19), 255);
  const loss = new SegmentationLoss({ normalisation: 'labelled' });
  const optimizer = new optim.Adam(model.parameters(), { lr: 4e-4, weightDecay: 1e-4 });
  const { losses, after } = trainings.segmentation_adam;
  compare(
    train(optimizer, losses.length, () => loss((model(input) as Tensor[])[0] as Tensor, target)),
    losses,
  );
  compareState(model, after);
});

test('depth with Adam and three losses', () => {
  const options = { outputType: ['depth'], outputChannels: [1], outputRange: [[0, 128]] };
  const model = network('deeplabv3plus_mobilenetv2_tv_edgeailite', options);
  const input = makeInput([2, 3, 128, 128]);
  const shape = [2, 1, 128, 128];
  const known = draw(43, shape, (state) => Number(state >>> 30 === 0));
  const target = draw(42, shape, (state) => (state / 2 ** 31) * 40).mul(known);
  const losses = ['supervised_loss', 'scale_loss', 'supervised_error_var'].map((name) => makeDenseLoss(name));
  const factors = [0.125, 0.125, 4];
  const optimizer = new optim.Adam(model.parameters(), { lr: 4e-4, weightDecay: 1e-4 });
  const { total } = trainings.depth_adam;
  const made = train(optimizer, total.length, () => {
    const [map] = model(input) as [Tensor];
    return losses.map((loss, i) => loss(map, target).mul(factors[i] as number)).reduce((sum, part) => sum.add(part));
  });
  compare(made, total);
});

test('classification with SGD', () => {
  const model = network('resnet18_x1', { numClasses: 100, strides: [1, 1, 1, 2, 2] });
  const input = makeInput([4, 3, 32, 32]);
  const target = tensor([3, 17, 64, 99], { dtype: 'int64' });
  const loss = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 4e-5 });
  const { losses, after } = trainings.classification_sgd;
  compare(
    train(optimizer, losses.length, () => loss(model(input) as Tensor, target)),
    losses,
  );
  compareState(model, after);
});
