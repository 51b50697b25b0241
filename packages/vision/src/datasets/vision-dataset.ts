/** @file Bases of the data sets of pictures: pairs of a picture and its target, transformed one by one or together. */

import { ArgumentError, type data, scope, type Tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor } from '../io/decoded-image.ts';
import { applyToImage } from '../transforms/photo-draft.ts';

export interface VisionDatasetOptions<Image, T, Y, Target = number> {
  /** What happens to the picture. Default: nothing. */
  transform?: (image: Image) => T;
  /** What happens to the target. Default: nothing. */
  targetTransform?: (target: Target) => Y;
  /** What happens to both together, as where a picture and its boxes are flipped. Instead of the two others. */
  transforms?: (image: Image, target: Target) => readonly [T, Y];
}

/** A picture of a data set of tensors that is none yet: a transform that needs only a part of it decodes no more. */
export class LoadedPicture {
  readonly image: DecodedImage;

  constructor(image: DecodedImage) {
    this.image = image;
  }
}

/** [picture, target] pairs. */
export abstract class VisionDataset<Image, T, Y, Target = number> implements data.Dataset<[T, Y]> {
  readonly transform: ((image: Image) => T) | undefined;
  readonly targetTransform: ((target: Target) => Y) | undefined;
  readonly transforms: ((image: Image, target: Target) => readonly [T, Y]) | undefined;

  /** @throws {ArgumentError} for `transforms` beside one of the others */
  constructor(options: VisionDatasetOptions<Image, T, Y, Target>) {
    this.transform = options.transform;
    this.targetTransform = options.targetTransform;
    this.transforms = options.transforms;
    if (this.transforms !== undefined && (this.transform ?? this.targetTransform) !== undefined)
      throw new ArgumentError('transforms', 'Give either transforms or transform and targetTransform');
  }

  abstract get length(): number;

  abstract get(index: number): [T, Y] | Promise<[T, Y]>;

  /** Makes the picture and transforms both halves; intermediate tensors are released. */
  protected pair(makeImage: () => Image | LoadedPicture, target: Target): [T, Y] {
    return this.transformed(() => [makeImage(), target]);
  }

  /**
   * Makes both halves and transforms them; intermediate tensors are released. A {@link LoadedPicture} becomes a tensor where its
   * transform does not take it as it is.
   */
  protected transformed(make: () => readonly [Image | LoadedPicture, Target]): [T, Y] {
    return scope(() => {
      const [picture, target] = make();
      if (this.transforms !== undefined) {
        const [first, second] = this.transforms(asTensor(picture), target);
        return [first, second];
      }
      // Without transforms, T is the picture's type and Y the target's.
      return [
        this.transform === undefined ? (asTensor(picture) as unknown as T) : transformPicture(this.transform, picture),
        this.targetTransform === undefined ? (target as unknown as Y) : this.targetTransform(target),
      ];
    });
  }
}

/** Pairs whose pictures are files: `load` reads one, `finish` makes the tensor and transforms it, `get` does both. */
export abstract class FileDataset<Loaded, Image, T, Y, Target = number> extends VisionDataset<Image, T, Y, Target> {
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

// A loaded picture stands for a tensor, so it is in data sets whose `Image` is Tensor that there are any.
function asTensor<Image>(picture: Image | LoadedPicture): Image {
  return picture instanceof LoadedPicture ? (imageToTensor(picture.image) as unknown as Image) : picture;
}

function transformPicture<Image, T>(transform: (image: Image) => T, picture: Image | LoadedPicture): T {
  return picture instanceof LoadedPicture
    ? applyToImage(transform as unknown as (image: Tensor) => T, picture.image)
    : transform(picture);
}
