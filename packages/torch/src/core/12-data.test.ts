/** @file 12 · Data in and out: copies, and memory that a tensor and an array share. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError, TorchError } from '../errors.ts';
import { collectGarbage } from '../testing/garbage.ts';
import { arange, fromSharedArray, tensor, zeros } from './creation.ts';
import { scope } from './scope.ts';

test('toTypedArray and copyTo give row-major elements whatever the strides', () => {
  const t = arange(6).reshape([2, 3]).transpose(0, 1);
  assert.deepEqual(t.toTypedArray(), new BigInt64Array([0n, 3n, 1n, 4n, 2n, 5n]));
  const target = new Uint8Array(12).subarray(4, 12);
  tensor([1, 2]).float().copyTo(target);
  assert.deepEqual(new Float32Array(target.slice().buffer), new Float32Array([1, 2]));
  const view = new DataView(new ArrayBuffer(8));
  tensor([0.5, 4]).copyTo(view);
  assert.deepEqual([view.getFloat32(0, true), view.getFloat32(4, true)], [0.5, 4]);
  zeros([0]).copyTo(new Float32Array(0));
});

test('a target of the wrong size or kind is refused', () => {
  assert.throws(() => zeros([2]).copyTo(new Float32Array(3)), /Expected a target of 8 bytes but received one of 12/);
  for (const wrong of [[1, 2], new ArrayBuffer(8), 'x', null, undefined]) {
    assert.throws(
      () => zeros([2]).copyTo(wrong as never),
      (e) => e instanceof ArgumentError && e.argument === 'target',
    );
  }
});

test('a shared array: changes show on both sides, for each kind of buffer', () => {
  const arrays = [
    new Float32Array(4),
    new Float32Array(new SharedArrayBuffer(16)),
    new Float32Array(new ArrayBuffer(64), 16, 4),
    new Float32Array(Buffer.alloc(16).buffer, 0, 4),
  ];
  for (const array of arrays) {
    const t = fromSharedArray(array, [2, 2]);
    array[1] = 5;
    t.index(1, 1).fill_(7);
    assert.deepEqual(
      [t.toArray(), [...array]],
      [
        [
          [0, 5],
          [0, 7],
        ],
        [0, 5, 0, 7],
      ],
    );
    // A view of the tensor shares too.
    t.transpose(0, 1).index(0).fill_(1);
    assert.deepEqual([...array], [1, 5, 1, 7]);
  }
});

test('the shared array stays alive while a tensor uses its memory', async () => {
  let collected = false;
  const registry = new FinalizationRegistry(() => {
    collected = true;
  });
  const t = (() => {
    const array = new Float32Array([1, 2, 3]);
    registry.register(array.buffer, undefined);
    const base = fromSharedArray(array, [3]);
    const view = base.index(2);
    base.dispose();
    return view;
  })();
  await collectGarbage();
  assert.deepEqual([collected, t.item()], [false, 3]);
  t.dispose();
  // References are dropped at the thread's next call into the addon.
  scope(() => zeros([1]));
  await collectGarbage();
  assert.equal(collected, true);
});

test('arrays that could lose their memory are refused or pinned', () => {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer;
  const resizable = new Float32Array(new Resizable(16, { maxByteLength: 64 }));
  assert.throws(() => fromSharedArray(resizable, [4]), /resizable buffer could shrink/);
  assert.throws(() => fromSharedArray(new Float32Array(4), [3]), /Expected 12 bytes/);
  assert.throws(() => fromSharedArray(new Uint8Array(16).subarray(1, 9), [2], { dtype: 'float32' }), /not aligned/);
  const pinned = new Float32Array(2);
  const t = fromSharedArray(pinned, [2]);
  try {
    structuredClone(pinned, { transfer: [pinned.buffer] });
  } catch {
    // Some versions of Node refuse, others copy: what matters is that the memory is still there.
  }
  assert.equal(pinned.length, 2);
  assert.deepEqual(t.toArray(), [0, 0]);
});

test('sharedTypedArray looks into the tensor’s own memory and keeps it alive', async () => {
  const t = tensor([1, 2, 3]).float();
  const array = t.sharedTypedArray() as Float32Array;
  const again = t.sharedTypedArray() as Float32Array;
  array[0] = 9;
  assert.equal(again[0], 9);
  assert.deepEqual(t.toArray(), [9, 2, 3]);
  t.dispose();
  await collectGarbage();
  assert.deepEqual([...array], [9, 2, 3]);
  assert.deepEqual([...(arange(4).index(2).sharedTypedArray() as BigInt64Array)], [2n]);
  assert.equal(zeros([0]).sharedTypedArray().length, 0);
  assert.throws(() => zeros([2, 2]).transpose(0, 1).sharedTypedArray(), TorchError);
  assert.throws(() => zeros([2], { device: 'meta' }).sharedTypedArray(), TorchError);
});

test('metadata of a tensor', () => {
  const t = zeros([2, 3, 4]).transpose(0, 2);
  assert.deepEqual(
    [t.shape, t.ndim, t.dim(), t.numel(), t.stride(), t.size(-1), t.storageOffset(), t.isContiguous(), t.device],
    [[4, 3, 2], 3, 3, 24, [1, 4, 12], 2, 0, false, 'cpu'],
  );
  assert.equal(t.index(1).storageOffset(), 1);
  assert.ok(t.sharesStorageWith(t.index(0)) && !t.sharesStorageWith(t.contiguous()));
  assert.throws(() => t.size(3), /between -3 and 2 for dim but received 3/);
  assert.throws(() => t.isContiguous({ memoryFormat: 'x' as never }), { code: 'INVALID_ARGUMENT' });
  assert.deepEqual(
    [
      ...tensor([
        [1, 2],
        [3, 4],
      ]),
    ].map((row) => row.toArray()),
    [
      [1, 2],
      [3, 4],
    ],
  );
});
