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
import { aspectRatioGroups, GroupedBatchSampler } from './grouped-batch-sampler.ts';
import { RASampler } from './repeated-sampler.ts';
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

describe('samplers of training scripts', () => {
  it('RASampler gives the order of the original, with several processes', () => {
    // The original's order for 520 samples, seed 7, epoch 1, process 1 of 2.
    const sampler = new RASampler(sized(520), { seed: 7, numReplicas: 2, rank: 1 });
    sampler.setEpoch(1);
    const order = [...sampler];
    assert.deepEqual([order.length, sampler.length], [256, 256]);
    assert.deepEqual(order.slice(0, 12), [3, 86, 86, 201, 269, 269, 161, 4, 4, 454, 436, 436]);
    assert.deepEqual(order.slice(-3), [176, 176, 311]);
    assert.deepEqual([...new RASampler(sized(5), { shuffle: false, repetitions: 2 })], [0, 0, 1, 1, 2]);
    assert.throws(() => new RASampler(sized(5), { repetitions: 0 }), /repetitions/);
  });

  it('GroupedBatchSampler fills batches of one group', () => {
    const groups = [0, 1, 0, 1, 1, 0, 2, 0];
    const batches = [...new GroupedBatchSampler(new SequentialSampler(sized(8)), groups, 2)];
    assert.deepEqual(batches, [
      [0, 2],
      [1, 3],
      [5, 7],
      [4, 1],
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 6 }), (ids, size) => {
        const sampler = new GroupedBatchSampler(new SequentialSampler(sized(ids.length)), ids, size);
        const found = [...sampler];
        assert.equal(found.length, sampler.length);
        for (const batch of found) {
          assert.equal(batch.length, size);
          assert.equal(new Set(batch.map((index) => ids[index])).size, 1);
        }
      }),
    );
    assert.throws(() => [...new GroupedBatchSampler(new SequentialSampler(sized(3)), [0], 1)], /sample 1 has none/);
  });

  it('aspectRatioGroups has borders at powers of 2', () => {
    assert.deepEqual(aspectRatioGroups([0.4, 0.5, 0.99, 1, 1.9, 2, 3], 1), [0, 1, 1, 2, 2, 3, 3]);
    assert.deepEqual(aspectRatioGroups([0.5, 1, 2], 0), [0, 1, 1]);
  });
});
