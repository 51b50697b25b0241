/** @file The preprocessing that weights were evaluated with, as one transform. */

import { data, isFloatingPoint, nn, type Tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor } from '../io/decoded-image.ts';
import type { Backend } from './functional/backend.ts';
import { centerCrop } from './functional/geometry.ts';
import { resize, resizesBytes } from './functional/resize.ts';
import { convertImageDtype, normalize } from './functional/values.ts';
import { contribute, fromImage, PhotoDraft } from './photo-draft.ts';
import type { Interpolation } from './pillow-filters.ts';
import { centreOf, pairOf, resizedSize, type Size } from './size.ts';

/** Mean of ImageNet's training images, in 0 … 1. */
export const IMAGENET_MEAN: readonly number[] = [0.485, 0.456, 0.406];
/** Standard deviation of ImageNet's training images. */
export const IMAGENET_STD: readonly number[] = [0.229, 0.224, 0.225];

export interface ImageClassificationOptions {
  cropSize: Size;
  /** Length of the shorter side before cropping, or [height, width]. Default 256. */
  resizeSize?: Size;
  /** Default ImageNet's. */
  mean?: readonly number[];
  /** Default ImageNet's. */
  std?: readonly number[];
  /** Default 'bilinear'. */
  interpolation?: Interpolation;
  /** Default true. */
  antialias?: boolean;
  /** Default: Pillow's arithmetic for uint8 images. */
  backend?: Backend;
}

/**
 * Resize, centre crop, conversion to float32, normalisation.
 *
 * Takes a uint8 or float image [channels, height, width], or a batch of them; gives float32 of the crop's size.
 */
@data.portable(import.meta.url)
export class ImageClassification extends nn.Module<[Tensor], Tensor> {
  readonly cropSize: readonly [number, number];
  readonly resizeSize: Size;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly interpolation: Interpolation;
  readonly antialias: boolean | undefined;
  readonly backend: Backend | undefined;

  constructor(options: ImageClassificationOptions) {
    super();
    this.cropSize = pairOf(options.cropSize, 'cropSize');
    this.resizeSize = options.resizeSize ?? 256;
    pairOf(this.resizeSize, 'resizeSize');
    this.mean = options.mean ?? IMAGENET_MEAN;
    this.std = options.std ?? IMAGENET_STD;
    this.interpolation = options.interpolation ?? 'bilinear';
    this.antialias = options.antialias;
    this.backend = options.backend;
  }

  forward(image: Tensor): Tensor {
    const draft = PhotoDraft.of(image);
    return draft !== undefined && this[contribute](draft) ? draft.finish() : this.#forwardTensor(image);
  }

  /** @internal All steps at once, for the usual case: bytes, Pillow's arithmetic, a crop that fits. */
  [contribute](draft: PhotoDraft): boolean {
    const { channels, height, width } = draft;
    if (!draft.isWhole || !resizesBytes(this)) return false;
    const size = resizedSize(height, width, this.resizeSize);
    const [cropHeight, cropWidth] = this.cropSize;
    const fits = (values: readonly number[]) => values.length === channels;
    if (size[0] < cropHeight || size[1] < cropWidth || !fits(this.mean) || !fits(this.std)) return false;
    // Left to normalize(), which says what is wrong.
    if (this.std.some((value) => Math.fround(value) === 0)) return false;
    draft.resize([0, 0, height, width], size, this.interpolation);
    draft.crop(...centreOf(draft, cropHeight, cropWidth), cropHeight, cropWidth);
    draft.toFloats();
    return draft.normalize(this.mean, this.std);
  }

  /** @internal */
  [fromImage](image: DecodedImage): Tensor {
    const draft = PhotoDraft.of(image);
    return draft !== undefined && this[contribute](draft) ? draft.finish() : this.#forwardTensor(imageToTensor(image));
  }

  #forwardTensor(image: Tensor): Tensor {
    const { interpolation, antialias, backend } = this;
    const cropped = centerCrop(resize(image, this.resizeSize, { interpolation, antialias, backend }), this.cropSize);
    const converted = isFloatingPoint(cropped.dtype) ? cropped : convertImageDtype(cropped, 'float32');
    return normalize(converted, this.mean, this.std);
  }

  override extraRepr(): string {
    return `cropSize=${this.cropSize}, resizeSize=${this.resizeSize}, mean=[${this.mean.join(', ')}], std=[${this.std.join(', ')}], interpolation=${this.interpolation}`;
  }
}
