/** @file 42 · Gradient hooks: they see, replace, throw, and are taken away. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ones, tensor } from '../core/creation.ts';
import { keep, scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { expectNoLeaks, memory } from '../runtime/memory.ts';
import { collectGarbage } from '../testing/garbage.ts';
import { customFunction } from './function.ts';
import { grad } from './grad.ts';
import { enableGrad, isGradEnabled } from './modes.ts';

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

/** Read by a function, which TypeScript does not think unchanged after an assignment. */
function gradientOf(t: Tensor): unknown {
  return t.grad?.toArray();
}

function tidy(name: string, body: () => void): void {
  test(name, () => expectNoLeaks(() => scope(body)));
}

tidy('a hook sees the gradient, on leaves and in the middle', () => {
  const x = leaf(1, 2);
  const seen: unknown[] = [];
  const y = x.mul(3);
  y.registerHook((g) => {
    seen.push(['y', g.toArray(), isGradEnabled()]);
    return undefined;
  });
  x.registerHook((g) => {
    seen.push(['x', g.toArray(), isGradEnabled()]);
    return undefined;
  });
  y.sum().backward();
  assert.deepEqual(seen, [
    ['y', [1, 1], false],
    ['x', [3, 3], false],
  ]);
});

tidy('what a hook returns replaces the gradient; hooks run in the order of registration', () => {
  const x = leaf(1, 2);
  x.registerHook((g) => g.mul(10));
  x.registerHook((g) => g.add(1));
  x.sum().backward();
  assert.deepEqual(gradientOf(x), [11, 11]);
});

tidy('remove takes a hook away, once or more, also after the tensor is gone', () => {
  const x = leaf(1);
  const first = x.registerHook((g) => g.mul(10));
  const second = x.registerHook((g) => g.add(1));
  first.remove();
  first.remove();
  x.mul(1).backward();
  assert.deepEqual(gradientOf(x), [2]);
  const y = x.mul(2);
  const third = y.registerHook(() => undefined);
  y.dispose();
  third.remove();
  second.remove();
  x.grad = null;
  x.mul(1).backward();
  assert.deepEqual(gradientOf(x), [1]);
});

tidy('the gradient belongs to the hook; keep carries it out', () => {
  const x = leaf(1);
  const seen: Tensor[] = [];
  x.registerHook((g) => {
    seen.push(g, keep(g.add(1)));
    return undefined;
  });
  x.mul(2).backward();
  assert.deepEqual(
    seen.map((g) => g.isAlive),
    [false, true],
  );
  seen[1]?.dispose();
});

tidy('what is thrown in a hook arrives as it was, errors and other values', () => {
  const x = leaf(1);
  for (const thrown of [new RangeError('mine'), 'text', undefined, null, 5, Symbol('s'), { a: 1 }]) {
    const hook = x.registerHook(() => {
      throw thrown;
    });
    let caught: unknown = 'nothing';
    try {
      x.mul(2).backward();
    } catch (error) {
      caught = error;
    }
    hook.remove();
    assert.equal(caught, thrown);
  }
  x.grad = null;
  x.mul(2).backward();
  assert.deepEqual(gradientOf(x), [2]);
});

tidy('a hook that returns no tensor, a released one or one of another shape is an error', () => {
  const x = leaf(1, 2);
  for (const wrong of [5, 'x', {}, [ones([2])]]) {
    const hook = x.registerHook(() => wrong as never);
    assert.throws(() => x.sum().backward(), { code: 'INVALID_ARGUMENT' });
    hook.remove();
  }
  const released = ones([2]);
  released.dispose();
  const hook = x.registerHook(() => released);
  assert.throws(() => x.sum().backward(), { code: 'TENSOR_DISPOSED' });
  hook.remove();
  const y = x.mul(1);
  y.registerHook(() => ones([3]));
  assert.throws(() => y.sum().backward(), /shape|size/i);
});

tidy('hooks need a tensor that requires gradients, and a function', () => {
  assert.throws(() => ones([1]).registerHook(() => undefined), /doesn't require gradient/);
  for (const wrong of [undefined, 5, {}]) {
    assert.throws(() => leaf(1).registerHook(wrong as never), { code: 'INVALID_ARGUMENT' });
  }
});

tidy('a gradient that is not there reaches no hook', () => {
  const x = leaf(1);
  const stop = customFunction({ name: 'Stop', forward: (_ctx, a: Tensor) => a.mul(1), backward: () => null });
  let calls = 0;
  const y = x.mul(2);
  y.registerHook((g) => {
    calls += g === null ? 100 : 1;
    return undefined;
  });
  stop(y).backward();
  assert.deepEqual([calls, x.grad], [0, null]);
});

tidy('a hook may itself compute gradients', () => {
  const x = leaf(3);
  x.registerHook((g) => {
    // Recording is off while gradients are computed.
    const [inner] = enableGrad(() => {
      const z = leaf(5);
      return grad([z.mul(z)], [z]);
    });
    return inner ? g.mul(inner) : undefined;
  });
  x.mul(2).backward();
  assert.deepEqual(gradientOf(x), [20]);
});

test('with createGraph hooks run while recording, and their work is differentiated', () =>
  expectNoLeaks(() =>
    scope(() => {
      const x = leaf(3);
      const y = x.mul(1);
      const hook = y.registerHook((g) => {
        assert.equal(isGradEnabled(), true);
        return g.mul(y);
      });
      const [first] = grad([y.mul(y)], [x], { createGraph: true });
      hook.remove();
      const [second] = grad([first as Tensor], [x]);
      // 2x · x, then 4x.
      assert.deepEqual([first?.item(), second?.item()], [18, 12]);
    }),
  ));

test('functions of hooks are let go with their graph', async () => {
  let collected = 0;
  const registry = new FinalizationRegistry(() => {
    collected++;
  });
  const before = memory().tensors;
  (() => {
    for (let i = 0; i < 20; i++) {
      scope(() => {
        const hook = () => undefined;
        registry.register(hook, undefined);
        const y = leaf(1).mul(2);
        y.registerHook(hook);
        y.backward();
      });
    }
  })();
  await collectGarbage();
  scope(() => ones([1]));
  await collectGarbage();
  assert.deepEqual([collected, memory().tensors - before], [20, 0]);
});
