/** @file AutoAugment, RandAugment and TrivialAugment: one or two random operations on an image. */

import { ArgumentError, data, nn, rand, randint, scope, type Tensor } from '@edgeai/torch';
import { drawInteger } from '../random.ts';
import { getDimensions } from '../size.ts';
import {
  type AugmentOptions,
  applyOperation,
  autoAugmentSpace,
  randAugmentSpace,
  type Strengths,
  trivialAugmentWideSpace,
} from './operations.ts';
import { AutoAugmentPolicy, POLICIES, type SubPolicy } from './policies.ts';

/**
 * Operations that were learned for a data set: one of 25 pairs, each of its operations with its own probability.
 * ("AutoAugment: Learning Augmentation Strategies from Data", arXiv 1805.09501)
 *
 * Takes uint8 images […, channels, height, width].
 */
@data.portable(import.meta.url)
export class AutoAugment extends nn.Module<[Tensor], Tensor> {
  readonly policy: AutoAugmentPolicy;
  readonly options: AugmentOptions;

  constructor(policy: AutoAugmentPolicy = 'imagenet', options: AugmentOptions = {}) {
    super();
    if (!Object.hasOwn(POLICIES, policy))
      throw ArgumentError.expected('policy', `one of ${Object.keys(AutoAugmentPolicy).join(', ')}`, policy);
    this.policy = policy;
    this.options = options;
  }

  /** Draws the pair, and for both of its operations a number for the probability and whether the strength is negative. */
  static getParams(pairs: number): [index: number, chances: number[], signs: number[]] {
    return scope(() => [
      drawInteger(0, pairs),
      rand([2]).toArray() as number[],
      randint(0, 2, [2]).toArray() as number[],
    ]);
  }

  forward(image: Tensor): Tensor {
    const { height, width } = getDimensions(image);
    const pairs = POLICIES[this.policy];
    const [index, chances, signs] = AutoAugment.getParams(pairs.length);
    const space = autoAugmentSpace(10, [height, width]);
    return (pairs[index] as SubPolicy).reduce((current, [name, probability, strength], i) => {
      if (!((chances[i] as number) <= Math.fround(probability))) return current;
      const { magnitudes, signed } = space.get(name) as Strengths;
      const magnitude = strength === null ? 0 : (magnitudes?.[strength] ?? 0);
      const directed = signed && signs[i] === 0 ? -magnitude : magnitude;
      return scope(() => applyOperation(current, name, directed, this.options));
    }, image);
  }

  override extraRepr(): string {
    return `policy=${this.policy}`;
  }
}

/** @internal A random element of the strengths' sign: `randint(2)` where they are signed. */
export function drawDirection(magnitude: number, signed: boolean): number {
  return signed && drawInteger(0, 2) === 1 ? -magnitude : magnitude;
}

export interface RandAugmentOptions extends AugmentOptions {
  /** Operations one after the other. Default 2. */
  numOps?: number;
  /** Strength of all operations, 0 … numMagnitudeBins − 1. Default 9. */
  magnitude?: number;
  /** Default 31. */
  numMagnitudeBins?: number;
}

/**
 * Random operations, all of the same strength. ("RandAugment: Practical automated data augmentation", arXiv 1909.13719)
 *
 * Takes uint8 images […, channels, height, width].
 */
@data.portable(import.meta.url)
export class RandAugment extends nn.Module<[Tensor], Tensor> {
  readonly numOps: number;
  readonly magnitude: number;
  readonly numMagnitudeBins: number;
  readonly options: AugmentOptions;

  constructor(options: RandAugmentOptions = {}) {
    super();
    const { numOps = 2, magnitude = 9, numMagnitudeBins = 31, ...rest } = options;
    if (!(Number.isInteger(magnitude) && magnitude >= 0 && magnitude < numMagnitudeBins))
      throw ArgumentError.expected('magnitude', `a whole number between 0 and ${numMagnitudeBins - 1}`, magnitude);
    this.numOps = numOps;
    this.magnitude = magnitude;
    this.numMagnitudeBins = numMagnitudeBins;
    this.options = rest;
  }

  forward(image: Tensor): Tensor {
    const { height, width } = getDimensions(image);
    const space = [...randAugmentSpace(this.numMagnitudeBins, [height, width])];
    let current = image;
    for (let i = 0; i < this.numOps; i++) {
      const [name, { magnitudes, signed }] = space[drawInteger(0, space.length)] as (typeof space)[number];
      const magnitude = drawDirection(magnitudes?.[this.magnitude] ?? 0, signed);
      current = scope(() => applyOperation(current, name, magnitude, this.options));
    }
    return current;
  }

  override extraRepr(): string {
    return `numOps=${this.numOps}, magnitude=${this.magnitude}, numMagnitudeBins=${this.numMagnitudeBins}`;
  }
}

export interface TrivialAugmentWideOptions extends AugmentOptions {
  /** Default 31. */
  numMagnitudeBins?: number;
}

/**
 * One random operation of random strength, from wide ranges.
 * ("TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", arXiv 2103.10158)
 *
 * Takes uint8 images […, channels, height, width].
 */
@data.portable(import.meta.url)
export class TrivialAugmentWide extends nn.Module<[Tensor], Tensor> {
  readonly numMagnitudeBins: number;
  readonly options: AugmentOptions;

  constructor(options: TrivialAugmentWideOptions = {}) {
    super();
    const { numMagnitudeBins = 31, ...rest } = options;
    this.numMagnitudeBins = numMagnitudeBins;
    this.options = rest;
  }

  forward(image: Tensor): Tensor {
    const space = [...trivialAugmentWideSpace(this.numMagnitudeBins)];
    const [name, { magnitudes, signed }] = space[drawInteger(0, space.length)] as (typeof space)[number];
    const strength = magnitudes === null ? 0 : (magnitudes[drawInteger(0, magnitudes.length)] as number);
    return applyOperation(image, name, drawDirection(strength, signed), this.options);
  }

  override extraRepr(): string {
    return `numMagnitudeBins=${this.numMagnitudeBins}`;
  }
}
