/** @file Rotation, affine and perspective transforms, elastic deformation: where the pixels come from, by a formula. */

import { ArgumentError, scope, type Tensor } from '@edgeai/torch';
import type { Interpolation } from '../pillow-filters.ts';
import { pillowAffine, pillowPerspective, pillowRotate } from '../pillow-warp.ts';
import { mapPixels } from '../pixels.ts';
import { getDimensions } from '../size.ts';
import { type BackendOptions, chooseBackend } from './backend.ts';
import { affineSamplingGrid, applyGrid, type Fill, gridDType, identityGrid, perspectiveSamplingGrid } from './grid.ts';
import { affineOutputSize, inverseAffineMatrix, type Point, perspectiveCoefficients } from './warp-matrix.ts';

export interface WarpOptions extends BackendOptions {
  /** 'nearest', 'bilinear', or with backend 'pil' 'bicubic'. */
  interpolation?: Interpolation;
  /**
   * Value of pixels from outside the image, or one a channel. Default `null`: zeros. With backend 'tensor' and
   * 'bilinear', 0 differs from `null` at the border, where it is blended in.
   */
  fill?: Fill;
}

export interface AffineOptions extends WarpOptions {
  /** Point [x, y] in pixels that stays. Default: the image's centre. */
  center?: Point;
}

export interface RotateOptions extends AffineOptions {
  /** Make the result large enough for all of the image. Default false. */
  expand?: boolean;
}

/**
 * Rotates about the centre, moves, scales and shears, all at once. The size stays.
 *
 * @param image […, channels, height, width]
 * @param angle in degrees, clockwise
 * @param translate [x, y] in pixels
 * @param shear in degrees: along x, or [along x, along y]
 */
export function affine(
  image: Tensor,
  angle: number,
  translate: Point,
  scale: number,
  shear: number | readonly number[],
  options: AffineOptions = {},
): Tensor {
  const { interpolation = 'nearest', fill = null, center } = options;
  if (!(scale > 0)) throw ArgumentError.expected('scale', 'a number above 0', scale);
  const [shearX = 0, shearY = 0] = typeof shear === 'number' ? [shear] : shear;
  const { height, width } = getDimensions(image);
  const parameters = { angle, translate, scale, shear: [shearX, shearY] } as const;
  if (chooseBackend(image, options.backend) === 'pil') {
    const matrix = inverseAffineMatrix({ ...parameters, center: center ?? [width * 0.5, height * 0.5] });
    return mapPixels(image, (pixels) => pillowAffine(pixels, height, width, matrix, interpolation, fill));
  }
  const matrix = inverseAffineMatrix({ ...parameters, center: fromMiddle(center, height, width) });
  return scope(() => {
    const grid = affineSamplingGrid(matrix, [height, width], [height, width], gridDType(image));
    return applyGrid(image, grid, interpolation, fill);
  });
}

/**
 * Rotates about the centre, counter-clockwise.
 *
 * @param image […, channels, height, width]
 * @param angle in degrees
 */
export function rotate(image: Tensor, angle: number, options: RotateOptions = {}): Tensor {
  const { interpolation = 'nearest', fill = null, center, expand = false } = options;
  const { height, width } = getDimensions(image);
  if (chooseBackend(image, options.backend) === 'pil') {
    return mapPixels(image, (pixels) => pillowRotate(pixels, angle, interpolation, expand, center, fill));
  }
  const matrix = inverseAffineMatrix({
    center: fromMiddle(center, height, width),
    // Affine transforms turn clockwise.
    angle: -angle,
    translate: [0, 0],
    scale: 1,
    shear: [0, 0],
  });
  const [outWidth, outHeight] = expand ? affineOutputSize(matrix, width, height) : [width, height];
  return scope(() => {
    const grid = affineSamplingGrid(matrix, [height, width], [outHeight, outWidth], gridDType(image));
    return applyGrid(image, grid, interpolation, fill);
  });
}

/**
 * A perspective that moves four corners. The size stays.
 *
 * @param image […, channels, height, width]
 * @param startpoints [x, y] of the corners in the image: top left, top right, bottom right, bottom left
 * @param endpoints where they go
 */
export function perspective(
  image: Tensor,
  startpoints: readonly Point[],
  endpoints: readonly Point[],
  options: WarpOptions = {},
): Tensor {
  const { interpolation = 'bilinear', fill = null } = options;
  const { height, width } = getDimensions(image);
  const coefficients = perspectiveCoefficients(startpoints, endpoints);
  if (chooseBackend(image, options.backend) === 'pil')
    return mapPixels(image, (pixels) => pillowPerspective(pixels, coefficients, interpolation, fill));
  return scope(() => {
    const grid = perspectiveSamplingGrid(coefficients, [height, width], gridDType(image));
    return applyGrid(image, grid, interpolation, fill);
  });
}

/**
 * Moves every pixel by its own displacement.
 *
 * @param image […, channels, height, width]
 * @param displacement [1, height, width, 2]: x, then y, as shares of half the image (2 is its whole width)
 */
export function elasticTransform(
  image: Tensor,
  displacement: Tensor,
  options: Omit<WarpOptions, 'backend'> = {},
): Tensor {
  const { interpolation = 'bilinear', fill = null } = options;
  const { height, width } = getDimensions(image);
  if (displacement.shape.join() !== [1, height, width, 2].join()) {
    throw new ArgumentError(
      'displacement',
      `Expected a displacement of shape [1, ${height}, ${width}, 2] but received [${displacement.shape.join(', ')}]`,
    );
  }
  return scope(() => {
    const dtype = gridDType(image);
    const grid = identityGrid(height, width, dtype).add(displacement.to({ dtype, device: 'cpu' }));
    return applyGrid(image, grid, interpolation, fill);
  });
}

function fromMiddle(center: Point | undefined, height: number, width: number): Point {
  return center === undefined ? [0, 0] : [center[0] - width * 0.5, center[1] - height * 0.5];
}
