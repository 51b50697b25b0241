/** @file 40 · Gradients: backward accumulates into leaves, grad returns them; graphs are freed or kept; higher orders. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arange, ones, tensor, zeros } from '../core/creation.ts';
import { dispose, scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { TorchError } from '../errors.ts';
import { expectNoLeaks, memory } from '../runtime/memory.ts';
import { backward, grad } from './grad.ts';

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

/** Most tests make tensors freely; this releases them and proves that nothing stays. */
/** Read by a function, which TypeScript does not think unchanged after an assignment. */
function gradientOf(t: Tensor): unknown {
  return t.grad?.toArray();
}

function tidy(name: string, body: () => void): void {
  test(name, () => expectNoLeaks(() => scope(body)));
}

tidy('backward fills the gradients of the leaves, and adds to them the next time', () => {
  const x = leaf(1, 2, 3);
  assert.deepEqual([x.grad], [null]);
  x.mul(x).sum().backward();
  assert.deepEqual(gradientOf(x), [2, 4, 6]);
  x.sum().backward();
  assert.deepEqual(gradientOf(x), [3, 5, 7]);
  assert.deepEqual([x.isLeaf, x.gradFn, x.mul(2).isLeaf, x.mul(2).gradFn], [true, null, false, 'MulBackward1']);
});

tidy('a tensor with more than one element needs a gradient; its shape is checked', () => {
  const x = leaf(1, 2);
  const y = x.mul(3);
  assert.throws(() => y.backward(), /grad can be implicitly created only for scalar outputs/);
  y.backward({ gradient: tensor([1, 10]).float(), retainGraph: true });
  assert.deepEqual(gradientOf(x), [3, 30]);
  assert.throws(() => y.backward({ gradient: ones([3]) }), /[Ss]hape|sizes/);
});

tidy('a graph is used once, unless it is retained', () => {
  const x = leaf(2);
  const y = x.mul(x).sum();
  y.backward({ retainGraph: true });
  y.backward();
  assert.deepEqual(gradientOf(x), [8]);
  assert.throws(
    () => y.backward(),
    (e) => e instanceof TorchError && /backward through the graph a second time/.test(e.message),
  );
});

tidy('what cannot have a gradient is refused', () => {
  assert.throws(() => ones([1]).backward(), /does not require grad/);
  assert.throws(() => arange(3).requiresGrad_(), /floating point/);
  assert.throws(() => leaf(1).add_(1), /leaf Variable that requires grad/);
  assert.throws(() => {
    leaf(1).mul(2).requiresGrad = false;
  }, /only leaf tensors can stop requiring gradients/);
});

tidy('inputs limits where backward accumulates', () => {
  const [a, b] = [leaf(2), leaf(3)];
  a.mul(b).backward({ inputs: [a] });
  assert.deepEqual([gradientOf(a), b.grad], [[3], null]);
});

tidy('several tensors at once', () => {
  const x = leaf(1, 2);
  backward([x.sum(), x.mul(x)], { gradients: [null, ones([2])] });
  assert.deepEqual(gradientOf(x), [3, 5]);
});

tidy('grad returns gradients and leaves those of the leaves alone', () => {
  const [a, b] = [leaf(2), leaf(5)];
  const [ga, gb] = grad([a.mul(b).mul(b)], [a, b]);
  assert.deepEqual([ga?.toArray(), gb?.toArray(), a.grad], [[25], [20], null]);
  // Also for tensors in the middle of a graph.
  const middle = a.mul(3);
  assert.deepEqual(grad([middle.mul(middle)], [middle])[0]?.toArray(), [12]);
  const [weighted] = grad([a.mul(2), b], [a], { gradOutputs: [tensor([10]).float(), zeros([1])] });
  assert.deepEqual(weighted?.toArray(), [20]);
});

tidy('inputs that nothing depends on are an error, or null when allowed', () => {
  const [a, b] = [leaf(2), leaf(5)];
  assert.throws(() => grad([a.mul(2)], [a, b]), /appears to not have been used in the graph/);
  const [ga, gb] = grad([a.mul(2)], [a, b], { allowUnused: true });
  assert.deepEqual([ga?.toArray(), gb], [[2], null]);
});

tidy('createGraph gives higher derivatives', () => {
  const x = leaf(3);
  const [first] = grad([x.pow(4).sum()], [x], { createGraph: true });
  const [second] = grad([first as Tensor], [x], { createGraph: true });
  const [third] = grad([second as Tensor], [x]);
  assert.deepEqual(
    [first, second, third].map((g) => g?.item()),
    [108, 108, 72],
  );
  assert.deepEqual([first?.requiresGrad, third?.requiresGrad], [true, false]);
});

tidy('retainGrad keeps the gradient of a tensor in the middle', () => {
  const x = leaf(2);
  const y = x.mul(3).retainGrad();
  const z = x.mul(3);
  y.mul(y).add(z).backward();
  assert.deepEqual(gradientOf(y), [12]);
  assert.equal(z.grad, null);
});

tidy('detach cuts the history and shares the memory', () => {
  const x = leaf(2);
  const cut = x.mul(3).detach();
  assert.deepEqual([cut.requiresGrad, cut.gradFn], [false, null]);
  x.mul(cut).backward();
  assert.deepEqual(gradientOf(x), [6]);
  assert.ok(x.detach().sharesStorageWith(x));
});

tidy('a gradient can be set, dropped, and must have its tensor’s shape', () => {
  const x = leaf(1, 2);
  x.grad = tensor([5, 6]).float();
  assert.deepEqual(gradientOf(x), [5, 6]);
  x.sum().backward();
  assert.deepEqual(gradientOf(x), [6, 7]);
  x.grad = null;
  assert.equal(gradientOf(x), undefined);
  assert.throws(() => {
    x.grad = ones([3]);
  }, /shape: float32\[2\] was given float32\[3\]/);
});

tidy('a saved value that was changed in place is noticed', () => {
  const x = leaf(1, 2);
  const y = x.exp();
  y.add_(1);
  assert.throws(() => y.sum().backward(), /modified by an inplace operation/);
});

test('forwards without a backward leave no graph behind', () => {
  const x = leaf(1);
  const start = memory();
  for (let i = 0; i < 50; i++) {
    scope(() => {
      let y = x;
      for (let k = 0; k < 20; k++) y = y.mul(2);
    });
  }
  assert.deepEqual([memory().tensors, memory().bytes], [start.tensors, start.bytes]);
  dispose(x);
});

test('a graph 100,000 operators long is walked and freed without overflowing the stack', () => {
  scope(() => {
    const x = leaf(1);
    const y = scope(() => {
      let y = x;
      for (let k = 0; k < 100_000; k++) {
        const next = y.add(0);
        if (y !== x) y.dispose();
        y = next;
      }
      return y;
    });
    y.backward();
    assert.deepEqual(gradientOf(x), [1]);
  });
});
