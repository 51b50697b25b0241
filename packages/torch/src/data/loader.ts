/** @file DataLoader: batches of a data set as an async iterable. */

import type { Generator } from '../core/generator.ts';
import { ArgumentError } from '../errors.ts';
import { type Collated, defaultCollate } from './collate.ts';
import { ArrayDataset, type Dataset, type DatasetLike, type IterableDataset, isIterableDataset } from './dataset.ts';
import { iterateBatches, streamBatches } from './loader-run.ts';
import {
  type BatchIndices,
  BatchSampler,
  drawSeed,
  RandomSampler,
  type Sampler,
  SequentialSampler,
} from './samplers.ts';

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
  /** Batches whose files are read and decoded ahead of the one asked for (what the data set's `load` does). Default 1. */
  prefetch?: number;
  /** Worker threads. Only 0 so far: everything runs in this thread, files are read and decoded in the background. */
  workers?: number;
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
 * Errors name the sample: {@link SampleError}.
 */
export class DataLoader<T, B = Collated<T>> implements AsyncIterable<B> {
  readonly dataset: Dataset<T> | IterableDataset<T>;
  readonly batchSize: number | undefined;
  readonly batchSampler: BatchIndices | undefined;
  readonly sampler: Sampler | undefined;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly #collate: (samples: T[]) => B;
  readonly #generator: Generator | undefined;
  readonly #signal: AbortSignal | undefined;

  /** @throws {ArgumentError} for options that contradict each other, an empty data set to shuffle, or `workers` above 0 */
  constructor(dataset: DatasetLike<T>, options: DataLoaderOptions<T, B> = {}) {
    checkOptions(options);
    this.dataset = Array.isArray(dataset) ? new ArrayDataset<T>(dataset) : (dataset as Dataset<T> | IterableDataset<T>);
    this.dropLast = options.dropLast ?? false;
    this.prefetch = options.prefetch ?? 1;
    this.#collate = options.collateFn ?? (defaultCollate as unknown as (samples: T[]) => B);
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

  [Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    // PyTorch seeds its workers here, with or without workers; the numbers that follow must be the same.
    drawSeed(this.#generator);
    const shared = { collate: this.#collate, signal: this.#signal };
    if (isIterableDataset(this.dataset)) {
      return streamBatches(this.dataset, { ...shared, batchSize: this.batchSize as number, dropLast: this.dropLast });
    }
    return iterateBatches(this.dataset, this.batchSampler as BatchIndices, { ...shared, prefetch: this.prefetch });
  }
}

function checkOptions(options: DataLoaderOptions<never, unknown>): void {
  const { batchSize, batchSampler, sampler, shuffle, dropLast, prefetch = 1, workers = 0 } = options;
  if (workers !== 0) {
    throw new ArgumentError(
      'workers',
      `Expected workers: 0 but received ${workers}: worker threads come in a later version. Files are read and decoded in the background already; raise prefetch to read further ahead`,
    );
  }
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
