/** @file Transforms that move pixels at random: crops and flips. They draw what torchvision draws, in its order. */

import { ArgumentError, data, expFloat, nn, scope, type Tensor, tensor } from '@edgeai/torch';
import { checkProbability } from './containers.ts';
import { crop, hflip, type PadOptions, pad, vflip } from './functional/geometry.ts';
import { type ResizeOptions, resizedCrop, resizesBytes } from './functional/resize.ts';
import { contribute, type PhotoDraft } from './photo-draft.ts';
import { drawChance, drawInteger, drawUniform } from './random.ts';
import { getDimensions, type Padding, pairOf, roundHalfEven, type Size, sidesOf } from './size.ts';

/** A rectangle of an image. */
export type Region = readonly [top: number, left: number, height: number, width: number];

/** Lower and upper end. */
export type Range = readonly [from: number, to: number];

export interface RandomCropOptions extends PadOptions {
  /** Added at the sides before cropping. */
  padding?: Padding;
  /** Pad an image that is smaller than the crop, instead of refusing it. Default false. */
  padIfNeeded?: boolean;
}

/** A rectangle of the given size anywhere in the image. */
@data.portable(import.meta.url)
export class RandomCrop extends nn.Module<[Tensor], Tensor> {
  readonly size: readonly [number, number];
  readonly options: RandomCropOptions;

  constructor(size: Size, options: RandomCropOptions = {}) {
    super();
    this.size = pairOf(size);
    if (options.padding !== undefined) sidesOf(options.padding);
    this.options = options;
  }

  /** Draws the place. @throws {ArgumentError} for an image smaller than the crop */
  static getParams(image: Tensor, size: readonly [number, number]): Region {
    const { height: h, width: w } = getDimensions(image);
    const [height, width] = size;
    if (h < height || w < width) {
      throw new ArgumentError(
        'image',
        `The crop of ${height}×${width} is larger than the image of ${h}×${w}; padIfNeeded: true would pad it`,
      );
    }
    if (h === height && w === width) return [0, 0, h, w];
    const top = drawInteger(0, h - height + 1);
    return [top, drawInteger(0, w - width + 1), height, width];
  }

  forward(image: Tensor): Tensor {
    const [height, width] = this.size;
    const { padding, padIfNeeded = false } = this.options;
    let current = padding === undefined ? image : pad(image, padding, this.options);
    const { height: h, width: w } = getDimensions(current);
    if (padIfNeeded && w < width) current = pad(current, [width - w, 0], this.options);
    if (padIfNeeded && h < height) current = pad(current, [0, height - h], this.options);
    return crop(current, ...RandomCrop.getParams(current, this.size));
  }

  override extraRepr(): string {
    return `size=${this.size}${this.options.padding === undefined ? '' : `, padding=${this.options.padding}`}`;
  }
}

export interface RandomResizedCropOptions extends Omit<ResizeOptions, 'maxSize'> {
  /** Share of the image's area. Default [0.08, 1]. */
  scale?: Range;
  /** Width over height. Default [3/4, 4/3]. */
  ratio?: Range;
}

/** A rectangle of random area and shape, resized to the given size. */
@data.portable(import.meta.url)
export class RandomResizedCrop extends nn.Module<[Tensor], Tensor> {
  readonly size: readonly [number, number];
  readonly scale: Range;
  readonly ratio: Range;
  readonly options: RandomResizedCropOptions;

  constructor(size: Size, options: RandomResizedCropOptions = {}) {
    super();
    this.size = pairOf(size);
    this.scale = checkRange('scale', options.scale ?? [0.08, 1]);
    this.ratio = checkRange('ratio', options.ratio ?? [3 / 4, 4 / 3]);
    this.options = options;
  }

  /** Draws the rectangle: up to ten tries, then the largest centred one with a permitted shape. */
  static getParams(image: Tensor, scale: Range, ratio: Range): Region {
    const { height, width } = getDimensions(image);
    return drawRegion([height, width], scale, ratio);
  }

  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    const { interpolation = 'bilinear' } = this.options;
    if (!draft.isWhole || !resizesBytes(this.options)) return false;
    draft.resize(drawRegion([draft.height, draft.width], this.scale, this.ratio), this.size, interpolation);
    return true;
  }

  forward(image: Tensor): Tensor {
    return resizedCrop(image, ...RandomResizedCrop.getParams(image, this.scale, this.ratio), this.size, this.options);
  }

  override extraRepr(): string {
    return `size=${this.size}, scale=${this.scale}, ratio=${this.ratio}, interpolation=${this.options.interpolation ?? 'bilinear'}`;
  }
}

/** Mirrors left to right with probability `p`. */
@data.portable(import.meta.url)
export class RandomHorizontalFlip extends nn.Module<[Tensor], Tensor> {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkProbability(p);
  }

  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    if (drawChance(this.p)) draft.mirror();
    return true;
  }

  forward(image: Tensor): Tensor {
    return drawChance(this.p) ? hflip(image) : image;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** Turns upside down with probability `p`. */
@data.portable(import.meta.url)
export class RandomVerticalFlip extends nn.Module<[Tensor], Tensor> {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkProbability(p);
  }

  forward(image: Tensor): Tensor {
    return drawChance(this.p) ? vflip(image) : image;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** @internal Draws a rectangle of an image: up to ten tries, then the largest centred one with a permitted shape. */
export function drawRegion(
  [height, width]: readonly [height: number, width: number],
  scale: Range,
  ratio: Range,
): Region {
  const draws = new AreaDraws(height * width, scale, ratio);
  for (let attempt = 0; attempt < 10; attempt++) {
    const { area, aspect } = draws.next();
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w <= 0 || w > width || h <= 0 || h > height) continue;
    const top = drawInteger(0, height - h + 1);
    return [top, drawInteger(0, width - w + 1), h, w];
  }
  const [least, most] = [Math.min(...ratio), Math.max(...ratio)];
  let [h, w] = [height, width];
  if (width / height < least) h = roundHalfEven(width / least);
  else if (width / height > most) w = roundHalfEven(height * most);
  return [Math.floor((height - h) / 2), Math.floor((width - w) / 2), h, w];
}

/** @internal Draws areas and shapes: an area uniformly, then a ratio uniformly on a logarithmic scale, in float32. */
export class AreaDraws {
  readonly #whole: number;
  readonly #scale: Range;
  readonly #logRatio: Range;

  constructor(whole: number, scale: Range, ratio: Range) {
    this.#whole = whole;
    this.#scale = scale;
    this.#logRatio = logarithmOf(ratio);
  }

  next(): { area: number; aspect: number } {
    const area = this.#whole * drawUniform(...this.#scale);
    return { area, aspect: expFloat(drawUniform(...this.#logRatio)) };
  }
}

// A transform asks for those of its own range with every image.
const logarithms = new WeakMap<Range, Range>();

/** In float32, as torchvision computes them. */
function logarithmOf(ratio: Range): Range {
  let found = logarithms.get(ratio);
  if (found === undefined) {
    const values = scope(() => tensor([...ratio], { dtype: 'float32' }).log());
    found = values.toArray() as unknown as Range;
    values.dispose();
    logarithms.set(ratio, found);
  }
  return found;
}

/** @internal @throws {ArgumentError} for anything but two ascending numbers above or at 0 */
export function checkRange(name: string, range: Range): Range {
  if (!Array.isArray(range) || range.length !== 2 || !(range[0] >= 0 && range[0] <= range[1])) {
    throw ArgumentError.expected(name, 'two numbers, [least, most]', range);
  }
  return range;
}
