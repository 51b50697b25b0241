import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { rand, zeros } from '../core/creation.ts';
import { manualSeed } from '../core/generator.ts';
import { keep, scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { native } from '../native.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { getNumThreads } from '../runtime/settings.ts';
import { Subset, TensorDataset } from './dataset.ts';
import { DataLoader, type DataLoaderOptions } from './loader.ts';
import { fromModule } from './portable.ts';
import { SampleError } from './sample-error.ts';
import { WorkerError } from './worker-messages.ts';
import { asList, Drawn, initialise, Numbers, Whereabouts } from './worker-samples.ts';

const samples = new URL('./worker-samples.ts', import.meta.url);
const frozen = JSON.parse(readFileSync(new URL('./fixtures/workers.json', import.meta.url), 'utf8'));
const round = (value: number) => Number(value.toFixed(6));
const values = (batch: Tensor) => scope(() => (batch.flatten().toArray() as number[]).map(round));
const draw = () => scope(() => rand([1]).item());

async function collect<B, R>(loader: AsyncIterable<B>, read: (batch: B) => R): Promise<R[]> {
  const result: R[] = [];
  for await (const batch of loader) result.push(read(batch));
  return result;
}

/** Threads of this process. */
function threads(): number {
  return Number(/Threads:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

describe('a loader with workers', () => {
  // Written by scripts/make-worker-fixtures.py.
  for (const workers of [2, 3]) {
    it(`of ${workers} draws PyTorch’s numbers`, async () => {
      manualSeed(11);
      await using loader = new DataLoader(new Drawn(11), {
        batchSize: 2,
        shuffle: true,
        workers,
        persistentWorkers: true,
      });
      const epochs = [await collect(loader, values), await collect(loader, values)];
      assert.deepEqual({ epochs, after: round(draw()) }, frozen[workers]);
    });
  }

  it('draws the same numbers with any number of workers where each batch has its seed', async () => {
    const run = async (workers: number) => {
      manualSeed(3);
      const batches = await collect(
        new DataLoader(new Drawn(9), { batchSize: 2, shuffle: true, workers, seeding: 'batch' }),
        values,
      );
      return { batches, after: round(draw()) };
    };
    const serial = await run(0);
    assert.deepEqual(await run(2), serial);
  });

  it('hands tensors over without a copy, and releases what it should', () =>
    expectNoLeaks(async () => {
      const before = native.inTransit();
      const source = zeros([8, 3]);
      const mine = keep(source);
      const kept: Tensor[] = [];
      let previous: Tensor | undefined;
      for await (const [rows] of new DataLoader(new Subset(new TensorDataset(mine), [0, 3, 5, 7]), {
        batchSize: 2,
        workers: 2,
      })) {
        assert.equal(previous?.isAlive ?? false, false);
        if (kept.length === 0) kept.push(keep(rows));
        else previous = rows;
      }
      assert.equal(previous?.isAlive, false);
      // The rows themselves, uncollated: the worker's views lie in the memory of our tensor.
      for await (const rows of new DataLoader(new TensorDataset(mine), { workers: 1, collateFn: asList })) {
        (rows as unknown as [[Tensor]])[0][0].fill_(7);
      }
      assert.equal(mine.sum().item(), 8 * 3 * 7);
      for (const tensor of [...kept, mine]) tensor.dispose();
      assert.equal(native.inTransit(), before);
    }, 1));

  it('gives each worker one thread and leaves ours alone', async () => {
    const before = getNumThreads();
    const found = await collect(
      new DataLoader(new Whereabouts(), { workers: 2, collateFn: asList, workerInit: initialise }),
      ([sample]: object[]) => sample,
    );
    assert.deepEqual(
      found,
      [0, 1, 2, 3].map((index) => ({ index, id: index % 2, numWorkers: 2, threads: 1, initialised: 10 + (index % 2) })),
    );
    assert.equal(getNumThreads(), before);
  });

  it('reads streams, each worker its share, in turn', async () => {
    const batches = await collect(new DataLoader(new Numbers(9), { batchSize: 2, workers: 2 }), (b) => b.toArray());
    assert.deepEqual(batches, [[0, 2], [1, 3], [4, 6], [5, 7], [8]]);
  });

  it('takes what an exported function of a module returns', async () => {
    const loader = await DataLoader.fromModule<number, Tensor>(samples, 'openSquares', [5], {
      batchSize: 3,
      workers: 2,
    });
    assert.deepEqual(await collect(loader, (b) => b.toArray()), [
      [0, 1, 4],
      [9, 16],
    ]);
    await assert.rejects(fromModule(samples, 'openCircles'), /exports no function openCircles/);
  });

  it('keeps persistent workers until it is closed', async () => {
    const loader = new DataLoader(new Drawn(6), { batchSize: 2, workers: 2, persistentWorkers: true });
    manualSeed(5);
    await collect(loader, values);
    const held = threads();
    for (let i = 0; i < 3; i++) await collect(loader, values);
    for await (const _ of loader) break;
    assert.equal(threads(), held);
    manualSeed(5);
    const again = await collect(loader, values);
    manualSeed(5);
    assert.deepEqual(await collect(new DataLoader(new Drawn(6), { batchSize: 2, workers: 2 }), values), again);
    await loader.close();
    assert.ok(threads() < held);
  });
});

describe('what goes wrong in a worker', () => {
  const options: DataLoaderOptions<Tensor> = { batchSize: 2, workers: 2 };

  it('arrives with the sample and the stack, after the good batches before it', () =>
    expectNoLeaks(async () => {
      const seen: unknown[] = [];
      await assert.rejects(
        async () => {
          for await (const batch of new DataLoader(new Drawn(8, new Map([[5, 'throw']])), options))
            seen.push(batch.shape);
        },
        (error) => {
          assert.ok(error instanceof SampleError);
          assert.deepEqual([error.index, error.description], [5, '/photos/5.jpg']);
          assert.match(error.message, /^Sample 5 \(\/photos\/5\.jpg\): sample 5 is broken/);
          assert.equal((error.cause as Error).name, 'RangeError');
          assert.match((error.cause as Error).stack ?? '', /worker-samples/);
          return true;
        },
      );
      assert.equal(seen.length, 2);
    }));

  it('is left out and listed with onError: skip, here as there', async () => {
    const trouble = new Map([1, 2, 3, 6].map((index) => [index, 'throw'] as const));
    for (const workers of [0, 2]) {
      const loader = new DataLoader(new Drawn(8, trouble), { batchSize: 2, workers, onError: 'skip' });
      const found = await collect(loader, (batch) => values(batch).map(Math.floor));
      assert.deepEqual(found, [[0], [4, 5], [7]]);
      assert.deepEqual(
        loader.skipped.map(({ index, description, error }) => [index, description, error.code]),
        [1, 2, 3, 6].map((index) => [index, `/photos/${index}.jpg`, 'BAD_SAMPLE']),
      );
    }
  });

  it('ends the loop when a worker dies, and the next iteration starts anew', async () => {
    const dying = new DataLoader(new Drawn(8, new Map([[3, 'exit']])), { ...options, persistentWorkers: true });
    for (let i = 0; i < 2; i++) {
      await assert.rejects(
        collect(dying, values),
        (error) => error instanceof WorkerError && error.worker === 1 && /ended with exit code 3/.test(error.message),
      );
    }
    await dying.close();
  });

  it('is a timeout where a sample never comes, whether it waits or computes', async () => {
    for (const trouble of ['hang', 'spin']) {
      await assert.rejects(
        collect(new DataLoader(new Drawn(4, new Map([[1, trouble]])), { workers: 1, timeout: 1500 }), values),
        (error) => error instanceof WorkerError && error.code === 'WORKER_TIMEOUT',
      );
    }
  });

  it('an AbortSignal ends the loop', () =>
    expectNoLeaks(async () => {
      const stop = new AbortController();
      setTimeout(() => stop.abort(new Error('enough')), 700);
      const loader = new DataLoader(new Drawn(4, new Map([[2, 'hang']])), { workers: 1, signal: stop.signal });
      await assert.rejects(collect(loader, values), /enough/);
    }));

  it('closures are refused, with what to do', async () => {
    const plain = { length: 2, get: (index: number) => index };
    await assert.rejects(
      collect(new DataLoader(plain, { workers: 1 }), () => 0),
      (error) =>
        error instanceof ArgumentError && /dataset\.get is a function \(get\), .*data\.fromModule/.test(error.message),
    );
    await assert.rejects(
      collect(new DataLoader(new Drawn(2), { workers: 1, collateFn: (list) => list }), () => 0),
      /collateFn is a function/,
    );
  });

  it('a data set that changed meanwhile is noticed', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'edgeai-lines-')), 'lines');
    writeFileSync(file, 'a\nb\nc\n');
    const loader = await DataLoader.fromModule<string, string[]>(samples, 'openLines', [file], { workers: 1 });
    for (const [now, message] of [
      ['a\nb\n', /another data set than the main thread has: it has 2 samples there and 3 here/],
      ['a\nx\nc\n', /sample 1 is x there and b here/],
    ] as const) {
      writeFileSync(file, now);
      await assert.rejects(
        collect(loader, () => 0),
        message,
      );
    }
    rmSync(dirname(file), { recursive: true });
  });
});
