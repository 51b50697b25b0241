/** @file Random rotations, affine and perspective transforms, elastic deformations, drawn as torchvision draws them. */

import { ArgumentError, cat, data, nn, rand, scope, type Tensor } from '@edgeai/torch';
import { checkProbability } from './containers.ts';
import { axes, gaussianBlur, type Pair } from './functional/filter.ts';
import {
  type AffineOptions,
  affine,
  elasticTransform,
  perspective,
  type RotateOptions,
  rotate,
  type WarpOptions,
} from './functional/warp.ts';
import type { Point } from './functional/warp-matrix.ts';
import { drawChance, drawInteger, drawUniform } from './random.ts';
import { checkRange, type Range } from './random-geometry.ts';
import { getDimensions, roundHalfEven } from './size.ts';

/** Degrees: one number for −n … n, or [least, most]. */
export type Degrees = number | Range;

function degreesOf(name: string, degrees: Degrees): Range {
  if (typeof degrees !== 'number') {
    const valid = Array.isArray(degrees) && degrees.length === 2 && degrees[0] <= degrees[1];
    if (!valid) throw ArgumentError.expected(name, 'a number, or [least, most]', degrees);
    return degrees;
  }
  if (!(degrees >= 0)) throw ArgumentError.expected(name, 'a number of at least 0, or [least, most]', degrees);
  return [-degrees, degrees];
}

/** Rotates by a random angle. Pixels from outside get `fill`, 0 by default. */
@data.portable(import.meta.url)
export class RandomRotation extends nn.Module<[Tensor], Tensor> {
  readonly degrees: Range;
  readonly options: RotateOptions;

  constructor(degrees: Degrees, options: RotateOptions = {}) {
    super();
    this.degrees = degreesOf('degrees', degrees);
    this.options = { fill: 0, ...options };
  }

  /** Draws the angle, in degrees. */
  static getParams(degrees: Range): number {
    return drawUniform(...degrees);
  }

  forward(image: Tensor): Tensor {
    return rotate(image, RandomRotation.getParams(this.degrees), this.options);
  }

  override extraRepr(): string {
    return `degrees=${this.degrees}, interpolation=${this.options.interpolation ?? 'nearest'}`;
  }
}

export interface RandomAffineOptions extends AffineOptions {
  /** Largest move, as shares of width and height. */
  translate?: readonly [x: number, y: number];
  /** Least and largest factor. */
  scale?: Range;
  /** Degrees along x: one number for −n … n or [least, most]; with four numbers also along y. */
  shear?: number | readonly number[];
}

/** Drawn angle, translation in pixels, scale and shear. */
export type AffineDraw = [angle: number, translate: [number, number], scale: number, shear: [number, number]];

/** Rotates, moves, scales and shears at random. Pixels from outside get `fill`, 0 by default. */
@data.portable(import.meta.url)
export class RandomAffine extends nn.Module<[Tensor], Tensor> {
  readonly degrees: Range;
  readonly translate: readonly [number, number] | undefined;
  readonly scale: Range | undefined;
  readonly shear: readonly number[] | undefined;
  readonly options: AffineOptions;

  constructor(degrees: Degrees, options: RandomAffineOptions = {}) {
    super();
    const { translate, scale, shear, ...rest } = options;
    this.degrees = degreesOf('degrees', degrees);
    if (translate?.some((share) => !(share >= 0 && share <= 1)))
      throw ArgumentError.expected('translate', 'two shares between 0 and 1', translate);
    this.translate = translate;
    this.scale = scale === undefined ? undefined : checkRange('scale', scale);
    if (this.scale !== undefined && !(this.scale[0] > 0))
      throw ArgumentError.expected('scale', 'two numbers above 0', scale);
    if (typeof shear === 'number') this.shear = degreesOf('shear', shear);
    else {
      if (shear !== undefined && shear.length !== 2 && shear.length !== 4)
        throw ArgumentError.expected('shear', 'a number, or an array of 2 or 4', shear);
      this.shear = shear;
    }
    this.options = { fill: 0, ...rest };
  }

  /** Draws angle, translation, scale and shear. @param size [width, height] */
  static getParams(
    degrees: Range,
    translate: readonly [number, number] | undefined,
    scale: Range | undefined,
    shear: readonly number[] | undefined,
    size: readonly [width: number, height: number],
  ): AffineDraw {
    const angle = drawUniform(...degrees);
    // Adding 0 turns −0 into 0.
    const move = (share: number, length: number) => roundHalfEven(drawUniform(-(share * length), share * length)) + 0;
    const moves: [number, number] =
      translate === undefined ? [0, 0] : [move(translate[0], size[0]), move(translate[1], size[1])];
    const factor = scale === undefined ? 1 : drawUniform(...scale);
    const [x0, x1, y0, y1] = (shear ?? []) as [number?, number?, number?, number?];
    const shearX = x0 === undefined || x1 === undefined ? 0 : drawUniform(x0, x1);
    const shearY = y0 === undefined || y1 === undefined ? 0 : drawUniform(y0, y1);
    return [angle, moves, factor, [shearX, shearY]];
  }

  forward(image: Tensor): Tensor {
    const { height, width } = getDimensions(image);
    const { degrees, translate, scale, shear } = this;
    return affine(image, ...RandomAffine.getParams(degrees, translate, scale, shear, [width, height]), this.options);
  }

  override extraRepr(): string {
    const { degrees, translate, scale, shear } = this;
    const parts = Object.entries({ degrees, translate, scale, shear }).filter(([, value]) => value !== undefined);
    return parts.map(([name, value]) => `${name}=${value}`).join(', ');
  }
}

export interface RandomPerspectiveOptions extends WarpOptions {
  /** How far the corners move: a share of half the image. Default 0.5. */
  distortionScale?: number;
  /** Default 0.5. */
  p?: number;
}

/** A random perspective with probability `p`. Pixels from outside get `fill`, 0 by default. */
@data.portable(import.meta.url)
export class RandomPerspective extends nn.Module<[Tensor], Tensor> {
  readonly distortionScale: number;
  readonly p: number;
  readonly options: WarpOptions;

  constructor(options: RandomPerspectiveOptions = {}) {
    super();
    const { distortionScale = 0.5, p = 0.5, ...rest } = options;
    if (!(distortionScale >= 0 && distortionScale <= 1))
      throw ArgumentError.expected('distortionScale', 'a share between 0 and 1', distortionScale);
    this.distortionScale = distortionScale;
    this.p = checkProbability(p);
    this.options = { fill: 0, ...rest };
  }

  /** Draws where the corners go. */
  static getParams(width: number, height: number, distortionScale: number): [startpoints: Point[], endpoints: Point[]] {
    const reachX = Math.trunc(distortionScale * Math.floor(width / 2));
    const reachY = Math.trunc(distortionScale * Math.floor(height / 2));
    const left = () => drawInteger(0, reachX + 1);
    const right = () => drawInteger(width - reachX - 1, width);
    const top = () => drawInteger(0, reachY + 1);
    const bottom = () => drawInteger(height - reachY - 1, height);
    // Evaluated in the order in which torchvision draws.
    const endpoints: Point[] = [
      [left(), top()],
      [right(), top()],
      [right(), bottom()],
      [left(), bottom()],
    ];
    const [x, y] = [width - 1, height - 1];
    return [
      [
        [0, 0],
        [x, 0],
        [x, y],
        [0, y],
      ],
      endpoints,
    ];
  }

  forward(image: Tensor): Tensor {
    if (!drawChance(this.p)) return image;
    const { height, width } = getDimensions(image);
    return perspective(image, ...RandomPerspective.getParams(width, height, this.distortionScale), this.options);
  }

  override extraRepr(): string {
    return `distortionScale=${this.distortionScale}, p=${this.p}`;
  }
}

export interface ElasticTransformOptions extends Omit<WarpOptions, 'backend'> {
  /** Strength of the displacements: one number or [y, x]. Default 50. */
  alpha?: Pair;
  /** Smoothness of the displacements, in pixels: one number or [y, x]. Default 5. */
  sigma?: Pair;
}

/** Moves pixels by smoothed noise, as seen through water. Pixels from outside get `fill`, 0 by default. */
@data.portable(import.meta.url)
export class ElasticTransform extends nn.Module<[Tensor], Tensor> {
  readonly alpha: readonly [number, number];
  readonly sigma: readonly [number, number];
  readonly options: Omit<WarpOptions, 'backend'>;

  constructor(options: ElasticTransformOptions = {}) {
    super();
    const { alpha = 50, sigma = 5, ...rest } = options;
    this.alpha = axes('alpha', alpha);
    this.sigma = axes('sigma', sigma);
    this.options = { fill: 0, ...rest };
  }

  /** Draws displacements [1, height, width, 2]. */
  static getParams(
    alpha: readonly [number, number],
    sigma: readonly [number, number],
    size: readonly [height: number, width: number],
  ): Tensor {
    return scope(() => {
      const [dx, dy] = [0, 1].map((axis) => {
        const noise = rand([1, 1, ...size])
          .mul(2)
          .sub(1);
        const deviation = sigma[axis] as number;
        // An even size is made odd.
        const kernel = Math.trunc(8 * deviation + 1);
        const smooth = deviation > 0 ? gaussianBlur(noise, kernel % 2 === 0 ? kernel + 1 : kernel, [...sigma]) : noise;
        return smooth.mul(alpha[axis] as number).div(size[axis] as number);
      }) as [Tensor, Tensor];
      return cat([dx, dy], 1).permute([0, 2, 3, 1]);
    });
  }

  forward(image: Tensor): Tensor {
    const { height, width } = getDimensions(image);
    return scope(() =>
      elasticTransform(image, ElasticTransform.getParams(this.alpha, this.sigma, [height, width]), this.options),
    );
  }

  override extraRepr(): string {
    return `alpha=${this.alpha}, sigma=${this.sigma}`;
  }
}
