/** @file RASampler: repeated augmentation, several versions of each image in a batch and fewer images an epoch. */

import { randperm } from '../core/creation.ts';
import { Generator } from '../core/generator.ts';
import { ArgumentError } from '../errors.ts';
import { indicesOf, type Sampler, type Sized } from './samplers.ts';

/** The unit in which the number of samples of an epoch is rounded down, as in the original. */
const ROUNDING = 256;

export interface RASamplerOptions {
  /** How often each index comes. Default 3. */
  repetitions?: number;
  /** Default true. */
  shuffle?: boolean;
  /** The same in every process. Default 0. */
  seed?: number;
  /** Number of processes. Default 1. */
  numReplicas?: number;
  /** Which of them this is, 0 … numReplicas − 1. Default 0. */
  rank?: number;
}

/**
 * An order in which each index comes several times in a row, so that a batch (or the batches of several processes together) holds
 * several augmentations of it; an epoch is no longer than without repetitions (Hoffer et al. 2020, as in the training scripts of
 * DeiT and torchvision). Call `setEpoch` before each epoch, or every epoch has the same order.
 *
 * The length of an epoch is rounded down to a multiple of 256, except for data sets smaller than that.
 */
export class RASampler implements Sampler {
  readonly source: Sized;
  readonly repetitions: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly numReplicas: number;
  readonly rank: number;
  /** Indices for this process. */
  readonly length: number;
  epoch = 0;

  /** @throws {ArgumentError} for a rank outside 0 … numReplicas − 1, or less than one repetition */
  constructor(source: Sized, options: RASamplerOptions = {}) {
    const { repetitions = 3, numReplicas = 1, rank = 0 } = options;
    if (!Number.isInteger(repetitions) || repetitions < 1)
      throw ArgumentError.expected('repetitions', 'a whole number of at least 1', repetitions);
    if (!Number.isInteger(numReplicas) || numReplicas < 1)
      throw ArgumentError.expected('numReplicas', 'a whole number of at least 1', numReplicas);
    if (!Number.isInteger(rank) || rank < 0 || rank >= numReplicas)
      throw ArgumentError.expected('rank', `a whole number between 0 and ${numReplicas - 1}`, rank);
    this.source = source;
    this.repetitions = repetitions;
    this.shuffle = options.shuffle ?? true;
    this.seed = options.seed ?? 0;
    this.numReplicas = numReplicas;
    this.rank = rank;
    const whole = source.length < ROUNDING ? source.length : Math.floor(source.length / ROUNDING) * ROUNDING;
    this.length = Math.floor(whole / numReplicas);
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
    for (let i = 0; i < this.length; i++)
      yield order[Math.floor((this.rank + i * this.numReplicas) / this.repetitions)] as number;
  }
}
