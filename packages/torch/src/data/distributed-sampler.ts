/** @file DistributedSampler: the part of a data set that one of several processes visits. */

import { randperm } from '../core/creation.ts';
import { Generator } from '../core/generator.ts';
import { ArgumentError } from '../errors.ts';
import { indicesOf, type Sampler, type Sized } from './samplers.ts';

export interface DistributedSamplerOptions {
  /** Number of processes. */
  numReplicas: number;
  /** Which of them this is, 0 … numReplicas − 1. */
  rank: number;
  /** Default true. */
  shuffle?: boolean;
  /** The same in every process. Default 0. */
  seed?: number;
  /** Leave out the tail that cannot be shared evenly, instead of repeating samples to fill it. Default false. */
  dropLast?: boolean;
}

/**
 * Every `numReplicas`-th index of an order that all processes agree on, so that each sample goes to one process. All
 * processes get the same number of indices. Call `setEpoch` before each epoch, or every epoch has the same order.
 */
export class DistributedSampler implements Sampler {
  readonly source: Sized;
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  /** Indices for this process. */
  readonly length: number;
  epoch = 0;

  /** @throws {ArgumentError} for a rank outside 0 … numReplicas − 1 */
  constructor(source: Sized, options: DistributedSamplerOptions) {
    const { numReplicas, rank } = options;
    if (!Number.isInteger(numReplicas) || numReplicas < 1)
      throw ArgumentError.expected('numReplicas', 'a whole number of at least 1', numReplicas);
    if (!Number.isInteger(rank) || rank < 0 || rank >= numReplicas)
      throw ArgumentError.expected('rank', `a whole number between 0 and ${numReplicas - 1}`, rank);
    this.source = source;
    this.numReplicas = numReplicas;
    this.rank = rank;
    this.shuffle = options.shuffle ?? true;
    this.seed = options.seed ?? 0;
    this.dropLast = options.dropLast ?? false;
    const share = source.length / numReplicas;
    this.length = this.dropLast ? Math.floor(share) : Math.ceil(share);
  }

  /** Gives the next iterations another order. */
  setEpoch(epoch: number): void {
    this.epoch = epoch;
  }

  *[Symbol.iterator](): Iterator<number> {
    const n = this.source.length;
    const order = this.shuffle
      ? indicesOf(() => randperm(n, { generator: new Generator({ seed: this.seed + this.epoch }) }))
      : Array.from({ length: n }, (_, i) => i);
    // Beyond the end the order starts again: that fills the last round (several times over for tiny data sets).
    for (let i = 0; i < this.length; i++) yield order[(this.rank + i * this.numReplicas) % n] as number;
  }
}
