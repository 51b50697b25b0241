/** @file Averaged weights have the bits of torchvision's reference class. Fixtures: scripts/make-optim-fixtures.py */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noGrad } from '../autograd/modes.ts';
import { fromBytes, tensor, zeros } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { cloneModule } from '../nn/copy.ts';
import { type AnyModule, Module } from '../nn/module.ts';
import { Buffer as ModuleBuffer, Parameter } from '../nn/parameter.ts';
import { memory } from '../runtime/memory.ts';
import { ExponentialMovingAverage } from './ema.ts';
import { raw, readFixture } from './testing.ts';

const { average } = readFixture<{ average: { decay: number; keys: string[]; models: string[][]; average: string[] } }>(
  'updates.json',
);

class Part extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  constructor(shape: number[], width: number) {
    super();
    this.weight = Parameter.empty(shape);
    this.bias = Parameter.empty([width]);
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.bias);
  }
}

class Norm extends Part {
  readonly running_mean: ModuleBuffer;
  readonly running_var: ModuleBuffer;
  readonly num_batches_tracked: ModuleBuffer;
  constructor() {
    super([4], 4);
    this.running_mean = ModuleBuffer.from(zeros([4]));
    this.running_var = ModuleBuffer.from(zeros([4]));
    this.num_batches_tracked = ModuleBuffer.from(tensor(0));
  }
}

/** A model with the state dict of the fixtures'. */
class Model extends Module {
  constructor() {
    super();
    Object.assign(this, { 0: new Part([4, 3], 4), 1: new Norm() });
  }
  forward(x: Tensor): Tensor {
    return (this as unknown as { 1: Norm })[1](x);
  }
}

function setState(model: AnyModule, values: readonly string[]): void {
  scope(() => {
    noGrad(() => {
      for (const [i, [, target]] of Object.entries(model.stateDict()).entries()) {
        target.copy_(fromBytes(Buffer.from(values[i] ?? '', 'hex'), target.dtype, target.shape));
      }
    });
  });
}

test('four updates give the bits of the reference, counters included', () => {
  const model = new Model();
  const ema = new ExponentialMovingAverage(model, average.decay);
  assert.deepEqual(Object.keys(ema.stateDict()), average.keys);
  const before = memory().tensors;
  for (const values of average.models) {
    setState(model, values);
    ema.updateParameters(model);
  }
  assert.equal(memory().tensors, before);
  assert.deepEqual(Object.values(ema.stateDict()).map(raw), average.average);
});

test('the averaged model computes with the average; the model with its own weights', () => {
  const model = new Model();
  setState(model, average.models[0] ?? []);
  const ema = new ExponentialMovingAverage(model, 0.5);
  scope(() => {
    const x = zeros([4]).add(1);
    assert.deepEqual(ema(x).toArray(), model(x).toArray());
    setState(model, average.models[1] ?? []);
    assert.notDeepEqual(ema(x).toArray(), model(x).toArray());
  });
});

test('a copy of an average goes on by itself', () => {
  const model = new Model();
  setState(model, average.models[0] ?? []);
  const ema = new ExponentialMovingAverage(model, average.decay);
  ema.updateParameters(model);
  const copy = cloneModule(ema);
  setState(model, average.models[1] ?? []);
  copy.updateParameters(model);
  assert.deepEqual([ema.n_averaged.item(), copy.n_averaged.item()], [1, 2]);
});

test('another model is refused', () => {
  const ema = new ExponentialMovingAverage(new Model(), 0.9);
  assert.throws(() => ema.updateParameters(new Norm()), /7 of the average|differ from/);
  assert.throws(() => new ExponentialMovingAverage(new Model(), 2), /between 0 and 1 for decay/);
});
