/** @file DataLoader: batches of a data set as an async iterable. */

import { Generator } from '../core/generator.ts';
import { ArgumentError } from '../errors.ts';
import { type Collated, defaultCollate } from './collate.ts';
import { ArrayDataset, type Dataset, type DatasetLike, type IterableDataset, isIterableDataset } from './dataset.ts';
import type { SkippedSample } from './gather.ts';
import { iterateBatches, streamBatches } from './loader-run.ts';
import { pack } from './parcel.ts';
import { pinBatch } from './pin.ts';
import { fromModule, portable } from './portable.ts';
import { sampledNames } from './sampled-names.ts';
import {
  type BatchIndices,
  BatchSampler,
  drawSeed,
  RandomSampler,
  type Sampler,
  SequentialSampler,
} from './samplers.ts';
import { nextGroup, WorkerPool } from './worker-pool.ts';
import { workerBatches } from './worker-run.ts';

export interface DataLoaderOptions<T, B = Collated<T>> {
  /** Samples in a batch. Default 1. */
  batchSize?: number;
  /** A new random order in each iteration. Default false. */
  shuffle?: boolean;
  /** The order of the samples, instead of `shuffle`. */
  sampler?: Sampler;
  /** The batches themselves, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: BatchIndices;
  /** Makes a batch of samples. Default {@link defaultCollate}. */
  collateFn?: (samples: T[]) => B;
  /** Leave out a last batch that is not full. Default false. */
  dropLast?: boolean;
  /**
   * Batches in preparation beyond the one asked for. Without workers: whose files are read and decoded in the background (what
   * the data set's `load` does); default 1. With workers: that each of them has to do; default 2.
   */
  prefetch?: number;
  /** Worker threads that read, transform and collate. Default 0: all in this thread, except for reading and decoding. */
  workers?: number;
  /** Keep the workers, and their data sets, for the next iteration. End them with `close()`. Default false. */
  persistentWorkers?: boolean;
  /** Called in each worker once, with its number, before its first batch. Marked by `portable`. */
  workerInit?: (id: number) => void | Promise<void>;
  /** Longest wait for a batch of the workers, in ms. Default 0: no limit. */
  timeout?: number;
  /**
   * What the random numbers in samples and collating depend on. 'worker' (default): those of worker i begin with seed + i, as
   * PyTorch's do; without workers they come from the default generator. 'batch': each batch has a seed of its own, so that they
   * are the same for any number of workers, none included.
   */
  seeding?: 'worker' | 'batch';
  /** Put batches into page-locked memory, from where they reach a GPU sooner. Without a GPU it does nothing. Default false. */
  pinMemory?: boolean;
  /** What becomes of a sample that cannot be read: end the iteration, or leave it out and note it in `skipped`. Default 'throw'. */
  onError?: 'throw' | 'skip';
  /** Where the order is drawn from. Default: the default generator. */
  generator?: Generator;
  /** Ends an iteration with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Reads a data set in batches.
 *
 * ```ts
 * const loader = new DataLoader(dataset, { batchSize: 64, shuffle: true });
 * for await (const [images, labels] of loader) step(images, labels);
 * ```
 *
 * **Lifetime.** The loader owns the batch that it gives: the batch is released when the next one is asked for, and when the
 * loop ends, also by `break` or an error. `keep(batch)` retains one. Tensors that a sample is made of are released as soon
 * as the batch stands. (Not those that an asynchronous `get` makes after its first `await`: see {@link Dataset} for how to
 * split such a data set into `load` and `finish`.)
 *
 * **Random numbers.** With the same seed the order is PyTorch's. `get` or `finish` is called sample by sample, in order, and
 * not before the batch is asked for, so that random transforms draw the same numbers whatever `prefetch` is. The sampler is
 * read `prefetch` batches ahead.
 *
 * Errors name the sample: {@link SampleError}; its `cause` has the stack of where it happened, be that in a worker.
 *
 * **Workers.** With `workers`, threads make the batches, each on one core, and hand the tensors over without copying them. The
 * order of batches stays the same. Each worker needs a data set of its own, and code cannot be copied between threads. So:
 *
 * - data sets and transforms of `@edgeai/vision` just work, and so do `TensorDataset`, `Subset` and their like;
 * - an exported class or function works once it is marked with {@link portable}, which is one line;
 * - whatever an exported function returns works: {@link fromModule}, or {@link DataLoader.fromModule};
 * - a closure is refused, with a message that names it.
 *
 * ```ts
 * // photos.ts
 * export const open = (folder: string) => new datasets.ImageFolder(folder, { transform: (image) => image.div(255) });
 *
 * // train.ts
 * const loader = await data.DataLoader.fromModule(new URL('./photos.ts', import.meta.url), 'open', ['photos/train'], {
 *   batchSize: 64, shuffle: true, workers: 2,
 * });
 * ```
 *
 * A worker imports the module, so a program's main file only serves as one if importing it does not run the program. In a
 * worker, `getWorkerInfo()` tells which one it is; streams use it to read their share.
 */
export class DataLoader<T, B = Collated<T>> implements AsyncIterable<B> {
  readonly dataset: Dataset<T> | IterableDataset<T>;
  readonly batchSize: number | undefined;
  readonly batchSampler: BatchIndices | undefined;
  readonly sampler: Sampler | undefined;
  readonly dropLast: boolean;
  readonly prefetch: number;
  /** Threads that make the batches; 0 for none. */
  readonly workers: number;
  readonly #options: DataLoaderOptions<T, B>;
  readonly #skipped: SkippedSample[] = [];
  #pool: WorkerPool | undefined;
  readonly #collate: (samples: T[]) => B;
  readonly #generator: Generator | undefined;
  readonly #signal: AbortSignal | undefined;

  /** @throws {ArgumentError} for options that contradict each other, or an empty data set to shuffle */
  constructor(dataset: DatasetLike<T>, options: DataLoaderOptions<T, B> = {}) {
    checkOptions(options);
    this.dataset = Array.isArray(dataset) ? new ArrayDataset<T>(dataset) : (dataset as Dataset<T> | IterableDataset<T>);
    this.dropLast = options.dropLast ?? false;
    this.workers = options.workers ?? 0;
    this.prefetch = options.prefetch ?? (this.workers > 0 ? 2 : 1);
    this.#options = options;
    this.#collate = options.collateFn ?? (collateByDefault as unknown as (samples: T[]) => B);
    this.#generator = options.generator;
    this.#signal = options.signal;
    if (options.batchSampler === undefined) this.batchSize = options.batchSize ?? 1;
    if (isIterableDataset(this.dataset)) {
      refuseOrder(options);
      return;
    }
    this.sampler = options.sampler;
    if (options.batchSampler === undefined) {
      const { generator } = options;
      this.sampler ??=
        options.shuffle === true ? new RandomSampler(this.dataset, { generator }) : new SequentialSampler(this.dataset);
    }
    this.batchSampler =
      options.batchSampler ??
      new BatchSampler(this.sampler as Sampler, this.batchSize as number, { dropLast: this.dropLast });
  }

  /**
   * Number of batches in one iteration.
   *
   * @throws {ArgumentError} for a stream, whose length is not known
   */
  get length(): number {
    if (this.batchSampler !== undefined) return this.batchSampler.length;
    throw new ArgumentError(
      'dataset',
      'The number of batches of an iterable data set is not known before it has been read',
    );
  }

  /** Samples that were left out so far because they could not be read (`onError: 'skip'`), over all iterations. */
  get skipped(): readonly SkippedSample[] {
    return this.#skipped;
  }

  /** A loader of what an exported function of a module returns, here and in each worker; see {@link fromModule}. */
  static async fromModule<T, B = Collated<T>>(
    module: string | URL,
    name: string,
    args: readonly unknown[] = [],
    options: DataLoaderOptions<T, B> = {},
  ): Promise<DataLoader<T, B>> {
    return new DataLoader<T, B>(await fromModule<Dataset<T> | IterableDataset<T>>(module, name, args), options);
  }

  [Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    // PyTorch seeds its workers here, with or without workers; the numbers that follow must be the same.
    const seed = drawSeed(this.#generator);
    if (this.workers > 0) return this.#runWorkers(seed);
    const perBatch = this.#options.seeding === 'batch' ? new Generator() : undefined;
    const shared = {
      collate: this.#pinned(),
      signal: this.#signal,
      skip: this.#skip(),
      generatorOf: (batch: number) => perBatch?.manualSeed(BigInt.asUintN(64, seed + BigInt(batch))),
    };
    if (isIterableDataset(this.dataset)) {
      return streamBatches(this.dataset, { ...shared, batchSize: this.batchSize as number, dropLast: this.dropLast });
    }
    return iterateBatches(this.dataset, this.batchSampler as BatchIndices, { ...shared, prefetch: this.prefetch });
  }

  /** Ends persistent workers. Without them there is nothing to do. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#runWorkers(seed: bigint): AsyncGenerator<B, void, undefined> {
    const { persistentWorkers = false, timeout = 0, seeding, pinMemory = false } = this.#options;
    this.#signal?.throwIfAborted();
    // Two iterations at the same time do not share workers.
    const pool = this.#pool?.usable === true ? this.#pool : this.#startWorkers();
    this.#pool = undefined;
    try {
      yield* workerBatches<B>(pool, this.batchSampler, {
        seed,
        perBatchSeeds: seeding === 'batch',
        prefetch: Math.max(this.prefetch, 1),
        timeout,
        signal: this.#signal,
        skip: this.#skip(),
        pin: pinMemory,
      });
    } finally {
      if (persistentWorkers && pool.usable && this.#pool === undefined) this.#pool = pool;
      else await pool.close();
    }
  }

  #startWorkers(): WorkerPool {
    const { dataset, workers } = this;
    const { workerInit, onError, seeding } = this.#options;
    const group = nextGroup();
    const starts = Array.from({ length: workers }, (_, id) => ({
      id,
      numWorkers: workers,
      dataset: pack(dataset, 'dataset', group),
      collate: pack(this.#collate, 'collateFn', group),
      workerInit: pack(workerInit, 'workerInit', group),
      skips: onError === 'skip',
      batchSize: this.batchSize,
      dropLast: this.dropLast,
      perBatchSeeds: seeding === 'batch',
    }));
    const expected = isIterableDataset(dataset)
      ? undefined
      : { length: dataset.length, names: sampledNames(dataset as Dataset<unknown>) };
    return new WorkerPool(starts, group, expected);
  }

  #skip(): ((sample: SkippedSample) => void) | undefined {
    return this.#options.onError === 'skip' ? (sample) => this.#skipped.push(sample) : undefined;
  }

  #pinned(): (samples: T[]) => B {
    return this.#options.pinMemory === true ? (samples) => pinBatch(this.#collate(samples)) : this.#collate;
  }
}

const COLLATE_MODULE = new URL(`./collate.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).href;
const collateByDefault = portable(COLLATE_MODULE, 'defaultCollate')(defaultCollate);

function checkOptions(options: DataLoaderOptions<never, unknown>): void {
  const { batchSize, batchSampler, sampler, shuffle, dropLast, prefetch = 1, workers = 0, timeout = 0 } = options;
  if (!Number.isInteger(workers) || workers < 0)
    throw ArgumentError.expected('workers', 'a whole number of at least 0', workers);
  if (!(timeout >= 0)) throw ArgumentError.expected('timeout', 'a number of milliseconds of at least 0', timeout);
  checkChoice('seeding', options.seeding, ['worker', 'batch']);
  checkChoice('onError', options.onError, ['throw', 'skip']);
  if (!Number.isInteger(prefetch) || prefetch < 0)
    throw ArgumentError.expected('prefetch', 'a whole number of at least 0', prefetch);
  if (batchSize !== undefined && (!Number.isInteger(batchSize) || batchSize < 1))
    throw ArgumentError.expected('batchSize', 'a whole number of at least 1', batchSize);
  if (sampler !== undefined && shuffle === true)
    throw new ArgumentError('shuffle', 'Give either sampler or shuffle: true, not both');
  if (
    batchSampler !== undefined &&
    (batchSize !== undefined || sampler !== undefined || shuffle === true || dropLast === true)
  ) {
    throw new ArgumentError(
      'batchSampler',
      'batchSampler decides the batches by itself: give it without batchSize, shuffle, sampler and dropLast',
    );
  }
}

function refuseOrder(options: DataLoaderOptions<never, unknown>): void {
  for (const name of ['shuffle', 'sampler', 'batchSampler'] as const) {
    const value = options[name];
    if (value !== undefined && value !== false)
      throw new ArgumentError(name, `An iterable data set has an order of its own: ${name} does not apply`);
  }
}

function checkChoice(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value))
    throw ArgumentError.expected(name, choices.map((choice) => `'${choice}'`).join(' or '), value);
}
