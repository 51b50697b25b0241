/** @file The filling rule gives the numbers that other languages get from it. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { nn, Tensor, zeros } from '@edgeai/torch';
import { fillModel, makeInput, relativeL2, states, sumOfBits } from './fill.ts';

interface SelfCheck {
  states: Record<string, number[]>;
  sum32_of_first_3000000_states_of_stream_5: number;
  input_first4_bits: number[];
  fill_bits: Record<string, number[]>;
}

const { selfcheck } = JSON.parse(readFileSync(new URL('../models/fixtures/outputs.json', import.meta.url), 'utf8')) as {
  selfcheck: SelfCheck;
};

function bits(tensor: Tensor, count = 4): number[] {
  return Array.from(new Uint32Array(tensor.toTypedArray().buffer).subarray(0, count));
}

/** A module whose state dict is `count` scalars and then one tensor under the name given. */
class Holder extends nn.Module {
  constructor(position: number, path: string[], shape: number[]) {
    super();
    const children = this as unknown as Record<string, unknown>;
    for (let i = 0; i < position; i++) children[`p${i}`] = new nn.Parameter(zeros([]));
    const [name = '', ...more] = path;
    children[name] = more.length === 0 ? new nn.Parameter(zeros(shape)) : new Holder(0, more, shape);
  }

  forward(input: Tensor): Tensor {
    return input;
  }
}

test('streams begin as recorded', () => {
  for (const [seed, expected] of Object.entries(selfcheck.states)) assert.deepEqual(states(Number(seed), 4), expected);
  const many = states(5, 3_000_000);
  assert.equal(
    many.reduce((sum, state) => (sum + state) >>> 0, 0),
    selfcheck.sum32_of_first_3000000_states_of_stream_5,
  );
});

test('inputs begin as recorded', () => {
  assert.deepEqual(bits(makeInput([1, 3, 8, 8])), selfcheck.input_first4_bits);
  assert.notDeepEqual(bits(makeInput([4], 1)), selfcheck.input_first4_bits);
});

test('each kind of parameter is scaled as recorded', () => {
  for (const [description, expected] of Object.entries(selfcheck.fill_bits)) {
    const parts = /^(\S+) \[([\d, ]+)\] t=(\d+) gain=([\d.]+)$/.exec(description);
    assert.ok(parts !== null, description);
    const [, key = '', shape = '', position, gain] = parts;
    using holder = new Holder(Number(position), key.split('.'), shape.split(',').map(Number));
    fillModel(holder, Number(gain));
    const filled = Object.values(holder.stateDict()).at(-1);
    assert.ok(filled instanceof Tensor);
    assert.deepEqual(bits(filled), expected, description);
  }
});

test('counters stay, and the sum counts what was filled', () => {
  using norm = new nn.BatchNorm2d(3);
  const sum = fillModel(norm, 1);
  assert.equal(norm.num_batches_tracked?.item(), 0);
  const filled = Object.values(norm.stateDict()).filter((tensor) => tensor.dtype === 'float32');
  assert.equal(
    filled.reduce((total, tensor) => sumOfBits(tensor.toTypedArray() as Float32Array, total), 0),
    sum,
  );
});

test('relative distances', () => {
  assert.equal(relativeL2([3, 4], [3, 4]), 0);
  assert.equal(relativeL2([0, 0], [3, 4]), 1);
  assert.equal(relativeL2([1], [1, 2]), Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(relativeL2([Number.NaN], [1])));
});
