/** @file 17 · Indexing as in Python's brackets, checked against a small reference on nested arrays. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArgumentError, TorchError } from '../errors.ts';
import { arange, tensor, zeros } from './creation.ts';
import { type Index, type Slice, slice } from './indexing.ts';
import { scope } from './scope.ts';
import type { NestedArray, Tensor } from './tensor.ts';

const x = arange(24).reshape([2, 3, 4]);

test('integers, slices, new dimensions, ellipsis', () => {
  const table: [Index[], unknown][] = [
    [[1, 2, 3], 23],
    [[-1, -1, -1], 23],
    [
      [0, slice(1, 3)],
      [
        [4, 5, 6, 7],
        [8, 9, 10, 11],
      ],
    ],
    [
      [0, 0, slice(null, null, 2)],
      [0, 2],
    ],
    [
      [0, 0, slice(-2)],
      [2, 3],
    ],
    [
      [0, 0, slice(1, -1)],
      [1, 2],
    ],
    [['...', 0], x.select(2, 0).toArray()],
    [
      [1, '...', 0],
      [12, 16, 20],
    ],
    [[0, 0, 0, null], [0]],
    [[null, 0, 0, 0], [0]],
    [[], x.toArray()],
    [['...'], x.toArray()],
  ];
  for (const [indices, expected] of table) assert.deepEqual(x.index(...indices).toArray(), expected);
});

test('slices beyond the ends are cut, as in Python; integers beyond them are errors', () => {
  assert.deepEqual(x.index(0, 0, slice(2, 100)).toArray(), [2, 3]);
  assert.deepEqual(x.index(0, 0, slice(-100, 1)).toArray(), [0]);
  assert.deepEqual(x.index(0, 0, slice(3, 1)).shape, [0]);
  assert.deepEqual(x.index(0, 0, slice(9)).shape, [0]);
  assert.throws(
    () => x.index(2),
    (e) => e instanceof TorchError && /select.*out of range|index 2 is out of bounds/.test(e.message),
  );
  assert.throws(() => x.index(0, -4), TorchError);
  assert.throws(() => x.index(0, 0, slice(0, 2, -1)), /step must be positive/);
  assert.throws(() => x.index(0, 0, slice(0, 2, 0)), /step must be positive/);
});

test('index tensors and masks', () => {
  assert.deepEqual(x.index(tensor([1, 0]), 0, 0).toArray(), [12, 0]);
  assert.deepEqual(x.index(0, tensor([2, -1]), slice(0, 2)).toArray(), [
    [8, 9],
    [8, 9],
  ]);
  assert.deepEqual(x.index('...', tensor([3, 0])).shape, [2, 3, 2]);
  assert.deepEqual(x.index(x.gt(20)).toArray(), [21, 22, 23]);
  assert.deepEqual(x.index(0, tensor([true, false, true]), 1).toArray(), [1, 9]);
  assert.throws(() => x.index(tensor([2])), /out of (range|bounds)/);
  assert.throws(() => x.index(tensor([true, false, true])), /shape of the mask|match/);
});

test('too many indices and values that are none are refused', () => {
  assert.throws(
    () => x.index(0, 0, 0, 0),
    (e) => e instanceof ArgumentError && /at most 3 indices .* received 4/.test(e.message),
  );
  for (const wrong of ['x', true, {}, [0], undefined, 0n]) {
    assert.throws(
      () => x.index(wrong as never),
      (e) => e instanceof ArgumentError && e.argument === 'indices',
    );
  }
  assert.throws(() => x.index('...', '...'), ArgumentError);
  assert.throws(() => x.index(0.5), ArgumentError);
});

test('integers and slices are views: writing through them changes the base', () => {
  const base = zeros([2, 3]);
  base.index(0, slice(1)).fill_(5);
  assert.deepEqual(base.toArray(), [
    [0, 5, 5],
    [0, 0, 0],
  ]);
});

/** Python's slice on an array. */
function sliceReference<T>(items: readonly T[], { start, end, step }: Slice): T[] {
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + items.length : at, 0), items.length);
  const result: T[] = [];
  for (let at = clamp(start ?? 0); at < clamp(end ?? items.length); at += step) result.push(items[at] as T);
  return result;
}

function indexReference(data: NestedArray, indices: readonly Index[]): NestedArray {
  const [first, ...rest] = indices;
  if (first === undefined) return data;
  if (first === null) return [indexReference(data, rest)];
  const items = data as NestedArray[];
  if (typeof first === 'number') return indexReference(items.at(first) as NestedArray, rest);
  return sliceReference(items, first as Slice).map((item) => indexReference(item, rest));
}

test('random indices on random shapes agree with the reference', () => {
  const bound = fc.option(fc.integer({ min: -7, max: 7 }), { nil: null });
  const cases = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      indices: fc
        .tuple(
          ...shape.map((size) =>
            fc.oneof(
              fc.integer({ min: -size, max: size - 1 }),
              fc.tuple(bound, bound, fc.integer({ min: 1, max: 3 })).map(([a, b, step]) => slice(a, b, step)),
            ),
          ),
        )
        .chain((full) =>
          fc.tuple(fc.nat({ max: full.length }), fc.nat({ max: full.length })).map(([count, place]): Index[] => {
            const some: Index[] = full.slice(0, count);
            some.splice(place, 0, null);
            return some;
          }),
        ),
    }),
  );
  fc.assert(
    fc.property(cases, ({ shape, indices }) =>
      scope(() => {
        const t: Tensor = arange(shape.reduce((a, b) => a * b, 1)).reshape(shape);
        assert.deepEqual(t.index(...indices).toArray(), indexReference(t.toArray(), indices));
      }),
    ),
    { numRuns: 300, seed: 7 },
  );
});
