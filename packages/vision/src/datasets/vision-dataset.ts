/** @file Bases of the data sets of pictures: pairs of a picture and its target, each with a transform of its own. */

import { type data, scope } from '@edgeai/torch';

export interface VisionDatasetOptions<Image, T, Y> {
  /** What happens to the picture. Default: nothing. */
  transform?: (image: Image) => T;
  /** What happens to the target. Default: nothing. */
  targetTransform?: (target: number) => Y;
}

/** [picture, target] pairs. */
export abstract class VisionDataset<Image, T, Y> implements data.Dataset<[T, Y]> {
  readonly transform: ((image: Image) => T) | undefined;
  readonly targetTransform: ((target: number) => Y) | undefined;

  constructor(options: VisionDatasetOptions<Image, T, Y>) {
    this.transform = options.transform;
    this.targetTransform = options.targetTransform;
  }

  abstract get length(): number;

  abstract get(index: number): [T, Y] | Promise<[T, Y]>;

  /** Makes the picture and transforms both halves; intermediate tensors are released. */
  protected pair(makeImage: () => Image, target: number): [T, Y] {
    return scope(() => {
      const image = makeImage();
      // Without transforms, T is the picture's type and Y is number.
      const transformed = this.transform === undefined ? (image as unknown as T) : this.transform(image);
      return [
        transformed,
        this.targetTransform === undefined ? (target as unknown as Y) : this.targetTransform(target),
      ];
    });
  }
}

/** Pairs whose pictures are files: `load` reads one, `finish` makes the tensor and transforms it, `get` does both. */
export abstract class FileDataset<Loaded, Image, T, Y> extends VisionDataset<Image, T, Y> {
  /** Reads the sample's file. Makes no tensors. */
  abstract load(index: number): Loaded | Promise<Loaded>;

  /** The pair, made of what `load` gave. */
  abstract finish(loaded: Loaded, index: number): [T, Y];

  /** The sample's path. */
  abstract describe(index: number): string;

  /** The pair. Its tensors are made after an `await` and belong to no scope. */
  async get(index: number): Promise<[T, Y]> {
    return this.finish(await this.load(index), index);
  }
}
