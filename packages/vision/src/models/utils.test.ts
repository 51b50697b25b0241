/** @file Rounding of widths, and prescribed options. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeDivisible, prescribe, roundHalfEven } from './utils.ts';

test('widths become multiples of the divisor, never more than a tenth smaller', () => {
  assert.equal(makeDivisible(32 * 0.75, 8), 24);
  assert.equal(makeDivisible(16 * 0.35, 8), 8);
  assert.equal(makeDivisible(11, 8), 16, '8 would lose more than a tenth');
  assert.equal(makeDivisible(88, 16), 96, 'halves go up');
  assert.equal(makeDivisible(3, 8, 16), 16, 'never below the minimum');
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 4000, noNaN: true }), fc.integer({ min: 1, max: 64 }), (value, divisor) => {
      const made = makeDivisible(value, divisor);
      assert.equal(made % divisor, 0);
      assert.ok(made >= 0.9 * value && made >= divisor);
    }),
  );
});

test('halves are rounded to even', () => {
  assert.deepEqual([0.5, 1.5, 2.5, 2.4, 2.6, -0.5].map(roundHalfEven), [0, 2, 2, 2, 3, 0]);
});

test('a prescribed option may be left out or agree', () => {
  const given: { groups?: number } = {};
  assert.deepEqual(prescribe(given, 'groups', 32, 'x'), { groups: 32 });
  assert.deepEqual(prescribe({ groups: 32 }, 'groups', 32, 'x'), { groups: 32 });
  assert.throws(
    () => prescribe({ groups: 1 }, 'groups', 32, 'x'),
    /Expected 32 for groups, which x prescribes, but received 1/,
  );
});
