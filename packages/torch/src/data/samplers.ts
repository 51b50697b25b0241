/** @file Samplers: the order in which a loader visits a data set, drawn from libtorch's generators as PyTorch draws it. */

import { empty, randint, randperm, tensor } from '../core/creation.ts';
import { Generator } from '../core/generator.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';

/** Indices of samples, anew at each iteration. */
export interface Sampler extends Iterable<number> {
  /** Number of indices that one iteration gives. */
  readonly length: number;
}

/** Lists of indices, one a batch. */
export interface BatchIndices extends Iterable<number[]> {
  readonly length: number;
}

/** Anything whose length is known. */
export interface Sized {
  readonly length: number;
}

/** @internal The numbers of an int64 tensor, which is released. */
export function indicesOf(make: () => Tensor): number[] {
  return scope(() => Array.from(make().toTypedArray() as BigInt64Array, Number));
}

/** @internal One whole number of 63 bits: how PyTorch seeds a generator from another. */
export function drawSeed(generator?: Generator): bigint {
  return scope(() =>
    BigInt(
      empty([], { dtype: 'int64' })
        .random_({ generator: generator ?? null })
        .item(),
    ),
  );
}

function checkCount(value: number, name: string): void {
  if (!Number.isInteger(value) || value <= 0) throw ArgumentError.expected(name, 'a whole number of at least 1', value);
}

/** 0, 1, 2, … */
export class SequentialSampler implements Sampler {
  readonly source: Sized;

  constructor(source: Sized) {
    this.source = source;
  }

  get length(): number {
    return this.source.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let i = 0; i < this.source.length; i++) yield i;
  }
}

export interface RandomSamplerOptions {
  /** Draw each index independently, so that one may come twice. Default false. */
  replacement?: boolean;
  /** Indices to draw; default: as many as there are samples. */
  numSamples?: number;
  /** Default: one that each iteration seeds from the default generator. */
  generator?: Generator;
}

/** A random order, with or without replacement. */
export class RandomSampler implements Sampler {
  readonly source: Sized;
  readonly replacement: boolean;
  readonly generator: Generator | undefined;
  readonly #numSamples: number | undefined;

  /** @throws {ArgumentError} for an empty source */
  constructor(source: Sized, options: RandomSamplerOptions = {}) {
    this.source = source;
    this.replacement = options.replacement ?? false;
    this.generator = options.generator;
    this.#numSamples = options.numSamples;
    if (source.length === 0) throw new ArgumentError('source', 'RandomSampler: the data set has no samples');
    checkCount(this.length, 'numSamples');
  }

  get length(): number {
    return this.#numSamples ?? this.source.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    const n = this.source.length;
    const generator = this.generator ?? new Generator({ seed: drawSeed() });
    const count = this.length;
    if (this.replacement) {
      // In blocks of 32 with a rest that may be empty, as PyTorch draws them.
      for (let done = 0; done + 32 <= count; done += 32) yield* indicesOf(() => randint(0, n, [32], { generator }));
      yield* indicesOf(() => randint(0, n, [count % 32], { generator }));
      return;
    }
    for (let done = 0; done + n <= count; done += n) yield* indicesOf(() => randperm(n, { generator }));
    // Drawn even where nothing of it is needed: the generator must end where PyTorch's does.
    yield* indicesOf(() => randperm(n, { generator })).slice(0, count % n);
  }
}

/** The given indices in a random order, each once. */
export class SubsetRandomSampler implements Sampler {
  readonly indices: readonly number[];
  readonly generator: Generator | undefined;

  constructor(indices: readonly number[], options: { generator?: Generator } = {}) {
    this.indices = indices;
    this.generator = options.generator;
  }

  get length(): number {
    return this.indices.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    const { generator } = this;
    for (const i of indicesOf(() => randperm(this.indices.length, { generator }))) yield this.indices[i] as number;
  }
}

export interface WeightedRandomSamplerOptions {
  /** Default true. */
  replacement?: boolean;
  generator?: Generator;
}

/** Indices drawn with the given weights, which need not add up to 1. */
export class WeightedRandomSampler implements Sampler {
  readonly weights: readonly number[];
  readonly length: number;
  readonly replacement: boolean;
  readonly generator: Generator | undefined;

  constructor(weights: readonly number[], numSamples: number, options: WeightedRandomSamplerOptions = {}) {
    checkCount(numSamples, 'numSamples');
    this.weights = weights;
    this.length = numSamples;
    this.replacement = options.replacement ?? true;
    this.generator = options.generator;
  }

  *[Symbol.iterator](): Iterator<number> {
    yield* indicesOf(() =>
      tensor([...this.weights], { dtype: 'float64' }).multinomial(this.length, this.replacement, {
        generator: this.generator ?? null,
      }),
    );
  }
}

/** Groups the indices of a sampler into batches. */
export class BatchSampler implements BatchIndices {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, options: { dropLast?: boolean } = {}) {
    checkCount(batchSize, 'batchSize');
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = options.dropLast ?? false;
  }

  get length(): number {
    const batches = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): Iterator<number[]> {
    let batch: number[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
