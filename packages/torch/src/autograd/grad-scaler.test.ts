/** @file Loss scaling on the CPU: unscaled steps, skipped steps, and how the scale moves. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tensor } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import { Parameter } from '../nn/parameter.ts';
import { SGD } from '../optim/sgd.ts';
import { memory } from '../runtime/memory.ts';
import { GradScaler } from './grad-scaler.ts';

function problem(): { weight: Parameter; optimizer: SGD } {
  const weight = scope(() => new Parameter(tensor([1, 2], { dtype: 'float32' })));
  return { weight, optimizer: new SGD([weight], { lr: 0.5 }) };
}

/** One iteration whose gradient is `factor` in each element; whether the optimiser stepped. */
function iterate(scaler: GradScaler, { weight, optimizer }: ReturnType<typeof problem>, factor: number): boolean {
  return scope(() => {
    optimizer.zeroGrad();
    scaler.scale(weight.mul(factor).sum()).backward();
    const stepped = scaler.step(optimizer);
    scaler.update();
    return stepped;
  });
}

test('a scaled step is the plain step', () => {
  const p = problem();
  const scaler = new GradScaler();
  assert.equal(iterate(scaler, p, 0.5), true);
  assert.deepEqual(p.weight.toArray(), [0.75, 1.75]);
  assert.equal(scaler.getScale(), 65536);
});

test('an overflow skips the step and halves the scale; then it grows again', () => {
  const p = problem();
  const scaler = new GradScaler({ initScale: 1024, growthInterval: 2 });
  assert.equal(iterate(scaler, p, Number.POSITIVE_INFINITY), false);
  assert.deepEqual(p.weight.toArray(), [1, 2]);
  assert.equal(scaler.getScale(), 512);
  assert.equal(iterate(scaler, p, Number.NaN), false);
  assert.equal(scaler.getScale(), 256);
  assert.equal(iterate(scaler, p, 1), true);
  assert.deepEqual(scaler.stateDict(), {
    scale: 256,
    growth_factor: 2,
    backoff_factor: 0.5,
    growth_interval: 2,
    _growth_tracker: 1,
  });
  assert.equal(iterate(scaler, p, 1), true);
  assert.equal(scaler.getScale(), 512);
  assert.equal(scaler.stateDict()._growth_tracker, 0);
});

test('unscaled gradients can be looked at before the step', () => {
  const { weight, optimizer } = problem();
  const scaler = new GradScaler();
  scope(() => {
    scaler.scale(weight.mul(3).sum()).backward();
    assert.deepEqual(weight.grad?.toArray(), [3 * 65536, 3 * 65536]);
    scaler.unscale_(optimizer);
    assert.deepEqual(weight.grad?.toArray(), [3, 3]);
    assert.throws(() => scaler.unscale_(optimizer), { code: 'GRAD_SCALER', message: /twice/ });
    scaler.step(optimizer);
    assert.throws(() => scaler.step(optimizer), /step\(\) was called twice/);
    assert.throws(() => scaler.unscale_(optimizer), /after step/);
    scaler.update(8);
    assert.equal(scaler.getScale(), 8);
  });
  assert.deepEqual(weight.toArray(), [-0.5, 0.5]);
});

test('several outputs, shapes kept; float16 outputs do not overflow', () => {
  const scaler = new GradScaler();
  scope(() => {
    const [a, b] = scaler.scale([tensor(2, { dtype: 'float32' }), tensor([[3]], { dtype: 'float16' })]);
    assert.deepEqual([a?.shape, b?.shape], [[], [1, 1]]);
    assert.equal(b?.dtype, 'float32');
    assert.equal(b?.item(), 3 * 65536);
  });
});

test('a saved state goes on; a disabled scaler does nothing', () => {
  const p = problem();
  const scaler = new GradScaler({ initScale: 4, growthInterval: 3 });
  iterate(scaler, p, 1);
  for (const used of [false, true]) {
    const again = new GradScaler();
    if (used) iterate(again, p, 1);
    again.loadStateDict(scaler.stateDict());
    assert.deepEqual(again.stateDict(), scaler.stateDict());
    iterate(again, p, 1);
    iterate(again, p, 1);
    assert.equal(again.getScale(), 8);
  }
  const off = new GradScaler({ enabled: false });
  assert.equal(iterate(off, p, 1), true);
  assert.deepEqual(off.stateDict(), {});
  assert.equal(off.getScale(), 1);
  assert.throws(() => scaler.loadStateDict({}), /a number for state\.scale/);
});

test('calls out of order are refused', () => {
  const { weight, optimizer } = problem();
  assert.throws(() => new GradScaler().step(optimizer), /step\(\) was called before scale/);
  const scaler = new GradScaler();
  scope(() => {
    scaler.scale(weight.sum());
    assert.throws(() => scaler.update(), /before step\(\) or unscale_/);
    assert.throws(() => scaler.step(optimizer), /found no gradients/);
  });
  assert.throws(() => new GradScaler({ growthFactor: 1 }), /above 1 for growthFactor/);
});

test('iterations leave two tensors, which go with the scaler', () => {
  const p = problem();
  const scaler = new GradScaler();
  const before = memory().tensors;
  for (let i = 0; i < 20; i++) iterate(scaler, p, i % 5 === 0 ? Number.NaN : 1);
  assert.equal(memory().tensors, before + 2);
  scaler.dispose();
  assert.equal(memory().tensors, before);
});
