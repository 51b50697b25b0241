/** @file Clipped gradients have PyTorch's bits. Fixtures: scripts/make-optim-fixtures.py */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { full, tensor } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { clipGradNorm_, clipGradValue_ } from './clip.ts';
import { gradients, raw, rawOfAll, readFixture, start } from './testing.ts';

const { clipping } = readFixture<{
  clipping: { normType: number | 'inf'; maxNorm: number; total: string; gradients: string }[];
}>('updates.json');

function withGradients(): Tensor[] {
  const params = start();
  scope(() => {
    for (const [i, gradient] of (gradients()[0] ?? []).entries()) {
      const param = params[i];
      if (param !== undefined) param.grad = gradient;
    }
  });
  return params;
}

function rawGradients(params: readonly Tensor[]): string {
  return scope(() => rawOfAll(params.flatMap((param) => param.grad ?? [])));
}

for (const { normType, maxNorm, total, gradients: expected } of clipping) {
  test(`to a norm of order ${normType} of ${maxNorm}`, () => {
    const params = withGradients();
    scope(() => {
      const norm = clipGradNorm_(params, maxNorm, {
        normType: normType === 'inf' ? Number.POSITIVE_INFINITY : normType,
      });
      assert.deepEqual(norm.shape, []);
      assert.equal(raw(norm), total);
    });
    assert.equal(rawGradients(params), expected);
  });
}

test('a norm that is not finite is an error on request, and changes nothing', async () => {
  const params = withGradients();
  scope(() => {
    if (params[2] !== undefined) params[2].grad = full([37], Number.NaN);
  });
  const before = rawGradients(params);
  await expectNoLeaks(() =>
    assert.throws(() => clipGradNorm_(params, 1, { errorIfNonfinite: true }), {
      code: 'NONFINITE_GRADIENT',
      message: /order 2.*NaN/,
    }),
  );
  assert.equal(rawGradients(params), before);
  scope(() => assert.ok(Number.isNaN(clipGradNorm_(params, 1).item())));
});

test('each element by itself, and parameters without gradients', () => {
  scope(() => {
    const param = tensor([1, 2, 3], { dtype: 'float32', requiresGrad: true });
    assert.equal(clipGradNorm_(param, 1).item(), 0);
    clipGradValue_(param, 1);
    param.grad = tensor([-5, 0.25, 7], { dtype: 'float32' });
    clipGradValue_([param], 0.5);
    assert.deepEqual(param.grad?.toArray(), [-0.5, 0.25, 0.5]);
    assert.throws(() => clipGradValue_(param, -1), /clipValue/);
  });
});
