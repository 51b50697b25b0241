/**
 * @file Pillow's resize of 8-bit images, bit for bit: a horizontal and a vertical pass with fixed-point weights, rounded to
 * bytes in between. Published accuracies were measured with it, so evaluation resizes with it too.
 */

import { type ResizeTable, resizeBytes, type Tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor } from '../io/decoded-image.ts';
import { coefficients, type Interpolation } from './pillow-filters.ts';
import { withPixels } from './pixels.ts';

/** A rectangle inside an image. */
export type Rectangle = readonly [top: number, left: number, height: number, width: number];

/**
 * A part of a uint8 image [channels, height, width], resized. Channels are resized independently (alpha is not premultiplied).
 *
 * @param region what to resize, inside the image; pixels beyond its borders have no influence
 * @param size [height, width] to resize it to
 * @param window the part of the result that is wanted; default: all of it
 */
export function pillowResize(
  image: Tensor,
  region: Rectangle,
  size: readonly [height: number, width: number],
  interpolation: Interpolation,
  window: Rectangle = [0, 0, ...size],
): Tensor {
  if (interpolation === 'nearest' || interpolation === 'nearest-exact') return nearest(image, region, size, window);
  const [top, left, height, width] = region;
  const [y, x, windowHeight, windowWidth] = window;
  const horizontal = size[1] === width ? null : cut(coefficients(width, size[1], interpolation), x, windowWidth);
  const vertical = size[0] === height ? null : cut(coefficients(height, size[0], interpolation), y, windowHeight);
  const [firstRow, rows] = vertical === null ? [y, windowHeight] : reach(vertical);
  const [firstColumn, columns] = horizontal === null ? [x, windowWidth] : reach(horizontal);
  return resizeBytes(image, [top + firstRow, left + firstColumn, rows, columns], [windowHeight, windowWidth], {
    horizontal: horizontal && shift(horizontal, firstColumn),
    vertical: vertical && shift(vertical, firstRow),
  });
}

/** The rows of a table for `count` targets from `first` on. */
function cut({ starts, counts, weights, stride }: ResizeTable, first: number, count: number): ResizeTable {
  return {
    starts: starts.subarray(first, first + count),
    counts: counts.subarray(first, first + count),
    weights: weights.subarray(first * stride, (first + count) * stride),
    stride,
  };
}

/** The source pixels that a table refers to: the first and how many. Targets in ascending order have ascending sources. */
function reach({ starts, counts }: ResizeTable): [first: number, count: number] {
  const last = starts.length - 1;
  const first = starts[0] ?? 0;
  return [first, (starts[last] ?? 0) + (counts[last] ?? 0) - first];
}

function shift(table: ResizeTable, offset: number): ResizeTable {
  return offset === 0 ? table : { ...table, starts: table.starts.map((start) => start - offset) };
}

function nearest(image: Tensor, region: Rectangle, size: readonly [number, number], window: Rectangle): Tensor {
  const [top, left, height, width] = region;
  const [y, x, windowHeight, windowWidth] = window;
  return withPixels(image, ({ data: source, width: rowLength, channels }): Tensor => {
    const rows = nearestIndices(height, size[0]).subarray(y, y + windowHeight);
    const columns = nearestIndices(width, size[1]).subarray(x, x + windowWidth);
    const data = new Uint8Array(windowHeight * windowWidth * channels);
    let o = 0;
    for (const row of rows) {
      for (const column of columns) {
        const i = ((top + row) * rowLength + left + column) * channels;
        for (let c = 0; c < channels; c++) data[o++] = source[i + c] as number;
      }
    }
    const result: DecodedImage = { data, height: windowHeight, width: windowWidth, channels };
    return imageToTensor(result);
  });
}

/** The source pixel under the centre of each target pixel; positions are accumulated, as Pillow does, rounding included. */
function nearestIndices(inSize: number, outSize: number): Int32Array {
  const step = inSize / outSize;
  const indices = new Int32Array(outSize);
  let position = step * 0.5;
  for (let i = 0; i < outSize; i++) {
    indices[i] = Math.min(Math.trunc(position), inSize - 1);
    position += step;
  }
  return indices;
}
