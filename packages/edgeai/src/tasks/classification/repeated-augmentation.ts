/** @file Repeated augmentation: each image several times in a row, so that a batch holds several versions of it, and fewer images an epoch. */

import { type data, Generator, randperm, scope } from '@edgeai/torch';

/** The unit in which the number of samples of an epoch is rounded down, as in the original. */
const ROUNDING = 256;

/** A random order in which each index comes `repetitions` times; an epoch is no longer than without repetitions. */
export class RepeatedAugmentationSampler implements data.Sampler {
  readonly length: number;
  readonly #count: number;
  readonly #repetitions: number;
  readonly #seed: number;
  #epoch = 0;

  constructor(source: data.Sized, options: { repetitions: number; seed: number }) {
    this.#count = source.length;
    this.#repetitions = options.repetitions;
    this.#seed = options.seed;
    this.length = this.#count < ROUNDING ? this.#count : Math.floor(this.#count / ROUNDING) * ROUNDING;
  }

  /** Gives the next epochs another order. */
  setEpoch(epoch: number): void {
    this.#epoch = epoch;
  }

  *[Symbol.iterator](): Iterator<number> {
    const generator = new Generator({ seed: this.#seed + this.#epoch });
    const order = scope(() => Array.from(randperm(this.#count, { generator }).toTypedArray(), Number));
    for (let i = 0; i < this.length; i++) yield order[Math.floor(i / this.#repetitions)] ?? 0;
  }
}
