/** @file Gradient callbacks that the engine calls from another thread, as it does on a machine with a GPU. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { tensor } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { native } from '../native.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { customFunction } from './function.ts';
import { grad } from './grad.ts';
import { enableGrad } from './modes.ts';

before(() => native.forceEngineThread(true));
after(() => native.forceEngineThread(false));

const square = customFunction({
  name: 'Square',
  forward(ctx, x: Tensor) {
    ctx.saveForBackward(x);
    return x.mul(x);
  },
  backward(ctx, gradient) {
    const [x] = ctx.savedTensors;
    return gradient && x ? gradient.mul(x).mul(2) : null;
  },
});

test('hooks and custom backward functions run on the JavaScript thread', () =>
  expectNoLeaks(() =>
    scope(() => {
      const x = tensor([1, 2, 3], { dtype: 'float32', requiresGrad: true });
      const y = square(x);
      const seen: unknown[] = [];
      y.registerHook((gradient) => {
        seen.push(gradient.toArray());
        return gradient.mul(10);
      });
      y.sum().backward();
      assert.deepEqual(seen, [[1, 1, 1]]);
      assert.deepEqual(x.grad?.toArray(), [20, 40, 60]);
    }),
  ));

test('an exception thrown in a callback arrives unchanged', () => {
  scope(() => {
    const x = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
    const y = x.mul(2);
    const failure = new RangeError('from the hook');
    y.registerHook(() => {
      throw failure;
    });
    assert.throws(() => y.sum().backward(), failure);
    // The engine is usable afterwards.
    x.mul(3).sum().backward();
    assert.deepEqual(x.grad?.toArray(), [3, 3]);
  });
});

test('a callback may itself run the engine', () => {
  scope(() => {
    const cubeByHand = customFunction({
      name: 'Cube',
      forward(ctx, x: Tensor) {
        ctx.saveForBackward(x);
        return x.pow(3);
      },
      backward(ctx, gradient) {
        const inner = ctx.savedTensors[0]?.detach().requiresGrad_();
        if (inner === undefined || gradient === null) return null;
        const [slope] = enableGrad(() => grad([square(inner).mul(inner).sum()], [inner]));
        return slope === undefined ? null : gradient.mul(slope);
      },
    });
    const x = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
    cubeByHand(x).sum().backward();
    assert.deepEqual(x.grad?.toArray(), [3, 12]);
  });
});
