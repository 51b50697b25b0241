/** @file 44 · Functions with a backward in TypeScript, as nodes in libtorch's graph. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ones, rand, tensor, zeros } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError, TorchError } from '../errors.ts';
import { expectNoLeaks, memory } from '../runtime/memory.ts';
import { collectGarbage } from '../testing/garbage.ts';
import { customFunction, FunctionContext } from './function.ts';
import { grad } from './grad.ts';
import { gradcheck } from './gradcheck.ts';
import { enableGrad, isGradEnabled, noGrad } from './modes.ts';

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

function gradientOf(t: Tensor): unknown {
  return t.grad?.toArray();
}

function tidy(name: string, body: () => void): void {
  test(name, () => expectNoLeaks(() => scope(body)));
}

/** Saves an input. */
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

/** Saves its output. */
const exponential = customFunction({
  name: 'Exponential',
  forward(ctx, x: Tensor) {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  },
  backward(ctx, gradient) {
    const [y] = ctx.savedTensors;
    return gradient && y ? gradient.mul(y) : null;
  },
});

/** Several tensors in, a plain number between them, two out. */
const sumAndProduct = customFunction<
  [Tensor, number, Tensor],
  [Tensor, Tensor],
  { factor: number; missing: boolean[] }
>({
  name: 'SumAndProduct',
  forward(ctx, a, factor, b) {
    ctx.state.factor = factor;
    ctx.state.missing = [];
    ctx.saveForBackward(a, b);
    return [a.add(b), a.mul(b).mul(factor)];
  },
  backward(ctx, sum, product) {
    const [a, b] = ctx.savedTensors as [Tensor, Tensor];
    const { factor, missing } = ctx.state;
    missing.push(sum === null, product === null);
    const of = (other: Tensor) => {
      const scaled = product?.mul(other).mul(factor) ?? null;
      return sum === null ? scaled : (scaled?.add(sum) ?? sum);
    };
    return [of(b), of(a)];
  },
});

tidy('forward gives the values, backward the gradients; the node bears its name', () => {
  const x = leaf(1, 2, 3);
  const y = square(x);
  assert.deepEqual([y.toArray(), y.gradFn, y.requiresGrad], [[1, 4, 9], 'Square', true]);
  y.sum().backward();
  assert.deepEqual(gradientOf(x), [2, 4, 6]);
  assert.deepEqual(exponential(zeros([2])).toArray(), [1, 1]);
});

tidy('both agree with central differences, alone and among other operators', () => {
  const x = () => rand([2, 3], { dtype: 'float64', requiresGrad: true });
  gradcheck(square, [x()]);
  gradcheck(exponential, [x()]);
  gradcheck((a) => square(exponential(a.mul(2))).sin(), [x()]);
  gradcheck((a, b) => sumAndProduct(a, 3, b)[1], [x(), x()]);
  gradcheck(
    (a, b) => {
      const [s, p] = sumAndProduct(a, 3, b);
      return s.mul(p);
    },
    [x(), x()],
  );
});

tidy('outputs that are not used give null; so may backward', () => {
  const [a, b] = [leaf(2), leaf(5)];
  sumAndProduct(a, 10, b)[1].backward();
  assert.deepEqual([gradientOf(a), gradientOf(b)], [[50], [20]]);
  const first = customFunction({
    name: 'First',
    forward: (_ctx, p: Tensor, _q: Tensor) => p.mul(1),
    backward: (_ctx, g) => [g, null],
  });
  const [ga, gb] = grad([first(a, b)], [a, b], { allowUnused: true });
  assert.deepEqual([ga?.toArray(), gb], [[1], null]);
});

tidy('inputs that need no gradient may be given one; without any, nothing is recorded', () => {
  const a = leaf(2);
  sumAndProduct(a, 1, ones([1]))[1].backward();
  assert.deepEqual(gradientOf(a), [1]);
  assert.equal(square(ones([2])).requiresGrad, false);
  assert.equal(noGrad(() => square(a)).requiresGrad, false);
});

tidy('forward runs without recording; backward records only with createGraph', () => {
  const seen: boolean[] = [];
  const watched = customFunction({
    name: 'Watched',
    forward(_ctx, x: Tensor) {
      seen.push(isGradEnabled());
      return x.mul(2);
    },
    backward(_ctx, g) {
      seen.push(isGradEnabled());
      return g?.mul(2) ?? null;
    },
  });
  const x = leaf(1);
  watched(x).backward();
  grad([watched(x)], [x], { createGraph: true });
  assert.deepEqual(seen, [false, false, false, true]);
});

tidy('second derivatives follow from a backward made of differentiable operators', () => {
  for (const [fn, expected] of [
    [square, 2],
    [exponential, Math.fround(Math.exp(3))],
  ] as const) {
    const x = leaf(3);
    const [first] = grad([fn(x)], [x], { createGraph: true });
    const [second] = grad([first as Tensor], [x]);
    assert.ok(Math.abs((second?.item() ?? 0) - expected) < 1e-5);
  }
});

tidy('a backward that leaves the graph (values read out, detach) gives no second derivative, and says so', () => {
  const rigid = customFunction({
    name: 'Rigid',
    forward(ctx, x: Tensor) {
      ctx.saveForBackward(x);
      return x.mul(x);
    },
    backward: (ctx) => tensor([2 * (ctx.savedTensors[0]?.item() ?? 0)]).float(),
  });
  const x = leaf(3);
  const [first] = grad([rigid(x)], [x], { createGraph: true });
  assert.deepEqual([first?.item(), first?.requiresGrad], [6, false]);
  assert.throws(() => grad([first as Tensor], [x]), /does not require grad/);
});

tidy('what is thrown in forward or backward arrives as it was', () => {
  const thrown = new RangeError('mine');
  const failing = (where: 'forward' | 'backward') =>
    customFunction({
      name: 'Failing',
      forward(_ctx, x: Tensor) {
        if (where === 'forward') throw thrown;
        return x.mul(2);
      },
      backward() {
        throw thrown;
      },
    });
  const x = leaf(1);
  const caught = (fn: () => unknown): unknown => {
    try {
      return fn();
    } catch (error) {
      return error;
    }
  };
  assert.equal(
    caught(() => failing('forward')(x)),
    thrown,
  );
  assert.equal(
    caught(() => failing('backward')(x).mul(2).backward()),
    thrown,
  );
  square(x).backward();
  assert.deepEqual(gradientOf(x), [2]);
});

tidy('wrong results of backward are refused: count, shape, kind, released', () => {
  const returning = (result: unknown) =>
    customFunction({ name: 'Odd', forward: (_ctx, x: Tensor) => x.mul(2), backward: () => result as Tensor });
  const x = leaf(1, 2);
  const released = ones([2]);
  released.dispose();
  const table: [unknown, (error: Error) => boolean][] = [
    [
      [],
      (e) =>
        e instanceof ArgumentError &&
        /return 1 gradients, one for each tensor input, but it returned 0/.test(e.message),
    ],
    [[ones([2]), ones([2])], (e) => e instanceof ArgumentError && /returned 2/.test(e.message)],
    [
      ones([3]),
      (e) =>
        e instanceof TorchError &&
        /Odd returned an invalid gradient at index 0 - got \[3\] but expected shape compatible with \[2\]/.test(
          e.message,
        ),
    ],
    [undefined, (e) => e instanceof ArgumentError && /result of Odd's backward but received undefined/.test(e.message)],
    [5, (e) => e instanceof ArgumentError],
    [released, (e) => 'code' in e && e.code === 'TENSOR_DISPOSED'],
  ];
  for (const [result, right] of table) assert.throws(() => returning(result)(x).sum().backward(), right);
});

tidy('a saved tensor that was changed in place is noticed; one used after its graph is gone, too', () => {
  const x = leaf(1, 2);
  const y = x.mul(1);
  const z = square(y);
  y.add_(1);
  assert.throws(() => z.sum().backward(), /modified by an inplace operation/);
  const once = square(x).sum();
  once.backward();
  assert.throws(() => once.backward(), /backward through the graph a second time/);
});

tidy('inputs returned as they are, the same output twice, views, and outputs of whole numbers', () => {
  const x = leaf(1, 2);
  const identity = customFunction({
    name: 'Identity',
    forward: (_ctx, a: Tensor) => a,
    backward: (_ctx, g) => g?.mul(7) ?? null,
  });
  const y = identity(x);
  assert.notEqual(y, x);
  y.sum().backward();
  assert.deepEqual(gradientOf(x), [7, 7]);
  const twice = customFunction({
    name: 'Twice',
    forward(_ctx, a: Tensor) {
      const b = a.mul(1);
      return [b, b];
    },
    backward: (_ctx, g, h) => (g && h ? g.add(h) : (g ?? h)),
  });
  const [p, q] = twice(x) as [Tensor, Tensor];
  const [both] = grad([p.add(q.mul(10)).sum()], [x]);
  assert.deepEqual(both?.toArray(), [11, 11]);
  const flat = customFunction({
    name: 'Flat',
    forward: (_ctx, a: Tensor) => a.view([-1]),
    backward: (_ctx, g) => g?.view([2, 1]) ?? null,
  });
  assert.deepEqual(grad([flat(x.view([2, 1])).sum()], [x])[0]?.toArray(), [1, 1]);
  const largest = customFunction({
    name: 'Largest',
    forward(ctx, a: Tensor) {
      const [values, places] = a.max(0);
      ctx.saveForBackward(places);
      return [values, places];
    },
    backward(ctx, g, ofPlaces) {
      assert.equal(ofPlaces, null);
      const [places] = ctx.savedTensors;
      return g && places ? zeros([2]).scatter(0, places.view([1]), g.view([1])) : null;
    },
  });
  const [value, place] = largest(x) as [Tensor, Tensor];
  assert.deepEqual([value.item(), place.item(), place.requiresGrad], [2, 1, false]);
  assert.deepEqual(grad([value], [x])[0]?.toArray(), [0, 1]);
});

tidy('savedTensors belongs to backward', () => {
  assert.throws(
    () => new FunctionContext().savedTensors,
    (e) => e instanceof ArgumentError && e.argument === 'ctx',
  );
});

tidy('a backward may call another backward', () => {
  const nested = customFunction({
    name: 'Nested',
    forward(ctx, x: Tensor) {
      ctx.saveForBackward(x);
      return x.pow(3);
    },
    backward(ctx, g) {
      const [x] = ctx.savedTensors as [Tensor];
      const inner = x.detach().requiresGrad_();
      // Recording is off in backward.
      enableGrad(() => square(inner).mul(inner).sum()).backward();
      const { grad: found } = inner;
      return g && found ? g.mul(found) : null;
    },
  });
  const x = leaf(2);
  nested(x).mul(10).backward();
  assert.deepEqual(gradientOf(x), [120]);
});

test('chains of 20,000 custom nodes are walked and freed without overflowing the stack', () =>
  expectNoLeaks(() =>
    scope(() => {
      const step = customFunction({ name: 'Step', forward: (_ctx, x: Tensor) => x.add(0), backward: (_ctx, g) => g });
      const x = leaf(1);
      const y = scope(() => {
        let y = x;
        for (let i = 0; i < 20_000; i++) {
          const next = step(y);
          if (y !== x) y.dispose();
          y = next;
        }
        return y;
      });
      y.backward();
      assert.deepEqual(gradientOf(x), [1]);
    }),
  ));

test('handles, bytes and the functions themselves are let go', async () => {
  let collected = 0;
  const registry = new FinalizationRegistry(() => {
    collected++;
  });
  const x = leaf(...Array.from({ length: 100 }, () => 1));
  const start = memory();
  (() => {
    for (let i = 0; i < 30; i++) {
      scope(() => {
        const own = customFunction({
          name: 'Own',
          forward(ctx, a: Tensor) {
            ctx.saveForBackward(a.mul(2));
            registry.register(ctx, undefined);
            return a.mul(3);
          },
          backward: (_ctx, g) => g,
        });
        const y = own(x);
        // Every other graph is dropped without a backward.
        if (i % 2 === 0) y.sum().backward();
      });
      x.grad = null;
    }
  })();
  assert.deepEqual([memory().tensors, memory().bytes], [start.tensors, start.bytes]);
  await collectGarbage();
  scope(() => ones([1]));
  await collectGarbage();
  assert.equal(collected, 30);
  x.dispose();
});
