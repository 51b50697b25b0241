/**
 * @file Pillow's `Image.transform` and `Image.rotate` of 8-bit images, bit for bit: nearest pixels by 16.16 fixed-point steps,
 * bilinear and bicubic ones in double precision, cut to bytes.
 */

import { ArgumentError } from '@edgeai/torch';
import type { DecodedImage } from '../io/decoded-image.ts';
import type { Fill } from './functional/grid.ts';
import type { AffineMatrix, Point } from './functional/warp-matrix.ts';
import type { Interpolation } from './pillow-filters.ts';

/** An affine transform into an image of the given size. `matrix` goes from the result to the source. */
export function pillowAffine(
  image: DecodedImage,
  height: number,
  width: number,
  matrix: AffineMatrix,
  interpolation: Interpolation,
  fill: Fill,
): DecodedImage {
  const sample = samplerOf(interpolation);
  const target = canvas(height, width, image.channels, fill);
  const [a0, a1, a2, a3, a4, a5] = matrix;
  if (sample === nearest) {
    if (a1 === 0 && a3 === 0) {
      scaleNearest(image, target, matrix);
      return target;
    }
    if (fitsFixedPoint(matrix, height, width)) {
      affineNearest(image, target, matrix);
      return target;
    }
  }
  const { channels } = image;
  let o = 0;
  for (let y = 0.5; y < height; y++) {
    for (let x = 0.5; x < width; x++, o += channels)
      sample(image, a0 * x + a1 * y + a2, a3 * x + a4 * y + a5, target.data, o);
  }
  return target;
}

/** A perspective with eight coefficients, from the result to the source. */
export function pillowPerspective(
  image: DecodedImage,
  coefficients: readonly number[],
  interpolation: Interpolation,
  fill: Fill,
): DecodedImage {
  const target = canvas(image.height, image.width, image.channels, fill);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = coefficients;
  const sample = samplerOf(interpolation);
  const { height, width, channels } = image;
  let o = 0;
  for (let y = 0.5; y < height; y++) {
    for (let x = 0.5; x < width; x++, o += channels) {
      const depth = g * x + h * y + 1;
      sample(image, (a * x + b * y + c) / depth, (d * x + e * y + f) / depth, target.data, o);
    }
  }
  return target;
}

/** A rotation, counter-clockwise, as `Image.rotate` does it: right angles about the centre only move pixels. */
export function pillowRotate(
  image: DecodedImage,
  degrees: number,
  interpolation: Interpolation,
  expand: boolean,
  center: Point | undefined,
  fill: Fill,
): DecodedImage {
  const { height, width } = image;
  const angle = ((degrees % 360) + 360) % 360;
  if (center === undefined) {
    if (angle === 0) return { ...image, data: image.data.slice() };
    if (angle === 180) return turn(image, height, width, (y, x) => [height - 1 - y, width - 1 - x]);
    if ((angle === 90 || angle === 270) && (expand || height === width)) {
      return angle === 90
        ? turn(image, width, height, (y, x) => [x, width - 1 - y])
        : turn(image, width, height, (y, x) => [height - 1 - x, y]);
    }
  }
  const turned = -(angle * (Math.PI / 180));
  const [cos, sin] = [Number(Math.cos(turned).toFixed(15)), Number(Math.sin(turned).toFixed(15))];
  const at = (x: number, y: number, c: number, f: number): [number, number] => [
    cos * x + sin * y + c,
    -sin * x + cos * y + f,
  ];
  const [cx, cy] = center ?? [width / 2, height / 2];
  let [c, f] = at(-cx, -cy, 0, 0);
  c += cx;
  f += cy;
  let [outHeight, outWidth] = [height, width];
  if (expand) {
    const corners = [at(0, 0, c, f), at(width, 0, c, f), at(width, height, c, f), at(0, height, c, f)];
    const extent = (axis: 0 | 1) => {
      const values = corners.map((corner) => corner[axis]);
      return Math.ceil(Math.max(...values)) - Math.floor(Math.min(...values));
    };
    [outWidth, outHeight] = [extent(0), extent(1)];
    [c, f] = at(-(outWidth - width) / 2, -(outHeight - height) / 2, c, f);
  }
  return pillowAffine(image, outHeight, outWidth, [cos, sin, c, -sin, cos, f], interpolation, fill);
}

function canvas(height: number, width: number, channels: number, fill: Fill): DecodedImage {
  const data = new Uint8Array(height * width * channels);
  const values = fill === null ? [0] : typeof fill === 'number' ? [fill] : fill;
  if (values.length !== 1 && values.length !== channels) {
    throw new ArgumentError(
      'fill',
      `Expected one fill value or ${channels}, one a channel, but received ${values.length}`,
    );
  }
  const bytes = values.map((value) => Math.min(255, Math.max(0, Math.trunc(value))));
  if (bytes.every((byte) => byte === bytes[0])) data.fill(bytes[0] as number);
  else for (let i = 0; i < data.length; i++) data[i] = bytes[i % channels] as number;
  return { data, height, width, channels };
}

function turn(
  image: DecodedImage,
  height: number,
  width: number,
  from: (y: number, x: number) => [number, number],
): DecodedImage {
  const { channels } = image;
  const data = new Uint8Array(image.data.length);
  let o = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [sy, sx] = from(y, x);
      const i = (sy * image.width + sx) * channels;
      for (let c = 0; c < channels; c++) data[o++] = image.data[i + c] as number;
    }
  }
  return { data, height, width, channels };
}

/** Whether the corners stay within what 16 bits before the point can hold. */
function fitsFixedPoint([a0, a1, a2, a3, a4, a5]: AffineMatrix, height: number, width: number): boolean {
  return [
    [0, 0],
    [width, height],
    [0, height],
    [width, 0],
  ].every(([x = 0, y = 0]) => Math.abs(x * a0 + y * a1 + a2) < 32768 && Math.abs(x * a3 + y * a4 + a5) < 32768);
}

function copyPixel(from: Uint8Array, i: number, to: Uint8Array, o: number, channels: number): void {
  if (channels === 3) {
    to[o] = from[i] as number;
    to[o + 1] = from[i + 1] as number;
    to[o + 2] = from[i + 2] as number;
  } else for (let c = 0; c < channels; c++) to[o + c] = from[i + c] as number;
}

const fixed = (value: number) => Math.floor(value * 65536 + 0.5);

function affineNearest(image: DecodedImage, target: DecodedImage, [m0, m1, m2, m3, m4, m5]: AffineMatrix): void {
  const { data, height, width, channels } = image;
  const out = target.data;
  const [a0, a1, a3, a4] = [fixed(m0), fixed(m1), fixed(m3), fixed(m4)];
  let rowX = fixed(m2 + m0 * 0.5 + m1 * 0.5);
  let rowY = fixed(m5 + m3 * 0.5 + m4 * 0.5);
  let o = 0;
  for (let y = 0; y < target.height; y++) {
    let xx = rowX;
    let yy = rowY;
    for (let x = 0; x < target.width; x++, o += channels) {
      const sx = xx >> 16;
      const sy = yy >> 16;
      if (sx >= 0 && sx < width && sy >= 0 && sy < height)
        copyPixel(data, (sy * width + sx) * channels, out, o, channels);
      xx += a0;
      yy += a3;
    }
    rowX += a1;
    rowY += a4;
  }
}

const coordinate = (value: number) => (value < 0 ? -1 : Math.trunc(value));

function scaleNearest(image: DecodedImage, target: DecodedImage, [a0, , a2, , a4, a5]: AffineMatrix): void {
  const { data, height, width, channels } = image;
  const columns = new Int32Array(target.width);
  // Positions are accumulated, rounding included.
  let position = a2 + a0 * 0.5;
  for (let x = 0; x < target.width; x++) {
    columns[x] = coordinate(position);
    position += a0;
  }
  position = a5 + a4 * 0.5;
  for (let y = 0; y < target.height; y++) {
    const sy = coordinate(position);
    position += a4;
    if (sy < 0 || sy >= height) continue;
    let o = y * target.width * channels;
    for (let x = 0; x < target.width; x++, o += channels) {
      const sx = columns[x] as number;
      if (sx < 0 || sx >= width) continue;
      copyPixel(data, (sy * width + sx) * channels, target.data, o, channels);
    }
  }
}

/** Writes one pixel of the result from a place in the image; a place outside leaves it as it is. */
type Sampler = (image: DecodedImage, x: number, y: number, out: Uint8Array, o: number) => void;

function samplerOf(interpolation: Interpolation): Sampler {
  switch (interpolation) {
    case 'nearest':
      return nearest;
    case 'bilinear':
      return bilinear;
    case 'bicubic':
      return bicubic;
    default:
      throw new ArgumentError(
        'interpolation',
        `Expected 'nearest', 'bilinear' or 'bicubic' but received '${interpolation}'`,
      );
  }
}

function nearest(image: DecodedImage, x: number, y: number, out: Uint8Array, o: number): void {
  const { data, height, width, channels } = image;
  if (!(x >= 0 && x < width && y >= 0 && y < height)) return;
  copyPixel(data, (Math.trunc(y) * width + Math.trunc(x)) * channels, out, o, channels);
}

const clamp = (value: number, size: number) => (value < 0 ? 0 : value < size ? value : size - 1);

function bilinear(image: DecodedImage, x: number, y: number, out: Uint8Array, o: number): void {
  const { data, height, width, channels } = image;
  if (!(x >= 0 && x < width && y >= 0 && y < height)) return;
  const left = Math.floor(x - 0.5);
  const top = Math.floor(y - 0.5);
  const dx = x - 0.5 - left;
  const dy = y - 0.5 - top;
  const right = clamp(left + 1, width) * channels;
  const row = clamp(top, height) * width * channels;
  let i = row + clamp(left, width) * channels;
  let j = row + right;
  const below = clamp(top + 1, height) * width * channels - row;
  for (let c = 0; c < channels; c++, i++, j++) {
    const a = data[i] as number;
    const b = data[i + below] as number;
    const upper = a + ((data[j] as number) - a) * dx;
    const lower = b + ((data[j + below] as number) - b) * dx;
    // A store cuts.
    out[o + c] = upper + (lower - upper) * dy;
  }
}

function cubic(v1: number, v2: number, v3: number, v4: number, d: number): number {
  return v2 + d * (-v1 + v3 + d * (2 * (v1 - v2) + v3 - v4 + d * (-v1 + v2 - v3 + v4)));
}

/** Between four bytes of a row. */
function cubicAlong(data: Uint8Array, row: number, x0: number, x1: number, x2: number, x3: number, d: number): number {
  return cubic(
    data[row + x0] as number,
    data[row + x1] as number,
    data[row + x2] as number,
    data[row + x3] as number,
    d,
  );
}

function bicubic(image: DecodedImage, x: number, y: number, out: Uint8Array, o: number): void {
  const { data, height, width, channels } = image;
  if (!(x >= 0 && x < width && y >= 0 && y < height)) return;
  const left = Math.floor(x - 0.5);
  const top = Math.floor(y - 0.5);
  const dx = x - 0.5 - left;
  const dy = y - 0.5 - top;
  const x0 = clamp(left - 1, width) * channels;
  const x1 = clamp(left, width) * channels;
  const x2 = clamp(left + 1, width) * channels;
  const x3 = clamp(left + 2, width) * channels;
  const stride = width * channels;
  const y0 = clamp(top - 1, height) * stride;
  const y1 = clamp(top, height) * stride;
  const y2 = clamp(top + 1, height) * stride;
  const y3 = clamp(top + 2, height) * stride;
  for (let c = 0; c < channels; c++) {
    const value = cubic(
      cubicAlong(data, y0 + c, x0, x1, x2, x3, dx),
      cubicAlong(data, y1 + c, x0, x1, x2, x3, dx),
      cubicAlong(data, y2 + c, x0, x1, x2, x3, dx),
      cubicAlong(data, y3 + c, x0, x1, x2, x3, dx),
      dy,
    );
    // A store cuts.
    out[o + c] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
}
