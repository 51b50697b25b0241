/** @file 43 · gradcheck: it passes right gradients, and finds wrong ones by element. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rand, tensor } from '../core/creation.ts';
import * as F from '../core/generated/functions.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { customFunction } from './function.ts';
import { GradcheckError, gradcheck } from './gradcheck.ts';

const double = (shape: number[]) => rand(shape, { dtype: 'float64', requiresGrad: true });

test('operators of libtorch pass', () =>
  expectNoLeaks(() =>
    scope(() => {
      assert.equal(
        gradcheck((a) => a.exp().mul(a), [double([2, 3])]),
        true,
      );
      gradcheck((a, b) => a.matmul(b), [double([2, 3]), double([3, 2])]);
      gradcheck((a) => a.sum(), [double([3])]);
      gradcheck((x, w, b) => F.conv2d(x, w, b, 2, 1), [double([1, 2, 5, 5]), double([3, 2, 3, 3]), double([3])]);
      gradcheck((a, b) => a.mul(b), [double([2]), rand([2], { dtype: 'float64' })]);
    }),
  ));

/** `x²` with a backward of one's choosing. */
const squareWith = (derivative: (x: Tensor, gradient: Tensor) => Tensor) =>
  customFunction({
    name: 'Square',
    forward(ctx, x: Tensor) {
      ctx.saveForBackward(x);
      return x.mul(x);
    },
    backward(ctx, gradient) {
      const [x] = ctx.savedTensors;
      return gradient && x ? derivative(x, gradient) : null;
    },
  });

test('wrong gradients are found: by a factor, by a sign, in one element, in the wrong place', () =>
  expectNoLeaks(() =>
    scope(() => {
      gradcheck(
        squareWith((x, g) => g.mul(x).mul(2)),
        [double([2, 3])],
      );
      const wrong: ((x: Tensor, g: Tensor) => Tensor)[] = [
        (x, g) => g.mul(x).mul(2.01),
        (x, g) => g.mul(x).mul(-2),
        (x, g) => g.mul(x),
        (x, g) =>
          g
            .mul(x)
            .mul(2)
            .add(tensor([0, 0, 1e-2])),
        (x, g) => g.mul(x).mul(2).flip([1]),
        (x, g) => g.mul(x).mul(2).flip([0]),
        (x, g) => g.flip([1]).mul(x).mul(2),
        (x) => x.mul(Number.NaN),
      ];
      for (const derivative of wrong) {
        assert.throws(
          () => gradcheck(squareWith(derivative), [double([2, 3])]),
          (e) =>
            e instanceof GradcheckError &&
            /Gradient of input 0 at flat element \d is \S+, but central differences give/.test(e.message),
          String(derivative),
        );
      }
    }),
  ));

test('the input at fault is named, and inputs are as they were afterwards', () =>
  scope(() => {
    const [a, b] = [double([2]), double([2])];
    const before = [a.toArray(), b.toArray()];
    const lossy = squareWith((x, g) => g.mul(x));
    assert.throws(() => gradcheck((p, q) => p.mul(lossy(q)), [a, b]), /Gradient of input 1 at flat element 0/);
    assert.deepEqual([a.toArray(), b.toArray()], before);
  }));

test('it needs float64 inputs, and one at least that requires gradients', () =>
  scope(() => {
    assert.throws(
      () => gradcheck((a) => a, [rand([2], { requiresGrad: true })]),
      (e) => e instanceof ArgumentError && /float64/.test(e.message),
    );
    assert.throws(
      () => gradcheck((a) => a, [rand([2], { dtype: 'float64' })]),
      (e) => e instanceof ArgumentError && e.argument === 'inputs',
    );
  }));

test('tolerances can be set', () =>
  scope(() => {
    const nearly = squareWith((x, g) => g.mul(x).mul(2.01));
    gradcheck(nearly, [double([2])], { rtol: 0.05, eps: 1e-5 });
    assert.throws(() => gradcheck(nearly, [double([2])], { rtol: 1e-4 }), GradcheckError);
  }));
