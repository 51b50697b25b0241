/** @file Transforms made of transforms. */

import { ArgumentError, data, nn, randperm, scope, type Tensor, tensor } from '@edgeai/torch';
import type { DecodedImage } from '../io/decoded-image.ts';
import { fromImage, PhotoDraft } from './photo-draft.ts';
import { drawUnit } from './random.ts';

/** Anything that makes an image of an image: a transform of this package, a network, a function. */
export type Transform = (image: Tensor) => Tensor;

/** A step of a {@link Compose}: it takes what the one before gives, mostly an image, but crops give several. */
export type ComposeStep = (value: never) => unknown;

/**
 * One transform after the other. What lies between is released on the way.
 *
 * Steps that give something other than an image, such as {@link FiveCrop}, go with a {@link Lambda} that takes it:
 * `new Compose<Tensor>([new FiveCrop(224), new Lambda((crops: Tensor[]) => stack(crops))])`.
 */
@data.portable(import.meta.url)
export class Compose<Out = Tensor> extends nn.Module<[Tensor], Out> {
  readonly transforms: readonly ComposeStep[];

  constructor(transforms: readonly ComposeStep[]) {
    super();
    this.transforms = checkTransforms(transforms);
  }

  forward(image: Tensor): Out {
    return this.#run(image);
  }

  /** @internal */
  [fromImage](image: DecodedImage): Out {
    return this.#run(image);
  }

  /** Step by step, but what the first ones want is collected and done at once. */
  #run(source: Tensor | DecodedImage): Out {
    let draft = PhotoDraft.of(source);
    let current: unknown = source;
    for (const transform of this.transforms) {
      if (draft?.take(transform) === true) continue;
      current = draft?.finish() ?? current;
      draft = undefined;
      current = scope(() => (transform as (value: unknown) => unknown)(current));
    }
    return (draft?.finish() ?? current) as Out;
  }

  override toString(): string {
    return `Compose(${list(this.transforms)})`;
  }
}

/** All of the given transforms in order, or none, with probability `p`. */
@data.portable(import.meta.url)
export class RandomApply extends nn.Module<[Tensor], Tensor> {
  readonly transforms: readonly Transform[];
  readonly p: number;

  constructor(transforms: readonly Transform[], p = 0.5) {
    super();
    this.transforms = checkTransforms(transforms);
    this.p = checkProbability(p);
  }

  forward(image: Tensor): Tensor {
    // Not the other way round: torchvision skips where p < draw.
    if (Math.fround(this.p) < drawUnit()) return image;
    return this.transforms.reduce((current, transform) => scope(() => transform(current)), image);
  }

  override toString(): string {
    return `RandomApply(p=${this.p}, ${list(this.transforms)})`;
  }
}

/** Something that changes its arguments in kind: an image, or a batch and its targets. */
type Step<Args extends unknown[], Out> = (...args: Args) => Out;

/**
 * One of the given transforms, drawn with the weights `p` (equal ones by default). Also of transforms of several arguments,
 * such as {@link RandomMixup} and {@link RandomCutmix}.
 *
 * The draw comes from libtorch's generator, as in torchvision's v2 transforms (v1 uses Python's own).
 */
@data.portable(import.meta.url)
export class RandomChoice<Args extends unknown[] = [Tensor], Out = Tensor> extends nn.Module<Args, Out> {
  readonly transforms: readonly Step<Args, Out>[];
  /** Probabilities; they add up to 1. */
  readonly p: readonly number[];

  constructor(transforms: readonly Step<Args, Out>[], options: { p?: readonly number[] } = {}) {
    super();
    this.transforms = checkTransforms(transforms);
    const weights = options.p ?? transforms.map(() => 1);
    const sum = weights.reduce((a, b) => a + b, 0);
    if (weights.length !== transforms.length || weights.some((w) => !(w >= 0)) || !(sum > 0)) {
      throw new ArgumentError(
        'p',
        `Expected ${transforms.length} weights of at least 0 for p, one a transform, but received [${weights.join(', ')}]`,
      );
    }
    this.p = weights.map((weight) => weight / sum);
  }

  forward(...args: Args): Out {
    const index = scope(() =>
      tensor([...this.p], { dtype: 'float32' })
        .multinomial(1)
        .item(),
    );
    return (this.transforms[index] as Step<Args, Out>)(...args);
  }

  override toString(): string {
    return `RandomChoice(p=[${this.p.join(', ')}], ${list(this.transforms)})`;
  }
}

/**
 * All of the given transforms, in random order.
 *
 * The order comes from libtorch's generator, as in torchvision's v2 transforms (v1 uses Python's own).
 */
@data.portable(import.meta.url)
export class RandomOrder extends nn.Module<[Tensor], Tensor> {
  readonly transforms: readonly Transform[];

  constructor(transforms: readonly Transform[]) {
    super();
    this.transforms = checkTransforms(transforms);
  }

  forward(image: Tensor): Tensor {
    const order = scope(() => randperm(this.transforms.length).toArray() as number[]);
    return order.reduce((current, index) => scope(() => (this.transforms[index] as Transform)(current)), image);
  }

  override toString(): string {
    return `RandomOrder(${list(this.transforms)})`;
  }
}

/** A function as a transform, for printing. */
@data.portable(import.meta.url)
export class Lambda<In = Tensor, Out = Tensor> extends nn.Module<[In], Out> {
  readonly fn: (value: In) => Out;

  constructor(fn: (value: In) => Out) {
    super();
    this.fn = fn;
  }

  forward(value: In): Out {
    return this.fn(value);
  }
}

/** @internal @throws {ArgumentError} for a probability outside 0 … 1 */
export function checkProbability(p: number): number {
  if (typeof p !== 'number' || !(p >= 0 && p <= 1))
    throw ArgumentError.expected('p', 'a probability between 0 and 1', p);
  return p;
}

function checkTransforms<T>(transforms: readonly T[]): readonly T[] {
  if (!Array.isArray(transforms) || transforms.some((transform) => typeof transform !== 'function')) {
    throw ArgumentError.expected('transforms', 'an array of transforms', transforms);
  }
  return transforms;
}

function list(transforms: readonly unknown[]): string {
  const lines = transforms.map((transform) =>
    transform instanceof nn.Module ? transform.toString() : nameOf(transform),
  );
  return `[\n  ${lines.join(',\n').replaceAll('\n', '\n  ')}\n]`;
}

function nameOf(transform: unknown): string {
  return (transform as { name?: string }).name || 'function';
}
