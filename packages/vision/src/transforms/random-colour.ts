/** @file Random changes of colours and sharpness, drawn as torchvision draws them. */

import { ArgumentError, data, nn, randperm, scope, type Tensor } from '@edgeai/torch';
import { checkProbability } from './containers.ts';
import type { BackendOptions } from './functional/backend.ts';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from './functional/colour.ts';
import { adjustSharpness, gaussianBlur, type Pair } from './functional/filter.ts';
import { autocontrast, equalize, invert, posterize, solarize } from './functional/tone.ts';
import { type GrayscaleOptions, rgbToGrayscale } from './functional/values.ts';
import { drawChance, drawUniform, drawUnit } from './random.ts';
import { checkRange, type Range } from './random-geometry.ts';
import { getDimensions } from './size.ts';

export interface ColorJitterOptions extends BackendOptions {
  /** Factors 1 − n … 1 + n, or [least, most]. */
  brightness?: number | Range;
  /** Factors 1 − n … 1 + n, or [least, most]. */
  contrast?: number | Range;
  /** Factors 1 − n … 1 + n, or [least, most]. */
  saturation?: number | Range;
  /** Shifts −n … n of at most 0.5, or [least, most]. */
  hue?: number | Range;
}

/** The range of a factor; `undefined` where it does nothing. */
function rangeOf(name: string, value: number | Range | undefined, center: number, bound: Range): Range | undefined {
  if (value === undefined) return undefined;
  let range: Range;
  if (typeof value === 'number') {
    if (!(value >= 0)) throw ArgumentError.expected(name, 'a number of at least 0, or [least, most]', value);
    const least = center - value;
    range = [center === 1 ? Math.max(least, 0) : least, center + value];
  } else range = value;
  const valid = Array.isArray(range) && range.length === 2 && bound[0] <= range[0] && range[0] <= range[1];
  if (!valid || range[1] > bound[1])
    throw ArgumentError.expected(name, `two ascending numbers between ${bound[0]} and ${bound[1]}`, value);
  return range[0] === center && range[1] === center ? undefined : range;
}

/** Drawn order of the four changes, and their factors. */
export type ColorJitterDraw = [order: number[], ...factors: (number | undefined)[]];

/** Changes brightness, contrast, saturation and hue at random, in random order. */
@data.portable(import.meta.url)
export class ColorJitter extends nn.Module<[Tensor], Tensor> {
  readonly brightness: Range | undefined;
  readonly contrast: Range | undefined;
  readonly saturation: Range | undefined;
  readonly hue: Range | undefined;
  readonly options: BackendOptions;

  constructor(options: ColorJitterOptions = {}) {
    super();
    const { brightness, contrast, saturation, hue, ...rest } = options;
    const factors: Range = [0, Number.POSITIVE_INFINITY];
    this.brightness = rangeOf('brightness', brightness, 1, factors);
    this.contrast = rangeOf('contrast', contrast, 1, factors);
    this.saturation = rangeOf('saturation', saturation, 1, factors);
    this.hue = rangeOf('hue', hue, 0, [-0.5, 0.5]);
    this.options = rest;
  }

  /** Draws the order, then the factors of those changes that have a range. */
  static getParams(
    brightness: Range | undefined,
    contrast: Range | undefined,
    saturation: Range | undefined,
    hue: Range | undefined,
  ): ColorJitterDraw {
    const order = scope(() => randperm(4).toArray() as number[]);
    const ranges = [brightness, contrast, saturation, hue];
    return [order, ...ranges.map((range) => (range === undefined ? undefined : drawUniform(...range)))];
  }

  forward(image: Tensor): Tensor {
    const [order, ...factors] = ColorJitter.getParams(this.brightness, this.contrast, this.saturation, this.hue);
    const changes = [adjustBrightness, adjustContrast, adjustSaturation, adjustHue];
    return order.reduce((current, index) => {
      const factor = factors[index];
      const change = changes[index] as typeof adjustHue;
      return factor === undefined ? current : scope(() => change(current, factor, this.options));
    }, image);
  }

  override extraRepr(): string {
    const { brightness, contrast, saturation, hue } = this;
    return `brightness=${brightness ?? null}, contrast=${contrast ?? null}, saturation=${saturation ?? null}, hue=${hue ?? null}`;
  }
}

export interface GaussianBlurOptions {
  /** Range of the standard deviation in pixels, or one value. Default [0.1, 2]. */
  sigma?: number | Range;
}

/** Blurs with a random standard deviation. */
@data.portable(import.meta.url)
export class GaussianBlur extends nn.Module<[Tensor], Tensor> {
  readonly kernelSize: Pair;
  readonly sigma: Range;

  constructor(kernelSize: Pair, options: GaussianBlurOptions = {}) {
    super();
    const sizes = typeof kernelSize === 'number' ? [kernelSize] : kernelSize;
    if (!sizes.every((size) => Number.isInteger(size) && size > 0 && size % 2 === 1))
      throw ArgumentError.expected('kernelSize', 'odd whole numbers above 0', kernelSize);
    this.kernelSize = kernelSize;
    const { sigma = [0.1, 2] } = options;
    this.sigma = checkRange('sigma', typeof sigma === 'number' ? [sigma, sigma] : sigma);
    if (!(this.sigma[0] > 0)) throw ArgumentError.expected('sigma', 'numbers above 0', sigma);
  }

  /** Draws the standard deviation. */
  static getParams(sigma: Range): number {
    return drawUniform(...sigma);
  }

  forward(image: Tensor): Tensor {
    return gaussianBlur(image, this.kernelSize, GaussianBlur.getParams(this.sigma));
  }

  override extraRepr(): string {
    return `kernelSize=${this.kernelSize}, sigma=${this.sigma}`;
  }
}

/** Makes an image grey with probability `p`; it keeps its number of channels. */
@data.portable(import.meta.url)
export class RandomGrayscale extends nn.Module<[Tensor], Tensor> {
  readonly p: number;
  readonly options: GrayscaleOptions;

  constructor(p = 0.1, options: GrayscaleOptions = {}) {
    super();
    this.p = checkProbability(p);
    this.options = options;
  }

  forward(image: Tensor): Tensor {
    const { channels } = getDimensions(image);
    return drawChance(this.p) ? rgbToGrayscale(image, channels === 1 ? 1 : 3, this.options) : image;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** A change that happens with probability `p`. */
abstract class RandomChange extends nn.Module<[Tensor], Tensor> {
  readonly p: number;

  constructor(p: number) {
    super();
    this.p = checkProbability(p);
  }

  protected abstract change(image: Tensor): Tensor;

  forward(image: Tensor): Tensor {
    return drawUnit() < this.p ? this.change(image) : image;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** The negative, with probability `p`. */
@data.portable(import.meta.url)
export class RandomInvert extends RandomChange {
  constructor(p = 0.5) {
    super(p);
  }

  protected change(image: Tensor): Tensor {
    return invert(image);
  }
}

/** Keeps the highest bits of each byte, with probability `p`. */
@data.portable(import.meta.url)
export class RandomPosterize extends RandomChange {
  readonly bits: number;

  constructor(bits: number, p = 0.5) {
    super(p);
    if (!(Number.isInteger(bits) && bits >= 0 && bits <= 8))
      throw ArgumentError.expected('bits', 'a whole number between 0 and 8', bits);
    this.bits = bits;
  }

  protected change(image: Tensor): Tensor {
    return posterize(image, this.bits);
  }

  override extraRepr(): string {
    return `bits=${this.bits}, p=${this.p}`;
  }
}

/** Inverts the pixels of at least the threshold, with probability `p`. */
@data.portable(import.meta.url)
export class RandomSolarize extends RandomChange {
  readonly threshold: number;

  constructor(threshold: number, p = 0.5) {
    super(p);
    this.threshold = threshold;
  }

  protected change(image: Tensor): Tensor {
    return solarize(image, this.threshold);
  }

  override extraRepr(): string {
    return `threshold=${this.threshold}, p=${this.p}`;
  }
}

/** Sharper (factors above 1) or smoother (below), with probability `p`. */
@data.portable(import.meta.url)
export class RandomAdjustSharpness extends RandomChange {
  readonly sharpnessFactor: number;
  readonly options: BackendOptions;

  constructor(sharpnessFactor: number, p = 0.5, options: BackendOptions = {}) {
    super(p);
    if (!(sharpnessFactor >= 0))
      throw ArgumentError.expected('sharpnessFactor', 'a number of at least 0', sharpnessFactor);
    this.sharpnessFactor = sharpnessFactor;
    this.options = options;
  }

  protected change(image: Tensor): Tensor {
    return adjustSharpness(image, this.sharpnessFactor, this.options);
  }

  override extraRepr(): string {
    return `sharpnessFactor=${this.sharpnessFactor}, p=${this.p}`;
  }
}

/** Stretches each channel's range, with probability `p`. */
@data.portable(import.meta.url)
export class RandomAutocontrast extends RandomChange {
  readonly options: BackendOptions;

  constructor(p = 0.5, options: BackendOptions = {}) {
    super(p);
    this.options = options;
  }

  protected change(image: Tensor): Tensor {
    return autocontrast(image, this.options);
  }
}

/** Makes each channel's histogram flat, with probability `p`. */
@data.portable(import.meta.url)
export class RandomEqualize extends RandomChange {
  constructor(p = 0.5) {
    super(p);
  }

  protected change(image: Tensor): Tensor {
    return equalize(image);
  }
}
