/** @file Sizes and paddings as options, and the arithmetic of sizes that torchvision does. */

import { ArgumentError, type Tensor } from '@edgeai/torch';

/** One number for both, or [height, width]. */
export type Size = number | readonly [height: number, width: number] | readonly [size: number];

/** One number for all sides, [left and right, top and bottom], or [left, top, right, bottom]. */
export type Padding = number | readonly number[];

export interface Dimensions {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Sizes of an image or a batch of images: the last three dimensions; one channel where there are only two. */
export function getDimensions(image: Tensor): Dimensions {
  const { shape } = image;
  if (shape.length < 2)
    throw new ArgumentError(
      'image',
      `Expected an image of shape […, height, width] but received [${shape.join(', ')}]`,
    );
  const [height, width] = shape.slice(-2) as [number, number];
  return { channels: shape[shape.length - 3] ?? 1, height, width };
}

/** Number of channels of an image or a batch of images. */
export function getImageNumChannels(image: Tensor): number {
  return getDimensions(image).channels;
}

/** Width, then height. */
export function getImageSize(image: Tensor): [width: number, height: number] {
  const { height, width } = getDimensions(image);
  return [width, height];
}

/** @returns height and width */
export function pairOf(size: Size, name = 'size'): [height: number, width: number] {
  const values: readonly number[] = typeof size === 'number' ? [size] : size;
  const valid =
    Array.isArray(values) &&
    values.length >= 1 &&
    values.length <= 2 &&
    values.every((v) => Number.isInteger(v) && v > 0);
  if (!valid) throw ArgumentError.expected(name, 'a whole number above 0, or [height, width]', size);
  const [height, width = height] = values as [number, number?];
  return [height, width];
}

/** @returns left, top, right, bottom */
export function sidesOf(padding: Padding): [left: number, top: number, right: number, bottom: number] {
  const values: readonly number[] = typeof padding === 'number' ? [padding] : padding;
  if (!Array.isArray(values) || ![1, 2, 4].includes(values.length) || !values.every(Number.isInteger)) {
    throw ArgumentError.expected('padding', 'a whole number, or an array of 1, 2 or 4', padding);
  }
  const [left, top = left, right = left, bottom = top] = values as [number, number?, number?, number?];
  return [left, top, right, bottom];
}

/**
 * The size that a resize gives: with one number, the shorter side gets that length and the ratio is kept (the longer side is
 * rounded down); `maxSize` limits the longer side.
 *
 * @throws {ArgumentError} for a `maxSize` that leaves no room, or one given with two sizes
 */
export function resizedSize(
  height: number,
  width: number,
  size: Size,
  maxSize?: number,
): [height: number, width: number] {
  const [first, second] = pairOf(size);
  if (typeof size !== 'number' && size.length === 2) {
    if (maxSize !== undefined)
      throw new ArgumentError('maxSize', 'maxSize applies only to a single size, that of the shorter side');
    return [first, second];
  }
  const [short, long] = width <= height ? [width, height] : [height, width];
  let newShort = first;
  let newLong = Math.trunc((first * long) / short);
  if (maxSize !== undefined) {
    if (maxSize <= first)
      throw new ArgumentError(
        'maxSize',
        `Expected a maxSize above the shorter side's ${first} but received ${maxSize}`,
      );
    if (newLong > maxSize) [newShort, newLong] = [Math.trunc((maxSize * newShort) / newLong), maxSize];
  }
  return width <= height ? [newLong, newShort] : [newShort, newLong];
}

/** Where the middle part of an image begins. */
export function centreOf(
  image: { readonly height: number; readonly width: number },
  height: number,
  width: number,
): [top: number, left: number] {
  return [roundHalfEven((image.height - height) / 2), roundHalfEven((image.width - width) / 2)];
}

/** Python's `round`: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
