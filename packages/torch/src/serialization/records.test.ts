/** @file Records: strides, bounds, and row-major copies of views. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { boundsProblem, contiguousBytes, contiguousStrides, isContiguous, numelOf, TensorRecord } from './records.ts';

fc.configureGlobal({ seed: 1 });

function view(strides: number[], shape: number[], storageOffset: number, length: number): TensorRecord {
  const bytes = new Uint8Array(Int16Array.from({ length }, (_, i) => i).buffer);
  return new TensorRecord({
    dtype: 'int16',
    shape,
    strides,
    storageOffset,
    storage: { dtype: 'int16', bytes, device: 'cpu' },
  });
}

test('strides are row-major, and sizes of 0 count as 1', () => {
  assert.deepEqual(contiguousStrides([2, 3, 4]), [12, 4, 1]);
  assert.deepEqual(contiguousStrides([2, 0, 4]), [4, 4, 1]);
  assert.deepEqual(contiguousStrides([]), []);
  assert.equal(numelOf([2 ** 40, 2 ** 40, 0]), 0);
});

test('a view is copied row by row; a contiguous tensor is not copied', () => {
  const transposed = view([1, 4], [4, 3], 0, 12);
  assert.deepEqual([...new Int16Array(contiguousBytes(transposed).buffer)], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
  const tail = view([1], [2], 3, 5);
  assert.equal(contiguousBytes(tail).buffer, tail.storage.bytes.buffer);
  assert.deepEqual([...contiguousBytes(tail)], [3, 0, 4, 0]);
});

test('copies of any view agree with element-wise indexing, for every element size and alignment', () => {
  const dtypes = ['uint8', 'float16', 'float32', 'float64', 'complex128'] as const;
  const sizes = { uint8: 1, float16: 2, float32: 4, float64: 8, complex128: 16 };
  fc.assert(
    fc.property(
      fc.constantFrom(...dtypes),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5 })), { maxLength: 4 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
      (dtype, axes, storageOffset, misalignment) => {
        const size = sizes[dtype];
        const length = (64 + 3) * size;
        const all = Uint8Array.from({ length: length + misalignment }, (_, i) => (i * 31) & 0xff);
        const bytes = all.subarray(misalignment);
        const shape = axes.map(([n]) => n);
        const strides = axes.map(([, stride]) => stride);
        const record = new TensorRecord({
          dtype,
          shape,
          strides,
          storageOffset,
          storage: { dtype, bytes, device: 'cpu' },
        });
        const wanted: number[] = [];
        const walk = (axis: number, at: number): void => {
          if (axis === shape.length) wanted.push(...bytes.subarray(at * size, (at + 1) * size));
          for (let i = 0; i < (shape[axis] ?? 0); i++) walk(axis + 1, at + i * (strides[axis] ?? 0));
        };
        walk(0, storageOffset);
        assert.deepEqual([...contiguousBytes(record)], wanted);
      },
    ),
    { numRuns: 300 },
  );
});

test('elements outside the storage are noticed', () => {
  assert.equal(boundsProblem(view([1], [5], 0, 5)), undefined);
  assert.match(boundsProblem(view([1], [5], 1, 5)) ?? '', /needs 12 bytes of int16 but the storage has 10/);
  assert.match(boundsProblem(view([-1], [2], 4, 5)) ?? '', /strides/);
  assert.match(boundsProblem(view([0, 0], [2 ** 40, 2 ** 40], 0, 5)) ?? '', /too many/);
  assert.equal(boundsProblem(view([9], [0], 99, 5)), undefined);
  assert.throws(() => contiguousBytes(view([4], [5], 0, 5)), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => contiguousBytes(view([0, 0], [2 ** 20, 2 ** 20], 0, 5)), { code: 'INVALID_ARGUMENT' });
  assert.equal(isContiguous(view([7, 1], [1, 5], 0, 5)), true);
});
