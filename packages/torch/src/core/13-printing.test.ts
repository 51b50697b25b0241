/** @file 13 · How tensors print. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { expectNoLeaks } from '../runtime/memory.ts';
import { arange, tensor, zeros } from './creation.ts';
import { setRecorder } from './dispatch.ts';
import { scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

test('values, shape, and what is not the default', () => {
  const table: [() => Tensor, string][] = [
    [() => tensor([1, 2.5, -3]), 'tensor([1.0000, 2.5000, -3.0000], shape=[3])'],
    [() => tensor([1, 2]), 'tensor([1, 2], shape=[2])'],
    [() => tensor([1, 2]).float(), 'tensor([1., 2.], shape=[2])'],
    [() => tensor(true), 'tensor(true, shape=[])'],
    [() => tensor([1e-5, 2]), 'tensor([1.0000e-5, 2.0000e+0], shape=[2])'],
    [() => tensor([Number.NaN, -Infinity, 0.5]), 'tensor([NaN, -Infinity, 0.5000], shape=[3])'],
    [() => tensor([1.5], { dtype: 'bfloat16' }), 'tensor([1.5000], shape=[1], dtype=bfloat16)'],
    [() => tensor([2n ** 60n]), 'tensor([1152921504606846976], shape=[1])'],
    [() => tensor({ real: 1, imag: -2 }), 'tensor(1.-2.j, shape=[], dtype=complex64)'],
    [() => zeros([0, 3]), 'tensor([], shape=[0, 3])'],
    [() => tensor([1.5], { requiresGrad: true }), 'tensor([1.5000], shape=[1], requiresGrad)'],
    [() => tensor([1.5], { requiresGrad: true }).mul(2), 'tensor([3.], shape=[1], gradFn=<MulBackward1>)'],
    [() => zeros([2], { device: 'meta' }), 'tensor(…, shape=[2], device=meta)'],
    [
      () => arange(4).reshape([2, 2]),
      `tensor([[0, 1],
        [2, 3]], shape=[2, 2])`,
    ],
  ];
  for (const [make, expected] of table)
    assert.equal(
      scope(() => String(make())),
      expected,
    );
});

test('large tensors show their edges, and only those are read', () =>
  expectNoLeaks(() =>
    scope(() => {
      assert.equal(
        String(arange(2000).reshape([40, 50])),
        `tensor([[0, 1, 2, …, 47, 48, 49],
        [50, 51, 52, …, 97, 98, 99],
        [100, 101, 102, …, 147, 148, 149],
        …,
        [1850, 1851, 1852, …, 1897, 1898, 1899],
        [1900, 1901, 1902, …, 1947, 1948, 1949],
        [1950, 1951, 1952, …, 1997, 1998, 1999]], shape=[40, 50])`,
      );
      // 4 TB if it were read.
      const huge = tensor(1.5).expand([2 ** 20, 2 ** 20]);
      assert.match(String(huge), /^tensor\(\[\[1\.5000, 1\.5000, 1\.5000, …/);
    }),
  ));

test('console.log shows the same, a released tensor says so, and nothing is recorded', () => {
  const t = tensor([1]);
  assert.equal(inspect({ t }), '{ t: tensor([1], shape=[1]) }');
  const seen: string[] = [];
  const before = setRecorder((operator) => seen.push(operator.name));
  String(t);
  setRecorder(before);
  assert.deepEqual(seen, []);
  t.dispose();
  assert.equal(String(t), 'Tensor(released, made by tensor)');
});
