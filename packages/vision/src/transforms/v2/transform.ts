/** @file What all joint transforms share: one draw a sample, the same change to all that is in it. */

import { ArgumentError, getRngState, nn, scope, setRngState, Tensor } from '@edgeai/torch';
import { Datapoint, type DatapointKind, Image, Video } from '../../datapoints/datapoint.ts';
import type { Fill } from '../functional/grid.ts';
import type { Operand } from './functional/operation.ts';
import { SampleView } from './sample.ts';

/** What happens to each tensor and datapoint of a sample. */
export type Change = (operand: Operand) => unknown;

export interface Transform {
  /** The sample in the same structure, its images, masks, boxes and so on changed together. */
  <S>(sample: S): S;
  /** Several arguments are one sample: an array of them comes back. */
  <S extends unknown[]>(...parts: S): S;
}

/**
 * Transforms samples: `flip({ image, target: { boxes: new BoundingBox(…), labels } })`. Arrays and plain objects may be nested in any
 * way. What is a datapoint is treated as what it is; a plain tensor counts as an image only where there is no `Image` or `Video`, and then
 * only the first one; all else stays as it is.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface is the call signature, which the constructor of Module makes true.
export abstract class Transform extends nn.Module<unknown[], unknown> {
  forward(...parts: unknown[]): unknown {
    const view = new SampleView(parts.length === 1 ? parts[0] : parts);
    return view.map(this.prepare(view) ?? ((operand) => operand));
  }

  /** Draws what there is to draw. @returns what to do with each operand; undefined to leave the sample as it is */
  protected abstract prepare(view: SampleView): Change | undefined;
}

/** A value for all kinds of datapoints, or one for each; what is not named gets 0. */
export type FillByKind = Fill | Partial<Record<Extract<DatapointKind, 'image' | 'video' | 'mask'>, Fill>>;

/** The filling for an operand. */
export function fillFor<O extends { fill?: FillByKind | undefined }>(
  options: O,
  operand: Operand,
): Omit<O, 'fill'> & { fill: Fill } {
  const { fill = 0 } = options;
  if (fill === null || typeof fill !== 'object' || Array.isArray(fill)) return { ...options, fill: fill as Fill };
  const kind = operand instanceof Datapoint ? operand.kind : 'image';
  return { ...options, fill: (fill as Partial<Record<DatapointKind, Fill>>)[kind] ?? 0 };
}

/** Transforms of images alone, of this package or others. */
type ImageTransform = (image: Tensor) => unknown;

/** Changes only images and videos, with a transform of images. Several in one sample get the same random numbers. */
export function onPictures(transform: ImageTransform, view: SampleView): Change {
  const several = view.pictures.length > 1;
  let state: Tensor | undefined;
  return (operand) => {
    if (operand instanceof Datapoint && !(operand instanceof Image || operand instanceof Video)) return operand;
    if (several) {
      if (state === undefined) state = getRngState();
      else setRngState(state);
    }
    if (operand instanceof Tensor) return transform(operand);
    return rewrapAll(operand, transform(operand.data));
  };
}

/** Images of an image: one, or several where a transform gives crops. */
function rewrapAll(operand: Image | Video, made: unknown): unknown {
  if (made === operand.data) return operand;
  if (made instanceof Tensor) return operand.with(made);
  return Array.isArray(made) ? made.map((one) => rewrapAll(operand, one)) : made;
}

/** A transform of images, as a joint transform. */
export interface LiftedTransform extends Transform {
  readonly transform: nn.Module<[Tensor], unknown>;
}

/** The class of joint transforms for a class of transforms of images. */
export type Lifted<C extends new (...args: never[]) => unknown> = new (
  ...args: ConstructorParameters<C>
) => LiftedTransform;

/** A class of joint transforms for one of transforms of images; constructor and arguments are the same. */
export function lift<Args extends unknown[]>(
  ImageTransformClass: new (...args: Args) => nn.Module<[Tensor], unknown>,
): new (
  ...args: Args
) => Transform & { readonly transform: nn.Module<[Tensor], unknown> } {
  return class extends Transform {
    readonly transform: nn.Module<[Tensor], unknown>;

    constructor(...args: Args) {
      super();
      this.transform = new ImageTransformClass(...args);
    }

    protected prepare(view: SampleView): Change {
      return onPictures(this.transform, view);
    }

    override toString(): string {
      return this.transform.toString();
    }
  };
}

/** @internal Runs a step of a pipeline, and releases what lies between. */
export function step(transform: (sample: unknown) => unknown, sample: unknown): unknown {
  return scope(() => transform(sample));
}

/** @internal @throws {ArgumentError} for anything but an array of functions */
export function checkSteps(steps: readonly unknown[]): readonly ((sample: unknown) => unknown)[] {
  if (!Array.isArray(steps) || steps.length === 0 || steps.some((one) => typeof one !== 'function'))
    throw ArgumentError.expected('transforms', 'an array of at least one transform', steps);
  return steps as readonly ((sample: unknown) => unknown)[];
}
