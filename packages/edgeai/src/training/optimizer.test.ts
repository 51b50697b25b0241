/** @file Optimisers, schedules and averages have the settings that a recipe asks for. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nn, optim, type Tensor, zeros } from '@edgeai/torch';

import { averageDecay } from './average.ts';
import { batchLimit } from './limits.ts';
import { decayGroups, makeOptimizer, type OptimizerConfig } from './optimizer.ts';
import { makeScheduler, type SchedulerConfig } from './scheduler.ts';

class Net extends nn.Module {
  readonly class_token = new nn.Parameter(zeros([1, 1, 4]));
  readonly conv = new nn.Conv2d(3, 4, 3);
  readonly norm = new nn.BatchNorm2d(4);
  readonly layerNorm = new nn.LayerNorm(4);
  readonly frozen = new nn.Linear(4, 4);
  readonly head = new nn.Linear(4, 2);

  constructor() {
    super();
    this.frozen.requiresGrad_(false);
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}

const config: OptimizerConfig = {
  opt: 'sgd',
  lr: 0.1,
  momentum: 0.9,
  weightDecay: 1e-4,
  normWeightDecay: null,
  biasWeightDecay: null,
  transformerEmbeddingDecay: null,
};

/** Names of the parameters in each group. */
function names(changes: Partial<OptimizerConfig>): Record<string, [decay: number, parameters: string[]]> {
  const model = new Net();
  const nameOf = new Map([...model.namedParameters()].map(([name, parameter]) => [parameter as Tensor, name]));
  const groups = decayGroups(model, { ...config, ...changes });
  return Object.fromEntries(
    groups.map(({ name, params, weightDecay }) => [name, [weightDecay, params.map((p) => nameOf.get(p) ?? '?')]]),
  );
}

const norms = ['norm.weight', 'norm.bias', 'layerNorm.weight', 'layerNorm.bias'];

test('without decays of their own all trainable parameters are in one group', () => {
  const all = ['class_token', 'conv.weight', 'conv.bias', ...norms, 'head.weight', 'head.bias'];
  assert.deepEqual(names({}), { other: [1e-4, all] });
});

test('norms, biases and embeddings can decay by themselves; a bias is a bias also in a norm', () => {
  assert.deepEqual(names({ normWeightDecay: 0 }), {
    other: [1e-4, ['class_token', 'conv.weight', 'conv.bias', 'head.weight', 'head.bias']],
    norm: [0, norms],
  });
  assert.deepEqual(names({ normWeightDecay: 0, biasWeightDecay: 0.5, transformerEmbeddingDecay: 0.25 }), {
    other: [1e-4, ['conv.weight', 'head.weight']],
    norm: [0, ['norm.weight', 'layerNorm.weight']],
    bias: [0.5, ['conv.bias', 'norm.bias', 'layerNorm.bias', 'head.bias']],
    class_token: [0.25, ['class_token']],
  });
});

test('each optimiser has the settings of the original', () => {
  const groupOf = (opt: OptimizerConfig['opt']) => {
    const optimizer = makeOptimizer(new Net(), { ...config, opt });
    return { optimizer, group: { ...optimizer.paramGroups[0] } as Record<string, unknown> };
  };
  for (const opt of ['sgd', 'sgd_nesterov'] as const) {
    const { optimizer, group } = groupOf(opt);
    assert.ok(optimizer instanceof optim.SGD);
    assert.deepEqual(
      [group.lr, group.momentum, group.weightDecay, group.nesterov],
      [0.1, 0.9, 1e-4, opt === 'sgd_nesterov'],
    );
  }
  const { optimizer: rmsprop, group } = groupOf('rmsprop');
  assert.ok(rmsprop instanceof optim.RMSprop);
  assert.deepEqual([group.eps, group.alpha, group.momentum], [0.0316, 0.9, 0.9]);
  const { optimizer: adamw, group: adamGroup } = groupOf('adamw');
  assert.ok(adamw instanceof optim.AdamW);
  assert.equal(adamGroup.weightDecay, 1e-4);
});

/** The learning rates of all epochs. */
function rates(changes: Partial<SchedulerConfig>): number[] {
  const schedule: SchedulerConfig = {
    epochs: 6,
    lrScheduler: 'steplr',
    lrStepSize: 2,
    lrMilestones: [2, 4],
    lrPower: 0.5,
    lrGamma: 0.5,
    lrMin: 0,
    lrWarmupEpochs: 0,
    lrWarmupMethod: 'constant',
    lrWarmupDecay: 0.1,
    ...changes,
  };
  const optimizer = makeOptimizer(new Net(), { ...config, lr: 1 });
  const scheduler = makeScheduler(optimizer, schedule);
  return Array.from({ length: schedule.epochs }, () => {
    const { lr = Number.NaN } = optimizer.paramGroups[0] ?? {};
    scheduler.step();
    return Number(lr.toFixed(6));
  });
}

test('schedules, epoch by epoch', () => {
  assert.deepEqual(rates({}), [1, 1, 0.5, 0.5, 0.25, 0.25]);
  assert.deepEqual(rates({ lrScheduler: 'exponentiallr' }), [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]);
  assert.deepEqual(rates({ lrWarmupEpochs: 2 }), [0.1, 0.1, 1, 1, 0.5, 0.5]);
  const cosine = (t: number, of: number) => Number((0.5 * (1 + Math.cos((Math.PI * t) / of))).toFixed(6));
  assert.deepEqual(
    rates({ lrScheduler: 'cosineannealinglr' }),
    [0, 1, 2, 3, 4, 5].map((t) => cosine(t, 6)),
  );
  // The cosine spans what the warm-up leaves.
  assert.deepEqual(rates({ lrScheduler: 'cosineannealinglr', lrWarmupEpochs: 2, lrWarmupMethod: 'linear' }), [
    0.1,
    0.55,
    ...[0, 1, 2, 3].map((t) => cosine(t, 4)),
  ]);
});

test('the decay of the average follows batch, steps and epochs', () => {
  const given = { modelEmaDecay: 0.99998, modelEmaSteps: 32, batchSize: 128, epochs: 600 };
  assert.ok(Math.abs(averageDecay(given, 8) - (1 - (2e-5 * 8 * 128 * 32) / 600)) < 1e-12);
  assert.equal(averageDecay({ ...given, modelEmaDecay: 0, epochs: 1 }), 0);
});

test('part of a pass: a factor keeps round(factor · batches) + 1, a limit at most that many', () => {
  assert.equal(batchLimit(100, 0), 100);
  assert.equal(batchLimit(100, 0.2), 21);
  assert.equal(batchLimit(100, 1), 100);
  assert.equal(batchLimit(100, 0.2, 7), 7);
  assert.equal(batchLimit(5, 0, 7), 5);
});
