/** @file The pickler: round trips through the reader, equality with Python's bytes, and values that it refuses. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { unpickle } from './pickle-reader.ts';
import { Counter, FrozenSet, PyComplex, PyFloat, Size, TorchDevice, TorchDType, Tuple } from './pickle-values.ts';
import { pickle } from './pickle-writer.ts';
import { TensorRecord } from './records.ts';
import { expected, hex } from './testing.ts';
import { torchGlobals } from './torch-globals.ts';

fc.configureGlobal({ seed: 1 });

const globals = torchGlobals(() => {});

function roundTrip(value: unknown): unknown {
  return unpickle(pickle(value).bytes, { globals });
}

function float32(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

test('the bytes are those of torch.save', () => {
  const parameter = new TensorRecord({
    dtype: 'float32',
    shape: [1],
    storage: { dtype: 'float32', bytes: float32(0), device: 'cpu' },
    requiresGrad: true,
    isParameter: true,
  });
  const b = new Map<unknown, unknown>([
    ['c', [1, 2.5, null, true, 'a']],
    [4, Tuple.fromItems([1, 2, 3, 4])],
  ]);
  const { bytes, storages } = pickle({ a: TensorRecord.of('float32', [2], float32(1, 1)), b, p: parameter });
  assert.equal(hex(bytes), expected.plainPickle);
  assert.deepEqual(
    storages.map(({ bytes }) => bytes.length),
    [8, 4],
  );
});

test('values of every kind come back as they were', () => {
  const values = [
    null,
    true,
    false,
    'text\n😀',
    '',
    new Uint8Array([0, 255]),
    new Uint8Array(0),
    new FrozenSet([1]),
    new Set(['a']),
    new PyComplex(1, -2),
    new TorchDType('bfloat16'),
    new TorchDevice('cpu'),
    new TorchDevice('cuda:3'),
    Size.fromItems([1, 2]),
    Tuple.fromItems([]),
    Tuple.fromItems([1, Tuple.fromItems(['a'])]),
    new Map<unknown, unknown>([
      [1, 'a'],
      [true, 2],
      [Tuple.fromItems([1, 2]), null],
    ]),
    { nested: { deeper: [{}] } },
    [],
    Array.from({ length: 2501 }, (_, i) => i),
    Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`key${i}`, i])),
  ];
  for (const value of values) assert.deepEqual(roundTrip(value), value);
});

test('a Counter is written as one, and read as a map', () => {
  const counter = new Counter([[3, 2]]);
  assert.ok(Buffer.from(pickle(counter).bytes).includes('ccollections\nCounter\n'));
  assert.deepEqual(roundTrip(counter), new Map([[3, 2]]));
});

test('numbers of every size come back exactly', () => {
  const edges = [
    0,
    -0,
    255,
    256,
    65535,
    65536,
    -1,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 53 - 1,
    1e300,
    -Infinity,
  ];
  for (const value of edges) assert.ok(Object.is(roundTrip(value), value), String(value));
  assert.ok(Number.isNaN(roundTrip(Number.NaN)));
  fc.assert(fc.property(fc.double({ noNaN: true }), (value) => Object.is(roundTrip(value), value)));
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 3000n), max: 2n ** 3000n }), (value) => {
      assert.equal(BigInt(roundTrip(value) as bigint), value);
    }),
  );
  for (const value of [127n, 128n, -128n, -129n, 2n ** 63n, -(2n ** 63n)])
    assert.equal(BigInt(roundTrip(value) as bigint), value);
});

test('PyFloat keeps integral numbers floats; plain ones become ints', () => {
  assert.equal(hex(pickle(1).bytes), '80024b012e');
  assert.equal(hex(pickle(new PyFloat(1)).bytes), '8002473ff00000000000002e');
});

test('what is shared stays shared: objects, tensors, storages', () => {
  const storage = { dtype: 'float32' as const, bytes: float32(1, 2, 3), device: 'cpu' };
  const whole = new TensorRecord({ dtype: 'float32', shape: [3], storage });
  const part = new TensorRecord({ dtype: 'float32', shape: [1], storageOffset: 2, storage });
  const object = { x: 1 };
  assert.equal(pickle([whole, whole, part]).storages.length, 1);
  const [a, b] = roundTrip([object, object]) as [object, object];
  assert.equal(a, b);
});

test('any nested value comes back', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 5 }),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('any'), { maxLength: 4 }),
      fc.array(tie('any'), { maxLength: 4 }).map((items) => Tuple.fromItems(items)),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('any'),
        { noNullPrototype: true, maxKeys: 4 },
      ),
      fc.array(fc.tuple(fc.integer(), tie('any')), { minLength: 1, maxLength: 3 }).map((pairs) => new Map(pairs)),
    ),
  })).any;
  fc.assert(fc.property(value, (original) => assert.deepEqual(roundTrip(original), original)));
});

test('what Python has no equal for is refused by its place', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = { again: cyclic };
  let deep: unknown = [];
  for (let i = 0; i < 600; i++) deep = [deep];
  const storage = { dtype: 'float32' as const, bytes: float32(1, 2), device: 'cpu' };
  const cases: [unknown, RegExp][] = [
    [{ model: { lr: undefined } }, /^value\.model\.lr is undefined/],
    [[1, () => 1], /^value\[1\] is a function/],
    [{ 'a.b': new Date(0) }, /^value\["a\.b"\] is an object of type Date/],
    [new Map([[{}, 1]]), /key of value\[\[object Object\]\]/],
    [new Float32Array(1), /^value is an object of type Float32Array/],
    [new Array(2), /^value\[0\] is undefined/],
    ['\ud800', /surrogate/],
    [cyclic, /value\.self\.again contains itself/],
    [deep, /nests deeper/],
    [[new TensorRecord({ dtype: 'float32', shape: [3], storage })], /value\[0\] does not fit its storage/],
    [
      {
        a: new TensorRecord({ dtype: 'float32', shape: [2], storage }),
        b: new TensorRecord({ dtype: 'int32', shape: [2], storage }),
      },
      /value\.b \(int32\) shares its storage with value\.a \(float32\)/,
    ],
  ];
  for (const [value, message] of cases) assert.throws(() => pickle(value), { code: 'INVALID_ARGUMENT', message });
});
