/** @file Exit codes: 2 for wrong usage, 1 for failures, 0 where commander only printed help. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';

import { describeSystemError, exitCodeOf, FailureError, UsageError } from './errors.ts';
import { RecipeError } from './recipes/problems.ts';

function parse(args: string[]): unknown {
  const command = new Command('x').version('1.0').option('--model <name>').exitOverride();
  command.configureOutput({ writeOut: () => {}, writeErr: () => {} });
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    return error;
  }
  return undefined;
}

test('exit codes', () => {
  assert.equal(exitCodeOf(new UsageError('x')), 2);
  assert.equal(exitCodeOf(new RecipeError([])), 2);
  assert.equal(exitCodeOf(new FailureError('CANNOT_WRITE', 'x')), 1);
  assert.equal(exitCodeOf(new TypeError('x')), 1);
  assert.equal(exitCodeOf('thrown text'), 1);
  assert.equal(exitCodeOf(parse(['--modle', 'a'])), 2);
  assert.equal(exitCodeOf(parse(['--model'])), 2);
  assert.equal(exitCodeOf(parse(['--help'])), 0);
  assert.equal(exitCodeOf(parse(['--version'])), 0);
});

test('errors carry their code and class name', () => {
  assert.equal(new UsageError('x').code, 'USAGE');
  assert.equal(new FailureError('CANNOT_WRITE', 'x').code, 'CANNOT_WRITE');
  assert.equal(new FailureError('CANNOT_WRITE', 'x').name, 'FailureError');
});

test('operating system errors are explained', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  assert.equal(describeSystemError(full), 'the disk is full (ENOSPC)');
  assert.equal(describeSystemError(new Error('something else')), 'something else');
});
