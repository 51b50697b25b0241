/** @file Samples of any shape (arrays and objects, nested as you like) and the tensors and datapoints in them. */

import { ArgumentError, Tensor } from '@edgeai/torch';
import {
  BoundingBox,
  Datapoint,
  Image,
  type Keypoints,
  Mask,
  type SpatialSize,
  Video,
} from '../../datapoints/datapoint.ts';
import { getNumChannels, getSpatialSize } from './functional/meta.ts';
import type { Operand } from './functional/operation.ts';

/** What stands for a sample's picture: its images and videos, or else its first plain tensor. */
export type Picture = Image | Video | Tensor;

/** The leaves of a sample that transforms see, and what they say together. */
export class SampleView {
  /** Datapoints, and the plain tensor that counts as an image, in the sample's order. */
  readonly operands: readonly Operand[];
  readonly #sample: unknown;

  constructor(sample: unknown) {
    const leaves = leavesOf(sample);
    const hasPicture = leaves.some((leaf) => leaf instanceof Image || leaf instanceof Video);
    // Only the first plain tensor is an image, and only where nothing else is: others are labels, ids and so on.
    const plain = hasPicture ? undefined : leaves.find((leaf) => leaf instanceof Tensor);
    this.operands = leaves.filter(
      (leaf): leaf is Operand => leaf instanceof Datapoint || (leaf === plain && leaf instanceof Tensor),
    );
    this.#sample = sample;
  }

  get pictures(): Picture[] {
    return this.operands.filter(isPicture);
  }

  get boxes(): BoundingBox[] {
    return this.operands.filter((operand) => operand instanceof BoundingBox);
  }

  /** Height and width that all parts of the sample share. @throws {ArgumentError} where they do not, or there are none */
  get size(): SpatialSize {
    const sizes = this.operands
      .filter((operand) => isPicture(operand) || operand instanceof Mask || 'spatialSize' in operand)
      .map((operand) => getSpatialSize(operand as Picture | Mask | BoundingBox | Keypoints));
    const [size, ...others] = sizes;
    if (size === undefined)
      throw new ArgumentError('sample', 'Expected a sample with an image, a video, a mask or boxes');
    const other = others.find(([height, width]) => height !== size[0] || width !== size[1]);
    if (other !== undefined)
      throw new ArgumentError(
        'sample',
        `Expected parts of one size in the sample but found ${size.join('×')} and ${other.join('×')}`,
      );
    return size;
  }

  /** Channels of the pictures. @throws {ArgumentError} where there is no picture */
  get channels(): number {
    const [picture] = this.pictures;
    if (picture === undefined) throw new ArgumentError('sample', 'Expected a sample with an image or a video');
    return getNumChannels(picture);
  }

  /** The sample with each operand changed; everything else as it is. Equal leaves stay equal. */
  map(change: (operand: Operand) => unknown): unknown {
    const operands = new Set<unknown>(this.operands);
    return mapLeaves(this.#sample, (leaf) => (operands.has(leaf) ? change(leaf as Operand) : leaf));
  }
}

function isPicture(operand: Operand): operand is Picture {
  return operand instanceof Tensor || operand instanceof Image || operand instanceof Video;
}

/** Arrays and plain objects are structure; whatever else is a leaf. */
export function isStructure(value: unknown): value is Record<string, unknown> | readonly unknown[] {
  if (Array.isArray(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The leaves in order. */
export function leavesOf(sample: unknown): unknown[] {
  return isStructure(sample) ? Object.values(sample).flatMap(leavesOf) : [sample];
}

/** A sample of the same structure, its leaves changed. */
export function mapLeaves(sample: unknown, change: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(sample)) return sample.map((item) => mapLeaves(item, change));
  if (!isStructure(sample)) return change(sample);
  return Object.fromEntries(Object.entries(sample).map(([key, value]) => [key, mapLeaves(value, change)]));
}
