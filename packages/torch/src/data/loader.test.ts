import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rand, tensor, zeros } from '../core/creation.ts';
import { Generator, manualSeed } from '../core/generator.ts';
import { keep, scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { expectNoLeaks, memory } from '../runtime/memory.ts';
import { ConcatDataset, type Dataset, Subset, TensorDataset } from './dataset.ts';
import { DataLoader } from './loader.ts';
import { SampleError } from './sample-error.ts';

const frozen = JSON.parse(readFileSync(new URL('./fixtures/orders.json', import.meta.url), 'utf8'));
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const round = (value: number, digits: number) => Number(value.toFixed(digits));
const draw = () => scope(() => rand([1]).item());

/** Two halves, as a data set of files has; each sample draws a random number in its second half. */
class Jittered implements Dataset<Tensor> {
  readonly length = 7;
  readonly started: number[] = [];

  get(index: number): Tensor {
    return this.finish(index);
  }

  async load(index: number): Promise<number> {
    this.started.push(index);
    // Later samples are ready first.
    await sleep(7 - index);
    return index;
  }

  finish(loaded: number): Tensor {
    return scope(() => rand([1]).add(loaded));
  }

  describe(index: number): string {
    return `/photos/${index}.jpg`;
  }
}

async function collect<B, R>(loader: AsyncIterable<B>, read: (batch: B) => R): Promise<R[]> {
  const result: R[] = [];
  for await (const batch of loader) result.push(read(batch));
  return result;
}

describe('DataLoader', () => {
  const twoEpochs = async (loader: DataLoader<number>) => {
    const epochs: unknown[] = [];
    for (let epoch = 0; epoch < 2; epoch++) {
      epochs.push(await collect(loader, (batch) => [...(batch.toArray() as number[]), round(draw(), 8)]));
    }
    return { order: epochs, after: draw() };
  };

  it('visits samples in PyTorch’s order, and takes as many random numbers', async () => {
    manualSeed(0);
    assert.deepEqual(
      await twoEpochs(new DataLoader(range(11), { batchSize: 4, shuffle: true })),
      frozen['loader.shuffle'],
    );
    manualSeed(0);
    assert.deepEqual(
      await twoEpochs(new DataLoader(range(11), { batchSize: 4, dropLast: true })),
      frozen['loader.sequential'],
    );
    manualSeed(0);
    const generator = new Generator({ seed: 9 });
    assert.deepEqual(
      await twoEpochs(new DataLoader(range(11), { batchSize: 3, shuffle: true, generator })),
      frozen['loader.generator'],
    );
  });

  it('draws the same numbers in transforms and in the loop, whatever is prefetched', async () => {
    for (const prefetch of [0, 1, 5]) {
      manualSeed(11);
      const loader = new DataLoader(new Jittered(), { batchSize: 3, shuffle: true, prefetch });
      const order = await collect(loader, (batch) => [
        ...(batch.flatten().toArray() as number[]).map((v) => round(v, 6)),
        round(draw(), 8),
      ]);
      assert.deepEqual({ order, after: draw() }, frozen['loader.transform']);
    }
  });

  it('starts loading `prefetch` batches ahead', async () => {
    const dataset = new Jittered();
    for await (const _ of new DataLoader(dataset, { batchSize: 2, prefetch: 2 })) {
      assert.deepEqual(dataset.started, [0, 1, 2, 3, 4, 5]);
      break;
    }
  });

  it('knows its length', () => {
    assert.equal(new DataLoader(range(11), { batchSize: 4 }).length, 3);
    assert.equal(new DataLoader(range(11), { batchSize: 4, dropLast: true }).length, 2);
    assert.equal(new DataLoader(range(11)).length, 11);
    assert.throws(() => new DataLoader(new Set([1, 2])).length, /not known/);
  });

  it('takes samplers and batch samplers', async () => {
    const sampler = {
      length: 3,
      *[Symbol.iterator]() {
        yield* [4, 2, 0];
      },
    };
    assert.deepEqual(await collect(new DataLoader(range(5), { sampler, batchSize: 2 }), (b) => b.toArray()), [
      [4, 2],
      [0],
    ]);
    const batchSampler = {
      length: 2,
      *[Symbol.iterator]() {
        yield [1];
        yield [3, 0];
      },
    };
    assert.deepEqual(await collect(new DataLoader(range(5), { batchSampler }), (b) => b.toArray()), [[1], [3, 0]]);
  });

  it('reads streams, synchronous or not', async () => {
    async function* numbers() {
      for (const i of range(5)) {
        await sleep(0);
        yield i;
      }
    }
    assert.deepEqual(await collect(new DataLoader(numbers(), { batchSize: 2 }), (b) => b.toArray()), [
      [0, 1],
      [2, 3],
      [4],
    ]);
    assert.deepEqual(
      await collect(new DataLoader(new Set(range(5)), { batchSize: 2, dropLast: true }), (b) => b.toArray()),
      [
        [0, 1],
        [2, 3],
      ],
    );
    assert.throws(() => new DataLoader(numbers(), { shuffle: true }), /shuffle does not apply/);
  });

  it('lets timers run between batches of a data set in memory', async () => {
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 1);
    for await (const _ of new DataLoader(range(100_000), { batchSize: 10 })) if (fired) break;
    assert.ok(fired);
  });

  it('refuses options that contradict each other', () => {
    const sampler = range(3);
    assert.throws(
      () => new DataLoader(range(3), { workers: -1 }),
      (e) => e instanceof ArgumentError && /workers/.test(e.message),
    );
    assert.throws(() => new DataLoader(range(3), { onError: 'ignore' as never }), /'throw' or 'skip' for onError/);
    assert.throws(() => new DataLoader(range(3), { batchSize: 0 }), /batchSize/);
    assert.throws(() => new DataLoader(range(3), { prefetch: -1 }), /prefetch/);
    assert.throws(() => new DataLoader(range(3), { sampler, shuffle: true }), /not both/);
    assert.throws(() => new DataLoader(range(3), { batchSampler: [[0]], batchSize: 2 }), /by itself/);
    assert.throws(() => new DataLoader([], { shuffle: true }), /no samples/);
  });
});

describe('who owns a batch', () => {
  const dataset = () => new TensorDataset(zeros([10, 3]), tensor(range(10)));

  it('the loader, until the next one is asked for', () =>
    expectNoLeaks(async () => {
      const tensors = dataset();
      const before = memory().tensors;
      let previous: Tensor | undefined;
      for await (const [images, labels] of new DataLoader(tensors, { batchSize: 4 })) {
        assert.equal(memory().tensors, before + 2);
        assert.ok(images.isAlive && labels.isAlive);
        assert.ok(previous === undefined || !previous.isAlive);
        previous = images;
      }
      assert.equal(previous?.isAlive, false);
      for (const t of tensors.tensors) t.dispose();
    }));

  it('the user, after keep()', () =>
    expectNoLeaks(async () => {
      const tensors = dataset();
      const kept: Tensor[] = [];
      for await (const [images, labels] of new DataLoader(tensors, { batchSize: 4 })) {
        if (kept.length === 0) kept.push(keep(images));
        labels.add(0).dispose();
      }
      assert.deepEqual(kept[0]?.shape, [4, 3]);
      for (const t of [...kept, ...tensors.tensors]) t.dispose();
    }));

  it('nobody, after break or an error', () =>
    expectNoLeaks(async () => {
      const tensors = dataset();
      for await (const _ of new DataLoader(tensors, { batchSize: 2, prefetch: 3 })) break;
      await assert.rejects(async () => {
        for await (const _ of new DataLoader(tensors)) throw new Error('mine');
      }, /mine/);
      const ownTensors = new DataLoader(new Jittered(), { batchSize: 2, collateFn: (samples) => samples });
      for await (const samples of ownTensors) assert.ok(samples.every((sample) => sample.isAlive));
      for (const t of tensors.tensors) t.dispose();
    }));

  it('never the loader, for a tensor that the data set keeps', async () => {
    const cached = zeros([2]);
    for await (const _ of new DataLoader([cached, cached], { collateFn: (samples) => samples })) {
      // The batch holds the very tensor.
    }
    assert.ok(cached.isAlive);
    cached.dispose();
  });
});

describe('errors and interruptions', () => {
  const failing = (where: 'load' | 'finish'): Dataset<number> => ({
    length: 6,
    get: (index) => index,
    load: (index) => (where === 'load' && index >= 3 ? Promise.reject(new Error(`cannot read ${index}`)) : index),
    finish: (_, index) => {
      if (where === 'finish' && index === 3) throw new Error('cannot transform');
      return index;
    },
    describe: (index) => `/photos/${index}.jpg`,
  });

  it('name the sample and its file, after the good batches before it', async () => {
    for (const where of ['load', 'finish'] as const) {
      const seen: unknown[] = [];
      await assert.rejects(
        async () => {
          for await (const batch of new DataLoader(failing(where), { batchSize: 2, prefetch: 4 }))
            seen.push(batch.toArray());
        },
        (error) => {
          assert.ok(error instanceof SampleError);
          assert.deepEqual([error.index, error.description, error.code], [3, '/photos/3.jpg', 'BAD_SAMPLE']);
          assert.match(error.message, /^Sample 3 \(\/photos\/3\.jpg\): cannot/);
          return true;
        },
      );
      assert.deepEqual(seen, [[0, 1]]);
    }
  });

  it('reach through subsets and concatenations', async () => {
    const dataset = new ConcatDataset([failing('load'), new Subset(failing('load'), [0, 5])]);
    const loader = new DataLoader(dataset, { sampler: [0, 6, 7] });
    await assert.rejects(
      collect(loader, (batch) => batch.item()),
      /^SampleError: Sample 7 \(\/photos\/5\.jpg\): cannot read 5/,
    );
  });

  it('an AbortSignal ends the loop, even while a sample hangs', () =>
    expectNoLeaks(async () => {
      const stop = new AbortController();
      const hanging: Dataset<number> = {
        length: 4,
        get: (index) => (index === 2 ? new Promise<number>(() => {}) : index),
      };
      const seen: unknown[] = [];
      await assert.rejects(async () => {
        for await (const batch of new DataLoader(hanging, { signal: stop.signal })) {
          seen.push(batch.item());
          setTimeout(() => stop.abort(new Error('enough')), 5);
        }
      }, /enough/);
      assert.deepEqual(seen, [0, 1]);
    }));
});
