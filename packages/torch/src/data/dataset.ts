/** @file Data sets: what a loader asks of them, and the ones that are made of tensors, arrays and other data sets. */

import { type RandomOptions, randperm } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { portable } from './portable.ts';

/**
 * A data set with a known length whose samples are reached by index.
 *
 * `get` is all that is needed. A data set that waits for files also splits it in two, so that a loader may read ahead
 * without disturbing the random numbers: `load` does the waiting, starts early, runs for many samples at once, and neither
 * draws random numbers nor makes tensors; `finish` turns what it loaded into the sample, and is called strictly in order.
 */
export interface Dataset<T> {
  /** Number of samples. */
  readonly length: number;
  /** The sample at `index`, 0 ≤ index < length. */
  get(index: number): T | Promise<T>;
  /** The slow, asynchronous part of `get`. */
  load?(index: number): unknown;
  /** The rest of `get`, given what `load` resolved to. */
  finish?(loaded: unknown, index: number): T | Promise<T>;
  /** What a person would look for when this sample is broken: a path, a line number. */
  describe?(index: number): string | undefined;
}

/** Samples that can only be read one after the other: a stream, a generator. */
export type IterableDataset<T> = AsyncIterable<T> | Iterable<T>;

/** Anything that a loader reads from. Arrays count as map-style data sets. */
export type DatasetLike<T> = Dataset<T> | IterableDataset<T> | readonly T[];

export function isIterableDataset<T>(dataset: DatasetLike<T>): dataset is IterableDataset<T> {
  return (
    !Array.isArray(dataset) && (Symbol.asyncIterator in dataset || Symbol.iterator in dataset) && !('get' in dataset)
  );
}

/** @internal Calls both halves of `get` where a data set has them. */
export function loadSample<T>(dataset: Dataset<T>, index: number): unknown {
  return dataset.finish === undefined ? undefined : dataset.load?.(index);
}

/** @internal The sample, given what `loadSample` resolved to. */
export function finishSample<T>(dataset: Dataset<T>, loaded: unknown, index: number): T | Promise<T> {
  return dataset.finish === undefined ? dataset.get(index) : dataset.finish(loaded, index);
}

/** @throws {ArgumentError} for an index that the data set does not have */
export function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new ArgumentError('index', `Expected an index between 0 and ${length - 1} but received ${index}`);
  }
}

/** An array as a data set. */
@portable(import.meta.url)
export class ArrayDataset<T> implements Dataset<T> {
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }

  get length(): number {
    return this.items.length;
  }

  get(index: number): T {
    checkIndex(index, this.length);
    return this.items[index] as T;
  }
}

/** Tensors that share their first dimension; a sample is one row of each. */
@portable(import.meta.url)
export class TensorDataset<N extends readonly Tensor[]> implements Dataset<{ [K in keyof N]: Tensor }> {
  readonly tensors: N;
  readonly length: number;

  /** @throws {ArgumentError} when the first dimensions differ */
  constructor(...tensors: N) {
    const [first] = tensors;
    if (first === undefined) throw new ArgumentError('tensors', 'Expected at least one tensor for TensorDataset');
    this.length = first.size(0);
    for (const [i, tensor] of tensors.entries()) {
      if (tensor.size(0) !== this.length) {
        throw new ArgumentError(
          'tensors',
          `Expected tensors of equal length for TensorDataset but tensor 0 has ${this.length} rows and tensor ${i} has ${tensor.size(0)}`,
        );
      }
    }
    this.tensors = tensors;
  }

  get(index: number): { [K in keyof N]: Tensor } {
    checkIndex(index, this.length);
    return this.tensors.map((tensor) => tensor.select(0, index)) as { [K in keyof N]: Tensor };
  }
}

/** The samples of another data set at the given indices, in that order. */
@portable(import.meta.url)
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: readonly number[];

  /** @throws {ArgumentError} for an index outside the data set */
  constructor(dataset: Dataset<T>, indices: readonly number[]) {
    for (const index of indices) checkIndex(index, dataset.length);
    this.dataset = dataset;
    this.indices = indices;
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): T | Promise<T> {
    return this.dataset.get(this.#at(index));
  }

  load(index: number): unknown {
    return loadSample(this.dataset, this.#at(index));
  }

  finish(loaded: unknown, index: number): T | Promise<T> {
    return finishSample(this.dataset, loaded, this.#at(index));
  }

  describe(index: number): string | undefined {
    return this.dataset.describe?.(this.#at(index));
  }

  #at(index: number): number {
    checkIndex(index, this.length);
    return this.indices[index] as number;
  }
}

/** Several data sets, one after the other. */
@portable(import.meta.url)
export class ConcatDataset<T> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  /** Index after the last sample of each data set. */
  readonly cumulativeSizes: readonly number[];

  constructor(datasets: readonly Dataset<T>[]) {
    if (datasets.length === 0) throw new ArgumentError('datasets', 'Expected at least one data set for ConcatDataset');
    let end = 0;
    this.datasets = datasets;
    this.cumulativeSizes = datasets.map(({ length }) => {
      end += length;
      return end;
    });
  }

  get length(): number {
    return this.cumulativeSizes[this.cumulativeSizes.length - 1] ?? 0;
  }

  get(index: number): T | Promise<T> {
    const [dataset, local] = this.#locate(index);
    return dataset.get(local);
  }

  load(index: number): unknown {
    const [dataset, local] = this.#locate(index);
    return loadSample(dataset, local);
  }

  finish(loaded: unknown, index: number): T | Promise<T> {
    const [dataset, local] = this.#locate(index);
    return finishSample(dataset, loaded, local);
  }

  describe(index: number): string | undefined {
    const [dataset, local] = this.#locate(index);
    return dataset.describe?.(local);
  }

  #locate(index: number): [Dataset<T>, number] {
    checkIndex(index, this.length);
    const which = this.cumulativeSizes.findIndex((end) => index < end);
    const start = which === 0 ? 0 : (this.cumulativeSizes[which - 1] as number);
    return [this.datasets[which] as Dataset<T>, index - start];
  }
}

/**
 * Splits a data set at random into parts that do not overlap.
 *
 * @param lengths sizes that add up to the data set's, or fractions that add up to 1 (rounded down; what is left over goes
 * to the first parts, one each)
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  lengths: readonly number[],
  options: Pick<RandomOptions, 'generator'> = {},
): Subset<T>[] {
  const sizes = splitSizes(lengths, dataset.length);
  const order = scope(() => randperm(dataset.length, options).toArray()) as number[];
  let offset = 0;
  return sizes.map((size) => {
    const part = order.slice(offset, offset + size);
    offset += size;
    return new Subset(dataset, part);
  });
}

function splitSizes(lengths: readonly number[], total: number): number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  if (sum <= 1 && Math.abs(sum - 1) <= 1e-9) {
    const sizes = lengths.map((fraction) => {
      if (fraction < 0 || fraction > 1) throw ArgumentError.expected('lengths', 'fractions between 0 and 1', fraction);
      return Math.floor(total * fraction);
    });
    const left = total - sizes.reduce((a, b) => a + b, 0);
    for (let i = 0; i < left; i++) sizes[i % sizes.length] = (sizes[i % sizes.length] as number) + 1;
    return sizes;
  }
  if (sum !== total || lengths.some((length) => !Number.isInteger(length) || length < 0)) {
    throw new ArgumentError(
      'lengths',
      `Expected lengths that add up to the data set's ${total} samples (or fractions that add up to 1) but received [${lengths.join(', ')}]`,
    );
  }
  return [...lengths];
}
