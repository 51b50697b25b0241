/** @file Transforms of pixel values: conversion, normalisation, grey, random erasing. */

import { ArgumentError, type DType, data, empty, nn, type Tensor, tensor } from '@edgeai/torch';
import type { DecodedImage } from '../io/decoded-image.ts';
import { checkProbability } from './containers.ts';
import { erase } from './functional/geometry.ts';
import {
  convertImageDtype,
  type GrayscaleOptions,
  type ImageMode,
  type NormalizeOptions,
  normalize,
  pilToTensor,
  rgbToGrayscale,
  toPilImage,
  toTensor,
} from './functional/values.ts';
import { contribute, type PhotoDraft } from './photo-draft.ts';
import { drawChance, drawInteger } from './random.ts';
import { AreaDraws, checkRange, type Range } from './random-geometry.ts';
import { getDimensions, roundHalfEven } from './size.ts';

/** uint8 image to float32 in 0 … 1. */
@data.portable(import.meta.url)
export class ToTensor extends nn.Module<[Tensor], Tensor> {
  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    draft.toFloats();
    return true;
  }

  forward(image: Tensor): Tensor {
    return toTensor(image);
  }
}

/** A decoded image to a uint8 tensor, its values unchanged. */
@data.portable(import.meta.url)
export class PILToTensor extends nn.Module<[DecodedImage], Tensor> {
  forward(image: DecodedImage): Tensor {
    return pilToTensor(image);
  }
}

/** A tensor to a decoded image, ready to be encoded. */
@data.portable(import.meta.url)
export class ToPILImage extends nn.Module<[Tensor], DecodedImage> {
  readonly mode: ImageMode | undefined;

  constructor(mode?: ImageMode) {
    super();
    this.mode = mode;
  }

  forward(image: Tensor): DecodedImage {
    return toPilImage(image, this.mode);
  }
}

/** Converts to another element type and its range of values. */
@data.portable(import.meta.url)
export class ConvertImageDtype extends nn.Module<[Tensor], Tensor> {
  readonly dtype: DType;

  constructor(dtype: DType = 'float32') {
    super();
    this.dtype = dtype;
  }

  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    if (this.dtype !== 'float32') return false;
    draft.toFloats();
    return true;
  }

  forward(image: Tensor): Tensor {
    return convertImageDtype(image, this.dtype);
  }

  override extraRepr(): string {
    return `dtype=${this.dtype}`;
  }
}

/** (image − mean) / std, channel by channel. */
@data.portable(import.meta.url)
export class Normalize extends nn.Module<[Tensor], Tensor> {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly options: NormalizeOptions;

  constructor(mean: readonly number[], std: readonly number[], options: NormalizeOptions = {}) {
    super();
    this.mean = mean;
    this.std = std;
    this.options = options;
  }

  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    return draft.normalize(this.mean, this.std);
  }

  forward(image: Tensor): Tensor {
    return normalize(image, this.mean, this.std, this.options);
  }

  override extraRepr(): string {
    return `mean=[${this.mean.join(', ')}], std=[${this.std.join(', ')}]`;
  }
}

/**
 * (flattened image − mean) · matrix, for whitening.
 *
 * @throws {ArgumentError} where matrix [n, n], mean [n] and images of n values do not fit together
 */
@data.portable(import.meta.url)
export class LinearTransformation extends nn.Module<[Tensor], Tensor> {
  readonly transformationMatrix: nn.Buffer;
  readonly meanVector: nn.Buffer;

  constructor(transformationMatrix: Tensor, meanVector: Tensor) {
    super();
    const [rows, columns] = transformationMatrix.shape;
    if (transformationMatrix.ndim !== 2 || rows !== columns)
      throw ArgumentError.expected('transformationMatrix', 'a square matrix', transformationMatrix.shape);
    if (meanVector.ndim !== 1 || meanVector.size(0) !== rows)
      throw ArgumentError.expected('meanVector', `a vector of ${rows} values`, meanVector.shape);
    this.transformationMatrix = new nn.Buffer(transformationMatrix);
    this.meanVector = new nn.Buffer(meanVector);
  }

  forward(image: Tensor): Tensor {
    const { shape } = image;
    const n = this.meanVector.size(0);
    const { channels, height, width } = getDimensions(image);
    if (channels * height * width !== n) {
      throw new ArgumentError(
        'image',
        `Expected an image of ${n} values, as the transformation has, but received shape [${shape.join(', ')}]`,
      );
    }
    return image
      .reshape([-1, n])
      .sub(this.meanVector)
      .mm(this.transformationMatrix)
      .view([...shape]);
  }
}

/** Three channels: grey images show the same in all of them, transparency is dropped. */
@data.portable(import.meta.url)
export class RGB extends nn.Module<[Tensor], Tensor> {
  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    return draft.channels === 3;
  }

  forward(image: Tensor): Tensor {
    const { channels } = getDimensions(image);
    if (channels === 3) return image;
    if (channels > 3) return image.narrow(-3, 0, 3);
    return image
      .narrow(-3, 0, 1)
      .expand([...image.shape.slice(0, -3), 3, ...image.shape.slice(-2)])
      .contiguous();
  }
}

/** Grey version of an RGB image, in 1 or 3 equal channels; also makes 3 channels of a grey image. */
@data.portable(import.meta.url)
export class Grayscale extends nn.Module<[Tensor], Tensor> {
  readonly numOutputChannels: 1 | 3;
  readonly options: GrayscaleOptions;

  constructor(numOutputChannels: 1 | 3 = 1, options: GrayscaleOptions = {}) {
    super();
    this.numOutputChannels = numOutputChannels;
    this.options = options;
  }

  forward(image: Tensor): Tensor {
    return rgbToGrayscale(image, this.numOutputChannels, this.options);
  }

  override extraRepr(): string {
    return `numOutputChannels=${this.numOutputChannels}`;
  }
}

export interface RandomErasingOptions {
  /** Default 0.5. */
  p?: number;
  /** Share of the image's area. Default [0.02, 0.33]. */
  scale?: Range;
  /** Height over width. Default [0.3, 3.3]. */
  ratio?: Range;
  /** One value, one a channel, or 'random' for normal noise. Default 0. */
  value?: number | readonly number[] | 'random';
  /** Change the given tensor. Default false. */
  inplace?: boolean;
}

/** Replaces a random rectangle by a value or by noise. For tensors, after normalisation. */
@data.portable(import.meta.url)
export class RandomErasing extends nn.Module<[Tensor], Tensor> {
  readonly p: number;
  readonly scale: Range;
  readonly ratio: Range;
  readonly value: number | readonly number[] | 'random';
  readonly inplace: boolean;

  constructor(options: RandomErasingOptions = {}) {
    super();
    this.p = checkProbability(options.p ?? 0.5);
    this.scale = checkRange('scale', options.scale ?? [0.02, 0.33]);
    if (this.scale[1] > 1) throw ArgumentError.expected('scale', 'shares between 0 and 1', this.scale);
    this.ratio = checkRange('ratio', options.ratio ?? [0.3, 3.3]);
    this.value = options.value ?? 0;
    this.inplace = options.inplace ?? false;
    if (typeof this.value === 'string' && this.value !== 'random')
      throw ArgumentError.expected('value', "a number, an array of numbers or 'random'", this.value);
  }

  /**
   * Draws the rectangle and, for `value` 'random', the noise.
   *
   * @returns undefined when ten tries have found none that fits
   */
  static getParams(
    image: Tensor,
    scale: Range,
    ratio: Range,
    value: readonly number[] | 'random',
  ): [top: number, left: number, height: number, width: number, value: Tensor] | undefined {
    const { channels, height, width } = getDimensions(image);
    const draws = new AreaDraws(height * width, scale, ratio);
    for (let attempt = 0; attempt < 10; attempt++) {
      const { area, aspect } = draws.next();
      const h = roundHalfEven(Math.sqrt(area * aspect));
      const w = roundHalfEven(Math.sqrt(area / aspect));
      if (h >= height || w >= width) continue;
      const filling =
        value === 'random'
          ? empty([channels, h, w], { dtype: 'float32' }).normal_()
          : tensor([...value]).view([-1, 1, 1]);
      const top = drawInteger(0, height - h + 1);
      return [top, drawInteger(0, width - w + 1), h, w, filling];
    }
    return undefined;
  }

  forward(image: Tensor): Tensor {
    if (!drawChance(this.p)) return image;
    const value = typeof this.value === 'number' ? [this.value] : this.value;
    const { channels } = getDimensions(image);
    if (value !== 'random' && value.length !== 1 && value.length !== channels) {
      throw new ArgumentError(
        'value',
        `Expected one value or ${channels}, one a channel, but received ${value.length}`,
      );
    }
    const found = RandomErasing.getParams(image, this.scale, this.ratio, value);
    if (found === undefined) return image;
    return erase(image, ...found, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return `p=${this.p}, scale=${this.scale}, ratio=${this.ratio}, value=${this.value}`;
  }
}
