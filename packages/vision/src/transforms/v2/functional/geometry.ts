/** @file Where pixels, masks, boxes and key points go: one row of kernels an operation. */

import { cat, ones, scope, type Tensor, tensor } from '@edgeai/torch';
import type { SpatialSize } from '../../../datapoints/datapoint.ts';
import type { PadOptions } from '../../functional/geometry.ts';
import * as F from '../../functional/index.ts';
import type { ResizeOptions } from '../../functional/resize.ts';
import type { AffineOptions, RotateOptions, WarpOptions } from '../../functional/warp.ts';
import {
  type AffineMatrix,
  affineMatrix,
  affineOutputSize,
  inverseAffineMatrix,
  type Point,
  perspectiveCoefficients,
} from '../../functional/warp-matrix.ts';
import { type Padding, pairOf, resizedSize, roundHalfEven, type Size, sidesOf } from '../../size.ts';
import { operation, type Placement } from './operation.ts';

/** Values of masks are never mixed, and follow torchvision's grid of pixels unless Pillow's is asked for. */
function forMasks<O extends WarpOptions | ResizeOptions>(options: O): O {
  const fill = 'fill' in options && Array.isArray(options.fill) ? { fill: null } : {};
  return { ...options, ...fill, interpolation: 'nearest', backend: options.backend ?? 'tensor' };
}

/** `points · scale + offset`, each [x, y]. */
function linear(scale: Point, offset: Point): (points: Tensor) => Tensor {
  return (points) =>
    scope(() => {
      const { dtype, device } = points;
      const row = (values: Point) => tensor([...values], { dtype, device });
      return points.mul(row(scale)).add(row(offset));
    });
}

/** Points [n, 2] times an affine matrix. */
function affinely(matrix: AffineMatrix): (points: Tensor) => Tensor {
  return (points) =>
    scope(() => {
      const { dtype, device } = points;
      const factors = tensor([...matrix], { dtype, device })
        .view([2, 3])
        .t();
      return withOnes(points).matmul(factors);
    });
}

function withOnes(points: Tensor): Tensor {
  return cat([points, ones([points.size(0), 1], { dtype: points.dtype, device: points.device })], 1);
}

/** Mirrors left to right. */
export const hflip = operation({
  image: F.hflip,
  mask: F.hflip,
  points: ([height, width]) => ({ move: linear([-1, 1], [width, 0]), size: [height, width], mirrored: true }),
});

/** Turns upside down. */
export const vflip = operation({
  image: F.vflip,
  mask: F.vflip,
  points: ([height, width]) => ({ move: linear([1, -1], [0, height]), size: [height, width], mirrored: true }),
});

function resizePlacement([height, width]: SpatialSize, size: Size, options: ResizeOptions = {}): Placement {
  const [newHeight, newWidth] = resizedSize(height, width, size, options.maxSize);
  const ratios: Point = [newWidth / width, newHeight / height];
  return { move: linear(ratios, [0, 0]), size: [newHeight, newWidth] };
}

/** Resizes: [height, width], or one number for the shorter side. */
export const resize = operation<[size: Size, options?: ResizeOptions]>({
  image: F.resize,
  mask: (mask, size, options = {}) => F.resize(mask, size, forMasks(options)),
  points: resizePlacement,
});

/** The rectangle's top left corner becomes the origin. */
const cropPlacement = (_: SpatialSize, top: number, left: number, height: number, width: number): Placement => ({
  move: linear([1, 1], [-left, -top]),
  size: [height, width],
  clamp: true,
});

/** A rectangle. Boxes are cut at its borders. */
export const crop = operation<[top: number, left: number, height: number, width: number]>({
  image: F.crop,
  mask: F.crop,
  points: cropPlacement,
});

/** The middle. Boxes are cut at its borders. */
export const centerCrop = operation<[size: Size]>({
  image: F.centerCrop,
  mask: F.centerCrop,
  points: ([height, width], size) => {
    const [h, w] = pairOf(size);
    // As pixels go: smaller images are padded first.
    const before = (length: number, wanted: number) =>
      wanted > length ? -Math.floor((wanted - length) / 2) : roundHalfEven((length - wanted) / 2);
    return cropPlacement([height, width], before(height, h), before(width, w), h, w);
  },
});

/** A rectangle, resized. */
export const resizedCrop = operation<
  [top: number, left: number, height: number, width: number, size: Size, options?: Omit<ResizeOptions, 'maxSize'>]
>({
  image: F.resizedCrop,
  mask: (mask, top, left, height, width, size, options = {}) =>
    F.resizedCrop(mask, top, left, height, width, size, forMasks(options)),
  points: (_, top, left, height, width, size) => {
    const target = resizedSize(height, width, size);
    const ratios: Point = [target[1] / width, target[0] / height];
    const move = (points: Tensor) => scope(() => linear(ratios, [0, 0])(linear([1, 1], [-left, -top])(points)));
    return { move, size: target, clamp: true };
  },
});

/** Adds pixels at the sides; boxes are cut at the new borders. */
export const pad = operation<[padding: Padding, options?: PadOptions]>({
  image: F.pad,
  mask: (mask, padding, options = {}) =>
    F.pad(mask, padding, typeof options.fill === 'number' ? options : { ...options, fill: 0 }),
  points: ([height, width], padding) => {
    const [left, top, right, bottom] = sidesOf(padding);
    return {
      move: linear([1, 1], [left, top]),
      size: [height + top + bottom, width + left + right],
      clamp: true,
    };
  },
});

/** Rotates clockwise about the centre, moves, scales and shears. See `transforms.functional.affine`. */
export const affine = operation<
  [angle: number, translate: Point, scale: number, shear: number | readonly number[], options?: AffineOptions]
>({
  image: F.affine,
  mask: (mask, angle, translate, scale, shear, options = {}) =>
    F.affine(mask, angle, translate, scale, shear, forMasks(options)),
  points: ([height, width], angle, translate, scale, shear, options = {}) => {
    const [shearX = 0, shearY = 0] = typeof shear === 'number' ? [shear] : shear;
    const center = options.center ?? ([width * 0.5, height * 0.5] as const);
    const matrix = affineMatrix({ center, angle, translate, scale, shear: [shearX, shearY] });
    return { move: affinely(matrix), size: [height, width], clamp: true };
  },
});

/** Rotates counter-clockwise about the centre. See `transforms.functional.rotate`. */
export const rotate = operation<[angle: number, options?: RotateOptions]>({
  image: F.rotate,
  mask: (mask, angle, options = {}) => F.rotate(mask, angle, forMasks(options)),
  points: ([height, width], angle, options = {}) => {
    const { expand = false, center } = options;
    // Affine transforms turn clockwise. Where all is shown, it does not matter about which point it was turned.
    const parameters = { angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
    const middle: Point = [width * 0.5, height * 0.5];
    const matrix = affineMatrix({ ...parameters, center: expand ? middle : (center ?? middle) });
    const turn = affinely(matrix);
    if (!expand) return { move: turn, size: [height, width], clamp: true };
    const [newWidth, newHeight] = affineOutputSize(
      inverseAffineMatrix({ ...parameters, center: [0, 0] }),
      width,
      height,
    );
    const move = (points: Tensor) =>
      scope(() => {
        const { dtype, device } = points;
        const frame = tensor([0, 0, 0, height, width, height, width, 0], { dtype, device }).view([4, 2]);
        return turn(points).sub(turn(frame).amin(0, true));
      });
    return { move, size: [newHeight, newWidth], clamp: true };
  },
});

/** A perspective that moves four corners. See `transforms.functional.perspective`. */
export const perspective = operation<
  [startpoints: readonly Point[], endpoints: readonly Point[], options?: WarpOptions]
>({
  image: F.perspective,
  mask: (mask, startpoints, endpoints, options = {}) => F.perspective(mask, startpoints, endpoints, forMasks(options)),
  points: (size, startpoints, endpoints) => {
    const matrix = inverseProjection(perspectiveCoefficients(startpoints, endpoints));
    const move = (points: Tensor) =>
      scope(() => {
        const { dtype, device } = points;
        const rows = tensor(matrix, { dtype, device }).view([3, 3]).t();
        const projected = withOnes(points).matmul(rows);
        return projected.narrow(1, 0, 2).div(projected.narrow(1, 2, 1));
      });
    return { move, size, clamp: true };
  },
});

/** The perspective back, as a matrix [3, 3] whose last number is 1. */
function inverseProjection(coefficients: readonly number[]): number[] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = coefficients;
  const adjugate = [
    e - f * h,
    c * h - b,
    b * f - c * e,
    f * g - d,
    a - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
  ];
  const determinant = a * e - b * d;
  return [...adjugate.map((value) => value / determinant), 1];
}

/** Moves every pixel by its own displacement. See `transforms.functional.elasticTransform`. */
export const elastic = operation<[displacement: Tensor, options?: Omit<WarpOptions, 'backend'>]>({
  image: F.elasticTransform,
  mask: (mask, displacement, options = {}) => {
    const { backend: _, ...rest } = forMasks(options as WarpOptions);
    return F.elasticTransform(mask, displacement, rest);
  },
  points: ([height, width], displacement) => {
    const move = (points: Tensor) =>
      scope(() => {
        const { dtype, device } = points;
        const kept = dtype === 'float64' ? 'float64' : 'float32';
        const grid = F.identityGrid(height, width, kept).to(device);
        // Nearly the inverse: the displacement is taken where the point was, not where it goes.
        const inverse = grid.sub(displacement.to({ dtype: kept, device })).view([-1, 2]);
        const index = (values: Tensor, length: number) =>
          values
            .ceil()
            .clamp(0, length - 1)
            .to('int64');
        const [x, y] = points.unbind(1) as [Tensor, Tensor];
        const places = inverse.indexSelect(0, index(y, height).mul(width).add(index(x, width)));
        return places
          .add(1)
          .mul(tensor([width / 2, height / 2], { dtype: kept, device }))
          .sub(0.5)
          .to(dtype);
      });
    return { move, size: [height, width], clamp: true };
  },
});

/** torchvision's other names. */
export { elastic as elasticTransform, hflip as horizontalFlip, vflip as verticalFlip };
