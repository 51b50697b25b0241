/** @file Joint transforms that move things: the same resize, crop, flip or warp for pixels, masks, boxes and key points. */

import { ArgumentError, data, rand, scope } from '@edgeai/torch';
import { checkProbability } from '../containers.ts';
import type { PadOptions } from '../functional/geometry.ts';
import type { ResizeOptions } from '../functional/resize.ts';
import type { AffineOptions, RotateOptions, WarpOptions } from '../functional/warp.ts';
import { drawChance, drawInteger } from '../random.ts';
import * as images from '../random-geometry.ts';
import * as warps from '../random-warp.ts';
import { type Padding, pairOf, type Size, sidesOf } from '../size.ts';
import * as F from './functional/index.ts';
import type { SampleView } from './sample.ts';
import { type Change, type FillByKind, fillFor, Transform } from './transform.ts';

/** Options of an image's operation, with a filling for each kind of datapoint. */
type ByKind<O> = Omit<O, 'fill'> & {
  /** Of pixels from outside. Default 0. */
  fill?: FillByKind;
};

/** Resizes: [height, width], or one number for the shorter side. */
@data.portable(import.meta.url)
export class Resize extends Transform {
  readonly size: Size;
  readonly options: ResizeOptions;

  constructor(size: Size, options: ResizeOptions = {}) {
    super();
    pairOf(size);
    this.size = size;
    this.options = options;
  }

  protected prepare(): Change {
    return (operand) => F.resize(operand, this.size, this.options);
  }

  override extraRepr(): string {
    return `size=${this.size}, interpolation=${this.options.interpolation ?? 'bilinear'}`;
  }
}

/** The middle. */
@data.portable(import.meta.url)
export class CenterCrop extends Transform {
  readonly size: readonly [number, number];

  constructor(size: Size) {
    super();
    this.size = pairOf(size);
  }

  protected prepare(): Change {
    return (operand) => F.centerCrop(operand, this.size);
  }

  override extraRepr(): string {
    return `size=${this.size}`;
  }
}

/** Adds pixels at the sides. */
@data.portable(import.meta.url)
export class Pad extends Transform {
  readonly padding: Padding;
  readonly options: ByKind<PadOptions>;

  constructor(padding: Padding, options: ByKind<PadOptions> = {}) {
    super();
    sidesOf(padding);
    this.padding = padding;
    this.options = options;
  }

  protected prepare(): Change {
    return (operand) => F.pad(operand, this.padding, padOptions(this.options, operand));
  }

  override extraRepr(): string {
    return `padding=${this.padding}`;
  }
}

/** @internal Options of a padding for one operand. */
export function padOptions(options: ByKind<PadOptions>, operand: F.Operand): PadOptions {
  const { fill, ...rest } = fillFor(options, operand);
  return { ...rest, fill: fill ?? 0 };
}

abstract class RandomFlip extends Transform {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkProbability(p);
  }

  protected abstract readonly flip: F.Operation<[]>;

  protected prepare(): Change | undefined {
    return drawChance(this.p) ? this.flip : undefined;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** Mirrors left to right with probability `p`. */
@data.portable(import.meta.url)
export class RandomHorizontalFlip extends RandomFlip {
  protected get flip() {
    return F.hflip;
  }
}

/** Turns upside down with probability `p`. */
@data.portable(import.meta.url)
export class RandomVerticalFlip extends RandomFlip {
  protected get flip() {
    return F.vflip;
  }
}

export interface RandomCropOptions extends ByKind<PadOptions> {
  /** Added at the sides before cropping. */
  padding?: Padding;
  /** Pad a sample that is smaller than the crop, at both sides, instead of refusing it. Default false. */
  padIfNeeded?: boolean;
}

/** A rectangle of the given size anywhere. */
@data.portable(import.meta.url)
export class RandomCrop extends Transform {
  readonly size: readonly [number, number];
  readonly options: RandomCropOptions;

  constructor(size: Size, options: RandomCropOptions = {}) {
    super();
    this.size = pairOf(size);
    if (options.padding !== undefined) sidesOf(options.padding);
    this.options = options;
  }

  protected prepare(view: SampleView): Change {
    const [height, width] = this.size;
    const { padding = 0, padIfNeeded = false, ...filling } = this.options;
    let [left, top, right, bottom] = sidesOf(padding);
    const missing = (length: number, wanted: number) => (padIfNeeded ? Math.max(0, wanted - length) : 0);
    const extraY = missing(view.size[0] + top + bottom, height);
    const extraX = missing(view.size[1] + left + right, width);
    [left, top, right, bottom] = [left + extraX, top + extraY, right + extraX, bottom + extraY];
    const [paddedHeight, paddedWidth] = [view.size[0] + top + bottom, view.size[1] + left + right];
    if (paddedHeight < height || paddedWidth < width)
      throw new ArgumentError(
        'sample',
        `The crop of ${height}×${width} is larger than the sample of ${paddedHeight}×${paddedWidth}; padIfNeeded: true would pad it`,
      );
    // Unlike the transform of images, a direction without a choice draws nothing.
    const y = paddedHeight > height ? drawInteger(0, paddedHeight - height + 1) : 0;
    const x = paddedWidth > width ? drawInteger(0, paddedWidth - width + 1) : 0;
    const pads = [left, top, right, bottom].some((side) => side !== 0);
    return (operand) => {
      const padded = pads ? F.pad(operand, [left, top, right, bottom], padOptions(filling, operand)) : operand;
      return paddedHeight > height || paddedWidth > width ? F.crop(padded, y, x, height, width) : padded;
    };
  }

  override extraRepr(): string {
    return `size=${this.size}${this.options.padding === undefined ? '' : `, padding=${this.options.padding}`}`;
  }
}

/** A rectangle of random area and shape, resized to the given size. */
@data.portable(import.meta.url)
export class RandomResizedCrop extends Transform {
  readonly size: readonly [number, number];
  readonly options: images.RandomResizedCropOptions;
  readonly scale: images.Range;
  readonly ratio: images.Range;

  constructor(size: Size, options: images.RandomResizedCropOptions = {}) {
    super();
    this.size = pairOf(size);
    this.options = options;
    this.scale = images.checkRange('scale', options.scale ?? [0.08, 1]);
    this.ratio = images.checkRange('ratio', options.ratio ?? [3 / 4, 4 / 3]);
  }

  protected prepare(view: SampleView): Change {
    const region = images.drawRegion(view.size, this.scale, this.ratio);
    return (operand) => F.resizedCrop(operand, ...region, this.size, this.options);
  }

  override extraRepr(): string {
    return `size=${this.size}, scale=${this.scale}, ratio=${this.ratio}`;
  }
}

/** Rotates by a random angle. */
@data.portable(import.meta.url)
export class RandomRotation extends Transform {
  readonly degrees: images.Range;
  readonly options: ByKind<RotateOptions>;

  constructor(degrees: warps.Degrees, options: ByKind<RotateOptions> = {}) {
    super();
    this.degrees = new warps.RandomRotation(degrees).degrees;
    this.options = options;
  }

  protected prepare(): Change {
    const angle = warps.RandomRotation.getParams(this.degrees);
    return (operand) => F.rotate(operand, angle, fillFor(this.options, operand));
  }

  override extraRepr(): string {
    return `degrees=${this.degrees}`;
  }
}

export type RandomAffineOptions = ByKind<warps.RandomAffineOptions>;

/** Rotates, moves, scales and shears at random. */
@data.portable(import.meta.url)
export class RandomAffine extends Transform {
  /** What is drawn. */
  readonly ranges: Pick<warps.RandomAffine, 'degrees' | 'translate' | 'scale' | 'shear'>;
  readonly options: ByKind<AffineOptions>;

  constructor(degrees: warps.Degrees, options: RandomAffineOptions = {}) {
    super();
    const { fill, ...others } = options;
    const { degrees: range, translate, scale, shear, options: rest } = new warps.RandomAffine(degrees, others);
    this.ranges = { degrees: range, translate, scale, shear };
    this.options = { ...rest, fill: fill ?? 0 };
  }

  protected prepare(view: SampleView): Change {
    const { degrees, translate, scale, shear } = this.ranges;
    const [height, width] = view.size;
    const draw = warps.RandomAffine.getParams(degrees, translate, scale, shear, [width, height]);
    return (operand) => F.affine(operand, ...draw, fillFor(this.options, operand));
  }

  override extraRepr(): string {
    const parts = Object.entries(this.ranges).filter(([, value]) => value !== undefined);
    return parts.map(([name, value]) => `${name}=${value}`).join(', ');
  }
}

export type RandomPerspectiveOptions = ByKind<warps.RandomPerspectiveOptions>;

/** A random perspective with probability `p`. */
@data.portable(import.meta.url)
export class RandomPerspective extends Transform {
  readonly distortionScale: number;
  readonly p: number;
  readonly options: ByKind<WarpOptions>;

  constructor(options: RandomPerspectiveOptions = {}) {
    super();
    const { fill, ...others } = options;
    const { distortionScale, p, options: rest } = new warps.RandomPerspective(others);
    this.distortionScale = distortionScale;
    this.p = p;
    this.options = { ...rest, fill: fill ?? 0 };
  }

  protected prepare(view: SampleView): Change | undefined {
    if (!drawChance(this.p)) return undefined;
    const [height, width] = view.size;
    const points = warps.RandomPerspective.getParams(width, height, this.distortionScale);
    return (operand) => F.perspective(operand, ...points, fillFor(this.options, operand));
  }

  override extraRepr(): string {
    return `distortionScale=${this.distortionScale}, p=${this.p}`;
  }
}

export type ElasticTransformOptions = ByKind<warps.ElasticTransformOptions>;

/** Moves pixels by smoothed noise, as seen through water. */
@data.portable(import.meta.url)
export class ElasticTransform extends Transform {
  readonly alpha: readonly [number, number];
  readonly sigma: readonly [number, number];
  readonly options: ByKind<Omit<WarpOptions, 'backend'>>;

  constructor(options: ElasticTransformOptions = {}) {
    super();
    const { fill, ...others } = options;
    const { alpha, sigma, options: rest } = new warps.ElasticTransform(others);
    this.alpha = alpha;
    this.sigma = sigma;
    this.options = { ...rest, fill: fill ?? 0 };
  }

  protected prepare(view: SampleView): Change {
    const displacement = warps.ElasticTransform.getParams(this.alpha, this.sigma, view.size);
    return (operand) => F.elastic(operand, displacement, fillFor(this.options, operand));
  }

  override extraRepr(): string {
    return `alpha=${this.alpha}, sigma=${this.sigma}`;
  }
}

/** Resizes the shorter side to a random length from `minSize` up to, not including, `maxSize`. */
@data.portable(import.meta.url)
export class RandomResize extends Transform {
  readonly minSize: number;
  readonly maxSize: number;
  readonly options: Omit<ResizeOptions, 'maxSize'>;

  constructor(minSize: number, maxSize: number, options: Omit<ResizeOptions, 'maxSize'> = {}) {
    super();
    pairOf(minSize, 'minSize');
    if (!(Number.isInteger(maxSize) && maxSize > minSize))
      throw ArgumentError.expected('maxSize', `a whole number above the ${minSize} of minSize`, maxSize);
    this.minSize = minSize;
    this.maxSize = maxSize;
    this.options = options;
  }

  protected prepare(): Change {
    const size = drawInteger(this.minSize, this.maxSize);
    return (operand) => F.resize(operand, size, this.options);
  }

  override extraRepr(): string {
    return `minSize=${this.minSize}, maxSize=${this.maxSize}`;
  }
}

export interface RandomShortestSizeOptions extends ResizeOptions {
  /** Most that the longer side may have. */
  maxSize?: number;
}

/** Resizes the shorter side to one of several lengths. */
@data.portable(import.meta.url)
export class RandomShortestSize extends Transform {
  readonly minSize: readonly number[];
  readonly options: RandomShortestSizeOptions;

  constructor(minSize: number | readonly number[], options: RandomShortestSizeOptions = {}) {
    super();
    this.minSize = typeof minSize === 'number' ? [minSize] : minSize;
    if (this.minSize.length === 0) throw ArgumentError.expected('minSize', 'at least one length', minSize);
    for (const size of this.minSize) pairOf(size, 'minSize');
    this.options = options;
  }

  protected prepare(view: SampleView): Change {
    const { maxSize, ...options } = this.options;
    const [height, width] = view.size;
    const shortest = this.minSize[drawInteger(0, this.minSize.length)] as number;
    const ratio = shortest / Math.min(height, width);
    const most = maxSize === undefined ? ratio : Math.min(ratio, maxSize / Math.max(height, width));
    const size = [Math.trunc(height * most), Math.trunc(width * most)] as const;
    return (operand) => F.resize(operand, size, options);
  }

  override extraRepr(): string {
    return `minSize=[${this.minSize.join(', ')}], maxSize=${this.options.maxSize ?? null}`;
  }
}

export interface ScaleJitterOptions extends Omit<ResizeOptions, 'maxSize'> {
  /** Range of the factor. Default [0.1, 2]. */
  scaleRange?: images.Range;
}

/** Resizes to a random multiple of the largest size that fits into `targetSize`. ("Simple Copy-Paste", arXiv 2012.07177) */
@data.portable(import.meta.url)
export class ScaleJitter extends Transform {
  readonly targetSize: readonly [number, number];
  readonly scaleRange: images.Range;
  readonly options: Omit<ResizeOptions, 'maxSize'>;

  constructor(targetSize: readonly [height: number, width: number], options: ScaleJitterOptions = {}) {
    super();
    const { scaleRange, ...rest } = options;
    this.targetSize = pairOf(targetSize, 'targetSize');
    this.scaleRange = images.checkRange('scaleRange', scaleRange ?? [0.1, 2]);
    this.options = rest;
  }

  protected prepare(view: SampleView): Change {
    const [height, width] = view.size;
    const [least, most] = this.scaleRange;
    const fits = Math.min(this.targetSize[1] / height, this.targetSize[0] / width);
    // In float32, as torchvision multiplies tensors here.
    const size = scope(() => {
      const ratio = rand([1])
        .mul(most - least)
        .add(least)
        .mul(fits);
      return [height, width].map((side) => Math.trunc(ratio.mul(side).item()));
    }) as [number, number];
    return (operand) => F.resize(operand, size, this.options);
  }

  override extraRepr(): string {
    return `targetSize=${this.targetSize}, scaleRange=${this.scaleRange}`;
  }
}
