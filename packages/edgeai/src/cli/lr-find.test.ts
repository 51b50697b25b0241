/** @file The flags of the learning-rate finder: what they mean, and how wrong ones are refused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';

import { addFindOptions, sweepAskedFor } from './lr-find.ts';

function asked(...flags: string[]) {
  const command = new Command('train').exitOverride();
  addFindOptions(command);
  command.action(() => {});
  command.parse(flags, { from: 'user' });
  return sweepAskedFor(command);
}

test('a sweep is made where it is asked for, over a hundred steps unless told otherwise', () => {
  assert.equal(asked(), null);
  assert.deepEqual(asked('--lr-find'), { low: 1e-6, high: 10, steps: 100 });
  assert.deepEqual(asked('--lr-find', '40', '--lr-find-range', '1e-4,0.5'), { low: 1e-4, high: 0.5, steps: 40 });
});

test('flags that make no sweep are named with what was expected', () => {
  assert.throws(() => asked('--lr-find-range', '1,2'), /--lr-find-range needs --lr-find/);
  assert.throws(() => asked('--lr-find', 'many'), /--lr-find: expected a whole number.*many/);
  assert.throws(() => asked('--lr-find', '3'), /at least 10 steps but received 3/);
  for (const range of ['1', '2,1', '0,1', '1,2,3', 'a,b'])
    assert.throws(() => asked('--lr-find', '--lr-find-range', range), /two rising numbers above 0 but received/);
});
