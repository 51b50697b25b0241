/** @file What each way to weigh tasks does to the factors and to the gradient that the shared features get. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, nn, noGrad, scope, type Tensor, tensor } from '@edgeai/torch';
import { makeTaskWeighting, type TaskWeighting, taskWeightingNames } from './task-weighting.ts';

/** One step of two tasks whose losses are lines in the shared features. @returns the gradient at the features */
function step(weighting: TaskWeighting, slopes: readonly (readonly [number, number])[], offset = 10): number[] {
  return scope(() => {
    const w = new nn.Parameter(tensor([0, 0], { dtype: 'float32' }));
    const copies = weighting.split(w, slopes.length);
    const losses = slopes.map((slope, i) =>
      (copies[i] as Tensor)
        .mul(tensor([...slope]))
        .sum()
        .add(offset),
    );
    weighting(losses).backward();
    const gradient = (w.grad as Tensor).toArray() as number[];
    // Parameters outlive scopes.
    w.grad = null;
    w.dispose();
    return gradient;
  });
}

const near = (actual: number | undefined, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, `${actual} is not ${expected}`);

test('fixed: gradients are added by their factors, which stay', () => {
  const weighting = makeTaskWeighting('fixed', 2, { factors: [2, 0.5] });
  assert.deepEqual(
    step(weighting, [
      [1, 0],
      [0, 4],
    ]),
    [2, 2],
  );
  assert.deepEqual(weighting.factors, [2, 0.5]);
});

/** Those that bring the gradients of tasks to one length, little by little. */
const FOLLOWING = ['learned', 'pseudo_grad_norm', 'naive_grad_norm', 'dwa_grad_norm', 'grad_norm'];

for (const name of FOLLOWING)
  test(`${name}: the task with the long gradient loses, the one with the short gradient gains`, () =>
    expectNoLeaks(() =>
      scope(() => {
        const weighting = makeTaskWeighting(name, 2);
        for (let i = 0; i < 5; i++)
          step(weighting, [
            [30, 40],
            [3, 4],
          ]);
        const [long = 0, short = 0] = weighting.factors;
        assert.ok(long < 1 && short > 1, `${long}, ${short}`);
        near(long + short, 2);
        weighting.dispose();
      }),
    ));

test('grad_norm: in the end the weighted gradients are equally long', () => {
  const weighting = makeTaskWeighting('grad_norm', 2);
  for (let i = 0; i < 300; i++)
    step(weighting, [
      [3, 0],
      [0, 1],
    ]);
  const [x = 0, y = 0] = step(weighting, [
    [3, 0],
    [0, 1],
  ]);
  near(x / y, 1, 0.2);
});

test('grad_norm: a task that is behind gets a longer gradient', () => {
  const weighting = makeTaskWeighting('grad_norm', 2);
  const w = new nn.Parameter(tensor([0], { dtype: 'float32' }));
  for (let i = 0; i < 20; i++)
    scope(() => {
      const [first, second] = weighting.split(w, 2) as [Tensor, Tensor];
      // The first task's loss halves at once, the second's stays.
      weighting([first.sum().add(i === 0 ? 2 : 1), second.sum().add(2)]).backward();
    });
  const [ahead = 0, behind = 0] = weighting.factors;
  assert.ok(behind > 1 && ahead < 1, `${ahead}, ${behind}`);
});

test('dwa: the task whose loss fell least in the last epoch counts most', () => {
  const weighting = makeTaskWeighting('dwa', 2);
  const slopes: [number, number][] = [
    [1, 0],
    [0, 1],
  ];
  const epoch = (losses: readonly number[]) => {
    scope(() => weighting(losses.map((loss) => tensor(loss, { dtype: 'float32' }))));
    weighting.endEpoch();
  };
  epoch([4, 4]);
  assert.deepEqual(weighting.factors, [1, 1]);
  epoch([2, 4]);
  const parts = [Math.exp(0.5 / 2), Math.exp(1 / 2)];
  const sum = (parts[0] ?? 0) + (parts[1] ?? 0);
  const expected = parts.map((part) => (2 * part) / sum);
  weighting.factors.forEach((factor, i) => void near(factor, expected[i] ?? 0));
  step(weighting, slopes).forEach((value, i) => void near(value, expected[i] ?? 0));
});

test('uncertainty: factors go to half of one over the loss', () => {
  const weighting = makeTaskWeighting('uncertainty', 2);
  const [noise] = weighting.parameters() as [Tensor];
  for (let i = 0; i < 400; i++)
    scope(() => {
      weighting([tensor(4, { dtype: 'float32' }), tensor(0.25, { dtype: 'float32' })]).backward();
      noGrad(() => noise.sub_((noise.grad as Tensor).mul(0.1)));
      noise.grad = null;
    });
  // The least of exp(−s)·L + s/2 is at exp(−s) = 1/(2L).
  near(weighting.factors[0], 1 / 8, 1e-3);
  near(weighting.factors[1], 2, 1e-2);
});

test('pcgrad: gradients that agree are added as they are', () => {
  assert.deepEqual(
    step(makeTaskWeighting('pcgrad', 2), [
      [1, 2],
      [3, 1],
    ]),
    [4, 3],
  );
});

test('every way to weigh tasks is looked at here', () => {
  const known = ['fixed', ...FOLLOWING, 'dwa', 'uncertainty', 'pcgrad'];
  assert.deepEqual([...taskWeightingNames()].sort(), known.sort());
});
