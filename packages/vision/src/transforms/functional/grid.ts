/** @file Warping tensors by a grid of the places that pixels come from: libtorch's `grid_sample`. */

import {
  ArgumentError,
  cat,
  empty,
  isFloatingPoint,
  linspace,
  nn,
  ones,
  scope,
  stack,
  type Tensor,
  tensor,
  where,
} from '@edgeai/torch';
import type { Interpolation } from '../pillow-filters.ts';
import { getDimensions } from '../size.ts';
import type { AffineMatrix } from './warp-matrix.ts';

/** Value of pixels that come from outside the image: one number, one a channel, or `null` for plain zeros. */
export type Fill = number | readonly number[] | null;

/** Pixel centres −(n − 1)/2 … (n − 1)/2 (`offset` 0), or shifted. */
function centres(size: number, start: number, dtype: 'float32' | 'float64'): Tensor {
  return linspace(start, start + size - 1, size, { dtype });
}

function homogeneous(height: number, width: number, x: Tensor, y: Tensor): Tensor {
  const grid = empty([1, height, width, 3], { dtype: x.dtype });
  grid.select(-1, 0).copy_(x);
  grid.select(-1, 1).copy_(y.unsqueeze(-1));
  grid.select(-1, 2).fill_(1);
  return grid.view([1, height * width, 3]);
}

/** The dtype that a grid for this image has: the image's own where it is floating point. */
export function gridDType(image: Tensor): 'float32' | 'float64' {
  return image.dtype === 'float64' ? 'float64' : 'float32';
}

/**
 * Where each pixel of an affine result comes from, in −1 … 1.
 *
 * @param matrix from result to source, both measured from their centres
 * @returns [1, outHeight, outWidth, 2]
 */
export function affineSamplingGrid(
  matrix: AffineMatrix,
  size: readonly [height: number, width: number],
  outSize: readonly [height: number, width: number],
  dtype: 'float32' | 'float64',
): Tensor {
  return scope(() => {
    const [height, width] = outSize;
    const base = homogeneous(
      height,
      width,
      centres(width, -width * 0.5 + 0.5, dtype),
      centres(height, -height * 0.5 + 0.5, dtype),
    );
    const theta = tensor([...matrix], { dtype })
      .view([1, 2, 3])
      .transpose(1, 2);
    const scaled = theta.div(tensor([0.5 * size[1], 0.5 * size[0]], { dtype }));
    return base.bmm(scaled).view([1, height, width, 2]);
  });
}

/** The same of a perspective with these eight coefficients, measured from the top left corner. */
export function perspectiveSamplingGrid(
  coefficients: readonly number[],
  [height, width]: readonly [height: number, width: number],
  dtype: 'float32' | 'float64',
): Tensor {
  return scope(() => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = coefficients;
    const base = homogeneous(height, width, centres(width, 0.5, dtype), centres(height, 0.5, dtype));
    const above = tensor([a, b, c, d, e, f], { dtype }).view([1, 2, 3]).transpose(1, 2);
    const below = tensor([g, h, 1, g, h, 1], { dtype }).view([1, 2, 3]).transpose(1, 2);
    const scaled = above.div(tensor([0.5 * width, 0.5 * height], { dtype }));
    return base.bmm(scaled).div(base.bmm(below)).sub(1).view([1, height, width, 2]);
  });
}

/** The grid that leaves an image as it is: [1, height, width, 2]. */
export function identityGrid(height: number, width: number, dtype: 'float32' | 'float64' = 'float32'): Tensor {
  return scope(() => {
    const axis = (size: number) => linspace((1 - size) / size, (size - 1) / size, size, { dtype });
    const x = axis(width).unsqueeze(0).expand([height, width]);
    const y = axis(height).unsqueeze(1).expand([height, width]);
    return stack([x, y], -1).unsqueeze(0);
  });
}

/**
 * The image sampled at the places of a grid; `fill` is blended in by the share that lies outside.
 *
 * @param image […, channels, height, width], any dtype: whole numbers are rounded back
 * @param grid [1, outHeight, outWidth, 2]
 */
export function applyGrid(image: Tensor, grid: Tensor, interpolation: Interpolation, fill: Fill): Tensor {
  if (interpolation !== 'nearest' && interpolation !== 'bilinear') {
    throw new ArgumentError(
      'interpolation',
      `Expected 'nearest' or 'bilinear' for backend 'tensor' but received '${interpolation}'`,
    );
  }
  const { channels } = getDimensions(image);
  const values = typeof fill === 'number' ? [fill] : fill;
  if (values !== null && values.length !== 1 && values.length !== channels) {
    throw new ArgumentError(
      'fill',
      `Expected one fill value or ${channels}, one a channel, but received ${values.length}`,
    );
  }
  return scope(() => {
    const { dtype, shape, device } = image;
    const [height, width] = shape.slice(-2) as [number, number];
    const [outHeight, outWidth] = grid.shape.slice(1, 3) as [number, number];
    const batch = image.reshape([-1, channels, height, width]).to(grid.dtype);
    const places = grid.to(device).expand([batch.size(0), outHeight, outWidth, 2]);
    const options = { mode: interpolation, paddingMode: 'zeros', alignCorners: false } as const;
    let result: Tensor;
    if (values === null) result = nn.functional.gridSample(batch, places, options);
    else {
      // A channel of ones along with the image tells what lies outside.
      const inside = ones([batch.size(0), 1, height, width], { dtype: grid.dtype, device });
      const sampled = nn.functional.gridSample(cat([batch, inside], 1), places, options);
      const mask = sampled.narrow(1, channels, 1);
      const colours = tensor([...values], { dtype: grid.dtype, device }).view([1, -1, 1, 1]);
      const pixels = sampled.narrow(1, 0, channels);
      result =
        interpolation === 'nearest'
          ? where(mask.ge(0.5), pixels, colours)
          : pixels.mul(mask).add(mask.mul(-1).add(1).mul(colours));
    }
    if (dtype !== grid.dtype) result = (isFloatingPoint(dtype) ? result : result.round()).to(dtype);
    return result.reshape([...shape.slice(0, -2), outHeight, outWidth]);
  });
}
