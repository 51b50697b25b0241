/** @file 41 · Modes: recording off and on, inference, mixed precision; each holds for its function and no longer. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ones, rand, tensor } from '../core/creation.ts';
import * as F from '../core/generated/functions.ts';
import { scope } from '../core/scope.ts';
import { ArgumentError } from '../errors.ts';
import { autocast, enableGrad, inferenceMode, isGradEnabled, noGrad, setGradEnabled } from './modes.ts';

const w = ones([2, 2], { requiresGrad: true });

test('noGrad records nothing, enableGrad inside it does', () =>
  scope(() => {
    assert.equal(noGrad(() => w.mul(2)).requiresGrad, false);
    noGrad(() => {
      assert.equal(isGradEnabled(), false);
      enableGrad(() => assert.equal(w.mul(2).requiresGrad, true));
      assert.equal(isGradEnabled(), false);
    });
    assert.equal(isGradEnabled(), true);
    assert.equal(setGradEnabled(false), true);
    assert.equal(w.mul(2).requiresGrad, false);
    assert.equal(setGradEnabled(true), false);
    assert.equal(
      noGrad(() => 5),
      5,
    );
  }));

test('leaves may be changed in place without recording', () =>
  scope(() => {
    const leaf = ones([2], { requiresGrad: true });
    noGrad(() => leaf.add_(1));
    assert.deepEqual(leaf.toArray(), [2, 2]);
  }));

test('modes end with their function, also when it throws or is asynchronous', () => {
  for (const mode of [noGrad, inferenceMode, <T>(fn: () => T) => autocast({}, fn)]) {
    assert.throws(
      () =>
        mode(() => {
          throw new RangeError('mine');
        }),
      RangeError,
    );
    assert.throws(() => mode(async () => undefined), ArgumentError);
    assert.equal(isGradEnabled(), true);
    assert.equal(
      scope(() => w.mul(2).isInference()),
      false,
    );
    assert.equal(
      scope(() => w.matmul(w).dtype),
      'float32',
    );
  }
});

test('what is made in inference mode can be computed with, but takes no part in recording', () =>
  scope(() => {
    const made = inferenceMode(() => {
      assert.equal(isGradEnabled(), false);
      return w.mul(2);
    });
    assert.deepEqual([made.requiresGrad, made.isInference()], [false, true]);
    assert.throws(() => made.mul(w), /[Ii]nference tensors cannot be saved for backward/);
    assert.throws(() => made.add_(1).mul_(w), /[Ii]nference/);
    assert.throws(() => made.version, /[Ii]nference tensors do not track version/);
    assert.deepEqual(made.clone().mul(w).requiresGrad, true);
    inferenceMode(() => inferenceMode(() => made.add_(1)));
    assert.deepEqual(made.toArray(), [
      [4, 4],
      [4, 4],
    ]);
  }));

test('autocast: matrix products in bfloat16, the rest as it was', () =>
  scope(() => {
    const [a, b] = [rand([4, 4]), rand([4, 4])];
    autocast({}, () => {
      assert.equal(a.matmul(b).dtype, 'bfloat16');
      assert.equal(F.conv2d(rand([1, 1, 4, 4]), rand([1, 1, 3, 3])).dtype, 'bfloat16');
      assert.equal(a.add(b).dtype, 'float32');
      autocast({ enabled: false }, () => assert.equal(a.matmul(b).dtype, 'float32'));
      assert.equal(a.matmul(b).dtype, 'bfloat16');
    });
    assert.equal(a.matmul(b).dtype, 'float32');
    const exact = a.matmul(b);
    const cast = autocast({ dtype: 'bfloat16' }, () => a.matmul(b)).float();
    assert.ok(exact.sub(cast).abs().max().item() < 0.05);
  }));

test('gradients under autocast come in the dtype of their leaves', () =>
  scope(() => {
    const x = rand([3, 2]);
    autocast({}, () => x.matmul(w).float().sum()).backward();
    assert.equal(w.grad?.dtype, 'float32');
    w.grad = null;
  }));

test('a dtype or device that cannot be is refused, and nothing stays switched on', () => {
  assert.throws(() => autocast({ dtype: 'nonsense' as never }, () => 1), ArgumentError);
  assert.throws(() => autocast({ device: 'nowhere' }, () => 1), ArgumentError);
  assert.equal(
    scope(() => rand([2, 2]).matmul(rand([2, 2])).dtype),
    'float32',
  );
});

test('random tensors and results inside autocast keep their seed and identity', () =>
  scope(() => {
    const t = tensor([1.5]);
    assert.equal(
      autocast({}, () => t),
      t,
    );
  }));
