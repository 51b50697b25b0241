import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { rand } from '../core/creation.ts';
import { Generator, manualSeed } from '../core/generator.ts';
import { scope } from '../core/scope.ts';
import { ArgumentError } from '../errors.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { ArrayDataset, randomSplit } from './dataset.ts';
import { DistributedSampler } from './distributed-sampler.ts';
import {
  BatchSampler,
  RandomSampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './samplers.ts';

// Written by scripts/make-data-fixtures.py.
const frozen = JSON.parse(readFileSync(new URL('./fixtures/orders.json', import.meta.url), 'utf8'));
const sized = (length: number) => ({ length });
const own = (seed: number) => new Generator({ seed });

/** The order, and one number drawn afterwards: the default generator must end where PyTorch's does. */
function seeded<T>(seed: number, draw: () => T): { order: T; after: number } {
  manualSeed(seed);
  const order = draw();
  return { order, after: scope(() => rand([1]).item()) };
}

describe('samplers draw PyTorch’s order', () => {
  const weights = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6];
  const cases: Record<string, [seed: number, draw: () => unknown]> = {
    random: [0, () => [...new RandomSampler(sized(12))]],
    'random.twice': [
      0,
      () => {
        const sampler = new RandomSampler(sized(5));
        return [...sampler, ...sampler];
      },
    ],
    'random.more': [1, () => [...new RandomSampler(sized(5), { numSamples: 12 })]],
    'random.replacement': [2, () => [...new RandomSampler(sized(9), { replacement: true, numSamples: 40 })]],
    'random.generator': [3, () => [...new RandomSampler(sized(8), { generator: own(42) })]],
    subset: [4, () => [...new SubsetRandomSampler([3, 1, 4, 15, 9, 2, 6])]],
    weighted: [5, () => [...new WeightedRandomSampler(weights, 10)]],
    'weighted.once': [6, () => [...new WeightedRandomSampler(weights, 4, { replacement: false })]],
    split: [
      7,
      () =>
        randomSplit(new ArrayDataset(Array(10).fill(0)), [3, 7], { generator: own(42) }).map((part) => part.indices),
    ],
    'split.fractions': [
      8,
      () => randomSplit(new ArrayDataset(Array(11).fill(0)), [0.3, 0.3, 0.4]).map((part) => part.indices),
    ],
  };
  for (const [name, [seed, draw]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(seeded(seed, draw), frozen[name]));
  }

  it('distributed', () => {
    for (const { size, epoch, ranks, ...options } of frozen.distributed) {
      const drawn = Array.from({ length: options.numReplicas }, (_, rank) => {
        const sampler = new DistributedSampler(sized(size), { ...options, rank });
        sampler.setEpoch(epoch);
        assert.equal([...sampler].length, sampler.length);
        return [...sampler];
      });
      assert.deepEqual(drawn, ranks);
    }
  });
});

describe('samplers', () => {
  it('leave no tensors behind', () =>
    expectNoLeaks(() => {
      assert.equal([...new RandomSampler(sized(100), { replacement: true })].length, 100);
      assert.equal([...new WeightedRandomSampler([1, 2], 5)].length, 5);
    }));

  it('batch every index once, with or without the rest', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.integer({ min: 1, max: 12 }), fc.boolean(), (n, batchSize, dropLast) => {
        const batches = [...new BatchSampler(new SequentialSampler(sized(n)), batchSize, { dropLast })];
        assert.equal(batches.length, new BatchSampler(new SequentialSampler(sized(n)), batchSize, { dropLast }).length);
        const kept = dropLast ? n - (n % batchSize) : n;
        assert.deepEqual(
          batches.flat(),
          Array.from({ length: kept }, (_, i) => i),
        );
        assert.ok(batches.slice(0, -1).every((batch) => batch.length === batchSize));
      }),
    );
  });

  it('share a data set among processes without gaps', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(5),
        (n, numReplicas, epoch) => {
          const seen = new Set<number>();
          for (let rank = 0; rank < numReplicas; rank++) {
            const sampler = new DistributedSampler(sized(n), { numReplicas, rank });
            sampler.setEpoch(epoch);
            for (const index of sampler) seen.add(index);
          }
          assert.equal(seen.size, n);
        },
      ),
    );
  });

  it('refuse what cannot be drawn', () => {
    assert.throws(() => new RandomSampler(sized(0)), /no samples/);
    assert.throws(() => new RandomSampler(sized(3), { numSamples: 0 }), ArgumentError);
    assert.throws(() => new WeightedRandomSampler([1], 1.5), /numSamples/);
    assert.throws(() => new DistributedSampler(sized(3), { numReplicas: 2, rank: 2 }), /between 0 and 1/);
    assert.throws(() => new BatchSampler(new SequentialSampler(sized(3)), 0), /batchSize/);
    assert.throws(() => randomSplit(new ArrayDataset([1, 2, 3]), [1, 1]), /add up to the data set's 3/);
  });
});
