/** @file Joint transforms made of others, and small ones. */

import { ArgumentError, data, randperm, scope, tensor } from '@edgeai/torch';
import { Datapoint, type DatapointKind, Video } from '../../datapoints/datapoint.ts';
import { checkProbability } from '../containers.ts';
import { drawUnit } from '../random.ts';
import * as F from './functional/index.ts';
import type { Operand } from './functional/operation.ts';
import type { SampleView } from './sample.ts';
import { type Change, checkSteps, step, Transform } from './transform.ts';

/** A joint transform, or any function of a sample. */
export type Step = (sample: never) => unknown;

/** Several arguments are one sample. */
abstract class Container extends Transform {
  readonly transforms: readonly ((sample: unknown) => unknown)[];

  constructor(transforms: readonly Step[]) {
    super();
    this.transforms = checkSteps(transforms);
  }

  override forward(...parts: unknown[]): unknown {
    return this.run(parts.length === 1 ? parts[0] : parts);
  }

  protected abstract run(sample: unknown): unknown;

  protected prepare(): undefined {
    return undefined;
  }

  override toString(): string {
    const lines = this.transforms.map((transform) => String(transform).split('\n').join('\n  '));
    return `${this.constructor.name}([\n  ${lines.join(',\n  ')}\n])`;
  }
}

/** One transform after the other. What lies between is released on the way. */
@data.portable(import.meta.url)
export class Compose extends Container {
  protected run(sample: unknown): unknown {
    return this.transforms.reduce((current, transform) => step(transform, current), sample);
  }
}

/** All of the given transforms in order, or none, with probability `p`. */
@data.portable(import.meta.url)
export class RandomApply extends Container {
  readonly p: number;

  constructor(transforms: readonly Step[], p = 0.5) {
    super(transforms);
    this.p = checkProbability(p);
  }

  protected run(sample: unknown): unknown {
    if (drawUnit() >= Math.fround(this.p)) return sample;
    return this.transforms.reduce((current, transform) => step(transform, current), sample);
  }
}

/** One of the given transforms, drawn with the weights `p` (equal ones by default). */
@data.portable(import.meta.url)
export class RandomChoice extends Container {
  /** Probabilities; they add up to 1. */
  readonly p: readonly number[];

  constructor(transforms: readonly Step[], options: { p?: readonly number[] } = {}) {
    super(transforms);
    const weights = options.p ?? transforms.map(() => 1);
    const sum = weights.reduce((a, b) => a + b, 0);
    if (weights.length !== transforms.length || weights.some((weight) => !(weight >= 0)) || !(sum > 0))
      throw ArgumentError.expected('p', `${transforms.length} weights of at least 0`, `[${weights.join(', ')}]`);
    this.p = weights.map((weight) => weight / sum);
  }

  protected run(sample: unknown): unknown {
    const index = scope(() =>
      tensor([...this.p], { dtype: 'float32' })
        .multinomial(1)
        .item(),
    );
    return step(this.transforms[index] as (sample: unknown) => unknown, sample);
  }
}

/** All of the given transforms, in random order. */
@data.portable(import.meta.url)
export class RandomOrder extends Container {
  protected run(sample: unknown): unknown {
    const order = scope(() => randperm(this.transforms.length).toArray()) as number[];
    return order.reduce((current, index) => step(this.transforms[index] as (s: unknown) => unknown, current), sample);
  }
}

/** Leaves samples as they are. */
@data.portable(import.meta.url)
export class Identity extends Transform {
  protected prepare(): undefined {
    return undefined;
  }
}

/** A function for each tensor or datapoint of some kinds (the plain image counts as 'image'); by default of all kinds. */
@data.portable(import.meta.url)
export class Lambda extends Transform {
  readonly fn: (operand: Operand) => unknown;
  readonly kinds: readonly DatapointKind[] | undefined;

  constructor(fn: (operand: Operand) => unknown, ...kinds: DatapointKind[]) {
    super();
    if (typeof fn !== 'function') throw ArgumentError.expected('fn', 'a function', fn);
    this.fn = (operand) => fn(operand);
    this.kinds = kinds.length === 0 ? undefined : kinds;
  }

  protected prepare(): Change {
    return (operand) => {
      const kind = operand instanceof Datapoint ? operand.kind : 'image';
      return this.kinds?.includes(kind) === false ? operand : this.fn(operand);
    };
  }
}

/** `numSamples` frames of videos, at equal distances. A plain tensor counts as a video. */
@data.portable(import.meta.url)
export class UniformTemporalSubsample extends Transform {
  readonly numSamples: number;

  constructor(numSamples: number) {
    super();
    if (!Number.isInteger(numSamples) || numSamples < 1)
      throw ArgumentError.expected('numSamples', 'a whole number above 0', numSamples);
    this.numSamples = numSamples;
  }

  protected prepare(_: SampleView): Change {
    return (operand) =>
      operand instanceof Datapoint && !(operand instanceof Video)
        ? operand
        : F.uniformTemporalSubsample(operand as Video, this.numSamples);
  }

  override extraRepr(): string {
    return `numSamples=${this.numSamples}`;
  }
}
