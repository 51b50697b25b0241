/** @file 11 · Element types: every one of them in, through an operator, and out again. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DType, dtypeSize, dtypes, isComplex, isFloatingPoint } from '../dtype.ts';
import { fromBytes, fromTypedArray, tensor, zeros } from './creation.ts';
import { ops } from './ops.ts';
import type { Tensor } from './tensor.ts';

const PLAIN = dtypes.filter((dtype) => !dtype.startsWith('q'));

test('each dtype can be made, doubled and read back', () => {
  for (const dtype of PLAIN) {
    const t = tensor([0, 1, 1], { dtype });
    const [size, own] = [t.toTypedArray().byteLength, t.dtype];
    assert.deepEqual([own, size], [dtype, 3 * dtypeSize(dtype)]);
    const doubled = dtype === 'bool' ? t.logicalOr(t) : t.add(t);
    const expected = dtype === 'bool' ? [false, true, true] : [0, 2, 2];
    const shown = isComplex(dtype) ? expected.map((v) => ({ real: v, imag: 0 })) : expected;
    assert.deepEqual([doubled.dtype, doubled.toArray()], [dtype, shown]);
  }
});

test('values at the ends of each range survive', () => {
  const table: [DType, (number | bigint)[]][] = [
    ['uint8', [0, 255]],
    ['int8', [-128, 127]],
    ['int16', [-32768, 32767]],
    ['int32', [-(2 ** 31), 2 ** 31 - 1]],
    ['int64', [-(2n ** 63n), 2n ** 63n - 1n]],
    ['float16', [-65504, 2 ** -24]],
    ['bfloat16', [-(2 ** 127), 2 ** -126]],
    ['float32', [3.4028234663852886e38, 2 ** -149]],
    ['float64', [Number.MAX_VALUE, Number.MIN_VALUE]],
  ];
  for (const [dtype, values] of table) assert.deepEqual(tensor(values, { dtype }).toArray(), values, dtype);
});

test('halves travel as bit patterns and print as numbers', () => {
  const half = tensor([1, -2, 0.5], { dtype: 'float16' });
  assert.deepEqual(half.toTypedArray(), new Uint16Array([0x3c00, 0xc000, 0x3800]));
  assert.deepEqual(fromTypedArray(new Uint16Array([0x3c00, 0xc000]), [2], { dtype: 'float16' }).toArray(), [1, -2]);
  const brain = tensor([1, -2, 0.5], { dtype: 'bfloat16' });
  assert.deepEqual(brain.toTypedArray(), new Uint16Array([0x3f80, 0xc000, 0x3f00]));
  assert.deepEqual(fromTypedArray(new Uint16Array([0x3f80]), [1], { dtype: 'bfloat16' }).toArray(), [1]);
});

test('item() gives a number, a boolean, or a bigint where a number would not be exact', () => {
  assert.equal(tensor([[1.5]]).item(), 1.5);
  assert.equal(tensor(true).item(), true);
  assert.equal(tensor(2 ** 40).item(), 2 ** 40);
  assert.equal(tensor(2n ** 60n).item(), 2n ** 60n);
  assert.ok(Number.isNaN(tensor(Number.NaN).item()));
  assert.throws(() => tensor([1, 2]).item(), /one element/);
  assert.throws(() => zeros([0]).item(), /one element/);
  assert.throws(() => tensor({ real: 1, imag: 2 }).item(), { code: 'INVALID_ARGUMENT' });
});

test('complex numbers: arithmetic, conjugate views and scalars', () => {
  const z = tensor([{ real: 1, imag: 2 }]);
  assert.deepEqual(z.mul(z).toArray(), [{ real: -3, imag: 4 }]);
  assert.deepEqual(z.mul({ real: 0, imag: 1 }).toArray(), [{ real: -2, imag: 1 }]);
  // A conjugate is a lazy view: reading it must apply it.
  const conjugate = ops.aten?.conj?.(z) as Tensor;
  assert.deepEqual(conjugate.toTypedArray(), new Float32Array([1, -2]));
  assert.deepEqual(z.abs().toArray(), [Math.fround(Math.sqrt(5))]);
});

test('conversions: to(), the named ones, and sharing memory where nothing changes', () => {
  const t = tensor([1.5, 2.5]);
  assert.ok(t.to('float32').sharesStorageWith(t));
  assert.ok(t.float().sharesStorageWith(t));
  assert.ok(!t.to({ dtype: 'float32', copy: true }).sharesStorageWith(t));
  assert.deepEqual(
    [t.long(), t.int(), t.bool(), t.double(), t.to(tensor([1n]))].map((x) => [x.dtype, x.toArray()]),
    [
      ['int64', [1, 2]],
      ['int32', [1, 2]],
      ['bool', [true, true]],
      ['float64', [1.5, 2.5]],
      ['int64', [1, 2]],
    ],
  );
  assert.throws(() => t.to('flaot32' as DType), /a dtype .* received "flaot32"/);
  assert.throws(() => t.to('cuda:99'), { code: 'TORCH_ERROR' });
});

test('quantised tensors can be made, read and printed', () => {
  const q = ops.aten?.quantize_per_tensor?.(tensor([0, 0.5, 1]), 0.5, 10, 'quint8') as Tensor;
  assert.equal(q.dtype, 'quint8');
  assert.deepEqual(q.toTypedArray(), new Uint8Array([10, 11, 12]));
  assert.deepEqual(q.dequantize().toArray(), [0, 0.5, 1]);
  assert.match(String(q), /^tensor\(…, shape=\[3\], dtype=quint8\)$/);
});

test('integer division, true division and promotion follow PyTorch', () => {
  assert.equal(tensor([7]).div(tensor([2])).dtype, 'float32');
  assert.deepEqual(
    tensor([-7])
      .div(tensor([2]), { roundingMode: 'floor' })
      .toArray(),
    [-4],
  );
  assert.equal(tensor([1]).add(0.5).dtype, 'float32');
  assert.equal(tensor([1], { dtype: 'uint8' }).add(1).dtype, 'uint8');
  assert.equal(tensor([1], { dtype: 'float16' }).add(tensor([1.5])).dtype, 'float32');
  assert.equal(tensor([1.5]).add(tensor(1.5, { dtype: 'float64' })).dtype, 'float32');
  assert.ok(isFloatingPoint('bfloat16') && !isFloatingPoint('complex64'));
  assert.deepEqual(fromBytes(new Uint8Array(16), 'complex128', [1]).toArray(), [{ real: 0, imag: 0 }]);
});
