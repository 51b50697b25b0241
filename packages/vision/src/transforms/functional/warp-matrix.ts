/** @file The matrices of affine and perspective transforms, in torchvision's conventions. */

import { ArgumentError, ops, scope, type Tensor, tensor } from '@edgeai/torch';

/** Six numbers, two rows of three: where in the source a pixel of the result comes from (or the other way round). */
export type AffineMatrix = readonly [number, number, number, number, number, number];

/** x, then y. */
export type Point = readonly [x: number, y: number];

export interface AffineParameters {
  /** Point that stays where it is (before the translation). */
  center: Point;
  /** In degrees, clockwise. */
  angle: number;
  /** In pixels. */
  translate: Point;
  scale: number;
  /** In degrees, along x and along y. */
  shear: Point;
}

const radians = (degrees: number) => degrees * (Math.PI / 180);

/** Rotation after shear: the factors of x and y, of determinant 1. */
function rotationAndShear(angle: number, shear: Point): [number, number, number, number] {
  const [rotation, sx, sy] = [radians(angle), radians(shear[0]), radians(shear[1])];
  return [
    Math.cos(rotation - sy) / Math.cos(sy),
    (-Math.cos(rotation - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(rotation),
    Math.sin(rotation - sy) / Math.cos(sy),
    (-Math.sin(rotation - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(rotation),
  ];
}

/** From a point of the source to its place in the result: translation · centre · scale · rotation · shear · centre⁻¹. */
export function affineMatrix({ center, angle, translate, scale, shear }: AffineParameters): AffineMatrix {
  const [a, b, c, d] = rotationAndShear(angle, shear).map((value) => value * scale) as [number, number, number, number];
  const [cx, cy] = center;
  return [a, b, a * -cx + b * -cy + (cx + translate[0]), c, d, c * -cx + d * -cy + (cy + translate[1])];
}

/** From a point of the result back to the source: the inverse of {@link affineMatrix}. */
export function inverseAffineMatrix({ center, angle, translate, scale, shear }: AffineParameters): AffineMatrix {
  const [a, b, c, d] = rotationAndShear(angle, shear);
  const [cx, cy] = center;
  const [tx, ty] = translate;
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  return [m0, m1, m0 * (-cx - tx) + m1 * (-cy - ty) + cx, m3, m4, m3 * (-cx - tx) + m4 * (-cy - ty) + cy];
}

/** Width and height that hold all of a transformed image, computed in float32 as torchvision does. */
export function affineOutputSize(matrix: AffineMatrix, width: number, height: number): [width: number, height: number] {
  return scope(() => {
    const [x, y] = [0.5 * width, 0.5 * height];
    const corners = tensor(
      [
        [-x, -y, 1],
        [-x, y, 1],
        [x, y, 1],
        [x, -y, 1],
      ],
      { dtype: 'float32' },
    );
    const moved = corners.matmul(
      tensor([...matrix], { dtype: 'float32' })
        .view([2, 3])
        .t(),
    );
    const middle = tensor([x, y], { dtype: 'float32' });
    // Cut to 1e-4, so that a rounding error does not make a whole pixel.
    const cut = (values: Tensor) => values.add(middle).div(1e-4).trunc().mul(1e-4);
    const size = cut(moved.amax(0))
      .ceil()
      .sub(cut(moved.amin(0)).floor());
    return size.toArray() as [number, number];
  });
}

/**
 * The eight coefficients of the perspective that takes `endpoints` back to `startpoints`:
 * x = (c0 X + c1 Y + c2) / (c6 X + c7 Y + 1), y = (c3 X + c4 Y + c5) / (c6 X + c7 Y + 1).
 *
 * Solved by least squares in float32, as torchvision does.
 *
 * @param startpoints four corners in the source: top left, top right, bottom right, bottom left
 * @param endpoints where they go
 */
export function perspectiveCoefficients(startpoints: readonly Point[], endpoints: readonly Point[]): number[] {
  for (const [name, points] of [
    ['startpoints', startpoints],
    ['endpoints', endpoints],
  ] as const) {
    if (!Array.isArray(points) || points.length !== 4)
      throw ArgumentError.expected(name, 'four points, [[x, y], …]', points);
  }
  return scope(() => {
    const rows = endpoints.flatMap(([x, y], i) => {
      const [u, v] = startpoints[i] as Point;
      return [
        [x, y, 1, 0, 0, 0, -u * x, -u * y],
        [0, 0, 0, x, y, 1, -v * x, -v * y],
      ];
    });
    const matrix = tensor(rows, { dtype: 'float32' });
    const right = tensor(startpoints.flat(), { dtype: 'float32' }).view([8, 1]);
    const solved = ops.aten?.linalg_lstsq?.(matrix, right, { driver: 'gels' }) as readonly [Tensor];
    return solved[0].flatten().toArray() as number[];
  });
}
