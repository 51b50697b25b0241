/** @file 10 · Making tensors: from numbers, shapes, typed arrays; what is inferred and what is refused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError, TorchError } from '../errors.ts';
import {
  arange,
  type CreationOptions,
  empty,
  eye,
  fromBytes,
  fromTypedArray,
  full,
  linspace,
  ones,
  rand,
  randint,
  randn,
  randperm,
  type TensorData,
  tensor,
  zeros,
} from './creation.ts';
import type { Tensor } from './tensor.ts';

/** Shape, dtype and values in one comparable object. */
function facts(t: Tensor) {
  return [t.shape, t.dtype, t.toArray()];
}

test('tensor() takes numbers, nested arrays, booleans, bigints and complex numbers, and infers the dtype as PyTorch does', () => {
  const table: [TensorData, unknown][] = [
    [3, [[], 'int64', 3]],
    [1.5, [[], 'float32', 1.5]],
    [true, [[], 'bool', true]],
    [7n, [[], 'int64', 7]],
    [[], [[0], 'float32', []]],
    [[[]], [[1, 0], 'float32', [[]]]],
    [
      [1, 2, 3],
      [[3], 'int64', [1, 2, 3]],
    ],
    [
      [1, 2.5],
      [[2], 'float32', [1, 2.5]],
    ],
    [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [2, 2],
        'int64',
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    [
      [true, false],
      [[2], 'bool', [true, false]],
    ],
    [
      [true, 2],
      [[2], 'int64', [1, 2]],
    ],
    [
      [Number.NaN, Infinity],
      [[2], 'float32', [Number.NaN, Infinity]],
    ],
    [
      [{ real: 1, imag: -2 }, 3],
      [
        [2],
        'complex64',
        [
          { real: 1, imag: -2 },
          { real: 3, imag: 0 },
        ],
      ],
    ],
    [new Float64Array([0.1, 0.2]), [[2], 'float64', [0.1, 0.2]]],
    [new Uint8Array([1, 255]), [[2], 'uint8', [1, 255]]],
  ];
  for (const [data, expected] of table) assert.deepEqual(facts(tensor(data)), expected);
});

test('a dtype given converts; integers keep all 64 bits', () => {
  assert.deepEqual(facts(tensor([1.9, -1.9], { dtype: 'int32' })), [[2], 'int32', [1, -1]]);
  assert.deepEqual(facts(tensor([0, 2, -1], { dtype: 'bool' })), [[3], 'bool', [false, true, true]]);
  assert.deepEqual(facts(tensor([2n ** 62n + 1n, -(2n ** 63n)])), [[2], 'int64', [2n ** 62n + 1n, -(2n ** 63n)]]);
  assert.equal(tensor(2 ** 53 - 1).item(), 2 ** 53 - 1);
  assert.deepEqual(facts(tensor([1, 2], { dtype: 'complex128' })), [
    [2],
    'complex128',
    [
      { real: 1, imag: 0 },
      { real: 2, imag: 0 },
    ],
  ]);
});

test('ragged arrays, strings, holes and numbers that do not fit are refused with the place or the value', () => {
  const table: [unknown, CreationOptions, RegExp][] = [
    [[[1, 2], [3]], {}, /depth 1 of data but received 1: nested arrays must have equal lengths/],
    [[[1], 2], {}, /array of length 1 in data but received 2/],
    [[1, [2]], {}, /a number, not an array/],
    [['a'], {}, /received "a" of type string/],
    [[1, undefined], {}, /received undefined/],
    [{}, {}, /received an object/],
    [null, {}, /received null/],
    [[Number.NaN], { dtype: 'int64' }, /int64 can hold for data but received NaN/],
    [[2n ** 63n], {}, /int64 can hold for data but received 9223372036854775808n/],
    [[{ real: 1, imag: 1 }], { dtype: 'float32' }, /complex64 or complex128/],
  ];
  for (const [data, options, message] of table) {
    assert.throws(
      () => tensor(data as TensorData, options),
      (error) => error instanceof ArgumentError && message.test(error.message),
    );
  }
});

test('zeros, ones, full, empty and eye', () => {
  assert.deepEqual(facts(zeros([2, 1])), [[2, 1], 'float32', [[0], [0]]]);
  assert.deepEqual(facts(ones([2], { dtype: 'int64' })), [[2], 'int64', [1, 1]]);
  assert.deepEqual(facts(zeros([])), [[], 'float32', 0]);
  assert.deepEqual(facts(full([2], 7)), [[2], 'int64', [7, 7]]);
  assert.deepEqual(facts(full([2], 0.5)), [[2], 'float32', [0.5, 0.5]]);
  assert.deepEqual(facts(full([1], true)), [[1], 'bool', [true]]);
  assert.deepEqual(eye(2, 3).toArray(), [
    [1, 0, 0],
    [0, 1, 0],
  ]);
  const image = empty([1, 3, 4, 5], { memoryFormat: 'channels_last' });
  assert.deepEqual(image.stride(), [60, 1, 15, 3]);
  assert.ok(image.isContiguous({ memoryFormat: 'channels_last' }) && !image.isContiguous());
  assert.equal(ones([2], { requiresGrad: true }).requiresGrad, true);
});

test('arange and linspace', () => {
  assert.deepEqual(facts(arange(3)), [[3], 'int64', [0, 1, 2]]);
  assert.deepEqual(facts(arange(2, 8, 3)), [[2], 'int64', [2, 5]]);
  assert.deepEqual(facts(arange(1, 0, -0.5)), [[2], 'float32', [1, 0.5]]);
  assert.deepEqual(facts(arange(0)), [[0], 'int64', []]);
  assert.deepEqual(facts(linspace(0, 1, 5)), [[5], 'float32', [0, 0.25, 0.5, 0.75, 1]]);
});

test('random tensors have the asked shape, range and dtype', () => {
  const uniform = rand([100]);
  assert.ok((uniform.toArray() as number[]).every((v) => v >= 0 && v < 1));
  assert.equal(randn([3, 2], { dtype: 'float64' }).dtype, 'float64');
  const whole = randint(-2, 3, [200]);
  assert.equal(whole.dtype, 'int64');
  assert.deepEqual(
    [...new Set(whole.toArray() as number[])].sort((a, b) => a - b),
    [-2, -1, 0, 1, 2],
  );
  assert.deepEqual((randperm(5).toArray() as number[]).sort(), [0, 1, 2, 3, 4]);
});

test('typed arrays are copied in with a shape', () => {
  const source = new Float32Array([1, 2, 3, 4, 5, 6]);
  const t = fromTypedArray(source, [2, 3]);
  source[0] = 100;
  assert.deepEqual(facts(t), [
    [2, 3],
    'float32',
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ]);
  assert.deepEqual(facts(fromTypedArray(source.subarray(2, 4), [2])), [[2], 'float32', [3, 4]]);
  assert.deepEqual(facts(fromTypedArray(new Uint8Array([0, 1, 2]), [3], { dtype: 'bool' })), [
    [3],
    'bool',
    [false, true, true],
  ]);
  assert.deepEqual(facts(fromTypedArray(Buffer.from([7, 8]), [2])), [[2], 'uint8', [7, 8]]);
  assert.deepEqual(facts(fromTypedArray(new Float32Array([1, 2, 3, 4]), [2], { dtype: 'complex64' })).at(2), [
    { real: 1, imag: 2 },
    { real: 3, imag: 4 },
  ]);
  assert.deepEqual(facts(fromBytes(new Uint8Array([0, 1, 1, 0]), 'int16', [2])), [[2], 'int16', [256, 1]]);
});

test('what does not fit is refused: size, dtype, shape, option, memory', () => {
  const table: [() => unknown, string, RegExp][] = [
    [
      () => fromTypedArray(new Float32Array(5), [2, 3]),
      'data',
      /Expected 24 bytes for data of this shape and dtype but received 20/,
    ],
    [() => fromTypedArray(new Uint16Array(2), [2]), 'dtype', /Uint16Array, which can hold several/],
    [() => fromTypedArray([1, 2] as never, [2]), 'data', /a typed array/],
    [() => fromTypedArray(new Float32Array(0), [-1]), 'shape', /at least 0/],
    [() => fromTypedArray(new Float32Array(0), [2 ** 40, 2 ** 40]), 'shape', /too large/],
    [() => fromTypedArray(new Float32Array(1), ['1' as never]), 'shape', /an integer for shape but received "1"/],
    [() => zeros(3 as never), 'shape', /an array of sizes/],
    [() => zeros([1], { dtpye: 'int64' } as never), 'dtpye', /Unknown option 'dtpye'; options here: dtype, device/],
    [() => zeros([1], { generator: null } as never), 'generator', /Unknown option/],
    [() => zeros([1.5]), 'size', /an integer/],
    [() => zeros([1], { dtype: 'float' as never }), 'dtype', /a dtype \(float32, int64,/],
    [() => zeros([1], { device: 'gpu' }), 'device', /a device \(cpu, cuda/],
    [() => zeros([1], { layout: 'dense' as never }), 'layout', /a layout \(strided,/],
    [() => empty([1], { memoryFormat: 'nhwc' as never }), 'memory_format', /a memory format \(contiguous_format,/],
  ];
  for (const [make, argument, message] of table) {
    assert.throws(
      make,
      (error) => error instanceof ArgumentError && error.argument === argument && message.test(error.message),
    );
  }
  assert.throws(() => zeros([-1]), TorchError);
  assert.throws(() => empty([2 ** 50]), /aten::empty\.memory_format: .*(allocate|memory|overflow)/i);
  assert.throws(() => tensor([1], { requiresGrad: true }), /floating point/);
});
