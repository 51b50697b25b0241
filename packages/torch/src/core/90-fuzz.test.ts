/** @file 90 · Random wrong arguments for every operator: nothing but exceptions comes of them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzOperators } from '../../scripts/fuzz-operators.ts';

const full = process.env.EDGEAI_FULL === '1';

test('no operator with a method or function ends the process', async () => {
  const report = await fuzzOperators({ calls: full ? 60_000 : 1500, seed: 21, typed: true });
  assert.deepEqual(report.crashes, []);
  // Some of the calls must get as far as a kernel.
  assert.ok(report.accepted > report.calls / 5, `${report.accepted} of ${report.calls} accepted`);
});

test('nor does any other, apart from those known to crash inside libtorch', async () => {
  const report = await fuzzOperators({ calls: full ? 60_000 : 1500, seed: 1 });
  assert.deepEqual(report.crashes, []);
});
