/** @file 18 · Random numbers: a seed gives the numbers that Python gives; states can be saved and restored. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ArgumentError } from '../errors.ts';
import { empty, full, ones, rand, randint, randn, randperm, tensor } from './creation.ts';
import * as F from './generated/functions.ts';
import { defaultGenerator, Generator, getRngState, manualSeed, setRngState } from './generator.ts';
import type { Tensor } from './tensor.ts';

interface Drawn {
  initialSeed: string;
  stateSha256: string;
  [name: string]: number[] | string;
}

const fixture = JSON.parse(readFileSync(new URL('fixtures/generator.json', import.meta.url), 'utf8')) as {
  seeds: Record<string, Drawn>;
  own: Record<string, number[]>;
};

/** Seed, position and words of the generator; behind them lies half a normal pair, which need not be the same to the bit. */
const TWISTER_BYTES = 8 + 4 + 4 + 8 + 624 * 8;

/** In the order of scripts/make-generator-fixture.py. */
function draw(): Record<string, Tensor> {
  return {
    rand: rand([5]),
    randDouble: rand([3], { dtype: 'float64' }),
    randnFew: randn([3]),
    randnMany: randn([20]),
    randint: randint(-5, 1000, [6]),
    randperm: randperm(10),
    uniform_: empty([4]).uniform_(-1, 3),
    normal_: empty([4]).normal_(2, 0.5),
    bernoulli: full([8], 0.3).bernoulli(),
    multinomial: tensor([0.1, 0.2, 0.7]).multinomial(6, true),
    exponential_: empty([3]).exponential_(0.5),
    dropout: F.dropout(ones([8]), 0.5, true),
  };
}

/** Logarithms and cosines come from vector libraries that may differ in the last bit from one processor to another. */
const NEARLY = new Set(['randnFew', 'randnMany', 'normal_', 'exponential_']);

function assertDrawn(name: string, actual: Tensor, expected: readonly number[]): void {
  const values = actual.toArray() as number[];
  assert.equal(values.length, expected.length);
  values.forEach((value, i) => {
    const wanted = expected[i] as number;
    const off = Math.abs(value - wanted) / Math.max(Math.abs(wanted), 1e-3);
    assert.ok(NEARLY.has(name) ? off < 1e-5 : value === wanted, `${name}[${i}]: ${value}, in Python ${wanted}`);
  });
}

for (const [seed, expected] of Object.entries(fixture.seeds)) {
  test(`seed ${seed} gives Python's numbers and leaves Python's state`, () => {
    const generator = manualSeed(BigInt(seed));
    assert.equal(generator.initialSeed(), BigInt(expected.initialSeed));
    for (const [name, actual] of Object.entries(draw())) assertDrawn(name, actual, expected[name] as number[]);
    const state = (getRngState().toTypedArray() as Uint8Array).subarray(0, TWISTER_BYTES);
    assert.equal(createHash('sha256').update(state).digest('hex'), expected.stateSha256);
  });
}

test('a generator of one’s own draws Python’s numbers and leaves the default one alone', () => {
  manualSeed(1);
  const before = getRngState();
  const generator = new Generator({ seed: 42 });
  const drawn = {
    rand: rand([3], { generator }),
    randint: randint(0, 100, [3], { generator }),
    randperm: randperm(5, { generator }),
    normal_: empty([3]).normal_(0, 1, { generator }),
  };
  for (const [name, actual] of Object.entries(drawn)) assertDrawn(name, actual, fixture.own[name] ?? []);
  assert.ok(getRngState().equal(before));
});

test('a saved state continues where it was, between generators too', () => {
  manualSeed(9);
  rand([7]);
  const state = getRngState();
  const expected = rand([5]).toArray();
  setRngState(state);
  assert.deepEqual(rand([5]).toArray(), expected);
  const other = new Generator().setState(state);
  assert.deepEqual(rand([5], { generator: other }).toArray(), expected);
  assert.ok(other.getState().equal(getRngState()));
});

test('the default generator is one object a device; a new one starts from the default seed', () => {
  assert.equal(defaultGenerator(), defaultGenerator('cpu'));
  assert.equal(manualSeed(3), defaultGenerator());
  assert.deepEqual(
    rand([2], { generator: new Generator() }).toArray(),
    rand([2], { generator: new Generator({ seed: 67280421310721 }) }).toArray(),
  );
  assert.equal(new Generator({ seed: -1 }).initialSeed(), 2n ** 64n - 1n);
});

test('seeds that are no 64-bit integers and states that are no states are refused', () => {
  for (const wrong of [1.5, Number.NaN, Infinity, 2 ** 53, 2n ** 64n, -(2n ** 63n) - 1n, '1', null, undefined, {}]) {
    assert.throws(
      () => manualSeed(wrong as never),
      (e) => e instanceof ArgumentError && e.argument === 'seed',
    );
    assert.throws(() => new Generator().manualSeed(wrong as never), ArgumentError);
  }
  const generator = new Generator({ seed: 5 });
  const kept = generator.getState();
  assert.throws(() => generator.setState(tensor([1, 2, 3])), /RNG state/);
  assert.throws(() => generator.setState(tensor([1, 2, 3], { dtype: 'uint8' })), /RNG state/);
  assert.throws(() => new Generator({ device: 'nowhere' }), ArgumentError);
  assert.throws(() => new Generator({ device: 'cuda:42' }));
  assert.ok(generator.getState().equal(kept));
});
