/**
 * @file What is still to be done to a photo. A chain of transforms that only choose, resize, mirror and normalise pixels first
 * collects what each of them wants; then one pass over the pixels does it all, and a JPEG is decoded only where it is needed.
 *
 * The results are those of the steps one by one, bit for bit, and the steps draw their random numbers in the same order.
 */

import { fromSharedArray, jpegToFloats, nn, type PhotoFilter, photoToFloats, scope, type Tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor } from '../io/decoded-image.ts';
import { JpegImage } from '../io/jpeg-image.ts';
import { hflip } from './functional/geometry.ts';
import type { Interpolation } from './pillow-filters.ts';
import { pillowResize, type Rectangle } from './pillow-resize.ts';
import { floatTable, pixelsToFloats } from './pixels.ts';

/** Method of a transform that can say what it would do instead of doing it. */
export const contribute: unique symbol = Symbol('contribute');

/** A transform that can join a draft. */
export interface Contributor {
  /** Adds what the transform does to the draft. @returns false, and draws no random numbers, where that cannot be */
  [contribute](draft: PhotoDraft): boolean;
}

/** Method of a transform that takes an image before it is a tensor. */
export const fromImage: unique symbol = Symbol('fromImage');

const FILTERS: readonly string[] = ['bilinear', 'bicubic', 'box'] satisfies PhotoFilter[];

/** A photo, and what is to be done to it. */
export class PhotoDraft {
  readonly channels: number;
  /** Of what the steps so far give. */
  height: number;
  width: number;
  /** Floats in 0 … 1 are wanted, or normalised ones. */
  floats = false;
  readonly #source: Tensor | DecodedImage;
  #touched = false;
  #resized = false;
  #region: Rectangle;
  #size: readonly [number, number];
  #window: Rectangle;
  #interpolation: Interpolation = 'bilinear';
  #mirrored = false;
  #mean: readonly number[] | undefined;
  #std: readonly number[] | undefined;

  private constructor(source: Tensor | DecodedImage, channels: number, height: number, width: number) {
    this.#source = source;
    this.channels = channels;
    this.height = height;
    this.width = width;
    this.#size = [height, width];
    this.#region = [0, 0, height, width];
    this.#window = [0, 0, height, width];
  }

  /** A draft of an image of bytes; undefined for anything else. */
  static of(source: unknown): PhotoDraft | undefined {
    if (isImage(source)) return new PhotoDraft(source, source.channels, source.height, source.width);
    const image = source as Tensor;
    if (image?.dtype !== 'uint8' || image.ndim !== 3 || image.device !== 'cpu') return undefined;
    const [channels = 0, height = 0, width = 0] = image.shape;
    if (channels < 1 || channels > 4 || height < 1 || width < 1) return undefined;
    return new PhotoDraft(image, channels, height, width);
  }

  /** Lets a transform join, if it can. Hooks and overridden methods want to see real images. */
  take(transform: unknown): boolean {
    if (!isPlain(transform, contribute)) return false;
    return (transform as Contributor)[contribute](this);
  }

  /** Whether the image is still as it was, apart from having been chosen. */
  get isWhole(): boolean {
    return !this.#touched;
  }

  /** Resizes a part of the whole image. */
  resize(region: Rectangle, size: readonly [number, number], interpolation: Interpolation): void {
    this.#touched = true;
    this.#resized = true;
    this.#region = region;
    this.#size = size;
    this.#interpolation = interpolation;
    this.#look([0, 0, ...size]);
  }

  /** Cuts a part out. @returns false where it lies outside, or bytes have been mirrored before */
  crop(top: number, left: number, height: number, width: number): boolean {
    if (this.floats || this.#mirrored || top < 0 || left < 0 || top + height > this.height || left + width > this.width)
      return false;
    this.#touched = true;
    this.#look([this.#window[0] + top, this.#window[1] + left, height, width]);
    return true;
  }

  mirror(): void {
    this.#touched = true;
    this.#mirrored = !this.#mirrored;
  }

  toFloats(): void {
    this.#touched = true;
    this.floats = true;
  }

  /** @returns false for what {@link normalize} would refuse, and for a second time */
  normalize(mean: readonly number[], std: readonly number[]): boolean {
    const fits = (values: readonly number[]) => values.length === 1 || values.length === this.channels;
    if (!this.floats || this.#mean !== undefined || !fits(mean) || !fits(std)) return false;
    if (std.some((value) => Math.fround(value) === 0)) return false;
    this.#mean = mean;
    this.#std = std;
    return true;
  }

  /** The image that comes out. */
  finish(): Tensor {
    return scope(() => {
      if (!this.#touched) return isImage(this.#source) ? imageToTensor(this.#source) : this.#source;
      return this.floats && (!this.#resized || FILTERS.includes(this.#interpolation))
        ? this.#inOnePass()
        : this.#bySteps();
    });
  }

  #inOnePass(): Tensor {
    const source = this.#source;
    const plan = {
      region: this.#region,
      size: this.#size,
      window: this.#window,
      filter: (this.#resized ? this.#interpolation : 'bilinear') as PhotoFilter,
      mirrored: this.#mirrored,
    };
    const table = floatTable(this.channels, this.#mean, this.#std);
    if (source instanceof JpegImage)
      return source.read(() => jpegToFloats(source.encoded, [source.height, source.width], plan, table));
    return photoToFloats(isImage(source) ? borrow(source) : source, plan, table);
  }

  #bySteps(): Tensor {
    let image = isImage(this.#source) ? borrow(this.#source) : this.#source;
    image = pillowResize(image, this.#region, this.#size, this.#interpolation, this.#window);
    if (this.#mirrored) image = hflip(image);
    return this.floats ? pixelsToFloats(image, this.#mean, this.#std) : image;
  }

  #look(window: Rectangle): void {
    this.#window = window;
    [, , this.height, this.width] = window;
  }
}

/** Calls a transform with an image that is no tensor yet. */
export function applyToImage<T>(transform: (image: Tensor) => T, image: DecodedImage): T {
  if (!isPlain(transform, fromImage)) return transform(imageToTensor(image));
  return scope(() => (transform as unknown as { [fromImage](image: DecodedImage): T })[fromImage](image));
}

/** Whether a transform's own class has the method and nobody has changed what calling it does. */
function isPlain(transform: unknown, method: symbol): boolean {
  return (
    transform instanceof nn.Module &&
    Object.hasOwn(Object.getPrototypeOf(transform), method) &&
    !Object.hasOwn(transform, 'forward') &&
    !transform.hasForwardHooks
  );
}

function isImage(value: unknown): value is DecodedImage {
  return value instanceof JpegImage || ArrayBuffer.isView((value as Partial<DecodedImage> | undefined)?.data);
}

/** A tensor over the image's own memory, for a moment. */
function borrow(image: DecodedImage): Tensor {
  const { data, height, width, channels } = image;
  return fromSharedArray(data, [height, width, channels]).permute([2, 0, 1]);
}
