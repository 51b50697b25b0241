/** @file Crops, flips, padding: where the pixels of an image go. All work on uint8 and float images and batches of them. */

import {
  ArgumentError,
  cat,
  full,
  mirrorBytes,
  pad as padConstant,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '@edgeai/torch';
import { isLargeByteImage } from '../pixels.ts';
import { getDimensions, type Padding, pairOf, roundHalfEven, type Size, sidesOf } from '../size.ts';

export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

export interface PadOptions {
  /** Value of the new pixels, or one a channel. Default 0. */
  fill?: number | readonly number[];
  /** Default 'constant'. 'reflect' does not repeat the outermost pixel, 'symmetric' does. */
  paddingMode?: PaddingMode;
}

/** Mirrored left to right. */
export function hflip(image: Tensor): Tensor {
  return isLargeByteImage(image) ? mirrorBytes(image) : image.flip([-1]);
}

/** Upside down. */
export function vflip(image: Tensor): Tensor {
  return image.flip([-2]);
}

/** A rectangle of the image: a view where it lies inside, with zeros where it does not. */
export function crop(image: Tensor, top: number, left: number, height: number, width: number): Tensor {
  const { height: h, width: w } = getDimensions(image);
  const [y0, x0] = [Math.max(top, 0), Math.max(left, 0)];
  const [y1, x1] = [Math.min(top + height, h), Math.min(left + width, w)];
  return scope(() => {
    if (y1 <= y0 || x1 <= x0)
      return zeros([...image.shape.slice(0, -2), height, width], { dtype: image.dtype, device: image.device });
    const inside = image.narrow(-2, y0, y1 - y0).narrow(-1, x0, x1 - x0);
    if (y1 - y0 === height && x1 - x0 === width) return inside;
    return padConstant(inside, [x0 - left, left + width - x1, y0 - top, top + height - y1]);
  });
}

/** The middle of the image; an image smaller than that is first padded with zeros. */
export function centerCrop(image: Tensor, size: Size): Tensor {
  const [height, width] = pairOf(size);
  return scope(() => {
    const { height: h, width: w } = getDimensions(image);
    const [missingY, missingX] = [Math.max(height - h, 0), Math.max(width - w, 0)];
    let current = image;
    if (missingX > 0 || missingY > 0) {
      current = padConstant(image, [
        Math.floor(missingX / 2),
        Math.ceil(missingX / 2),
        Math.floor(missingY / 2),
        Math.ceil(missingY / 2),
      ]);
    }
    const top = roundHalfEven((h + missingY - height) / 2);
    const left = roundHalfEven((w + missingX - width) / 2);
    return crop(current, top, left, height, width);
  });
}

/**
 * Adds pixels at the sides; a negative padding removes some.
 *
 * @throws {ArgumentError} where 'reflect' or 'symmetric' would need more pixels than the image has
 */
export function pad(image: Tensor, padding: Padding, options: PadOptions = {}): Tensor {
  const { fill = 0, paddingMode = 'constant' } = options;
  const [left, top, right, bottom] = sidesOf(padding);
  if (paddingMode === 'constant') return padWith(image, [left, right, top, bottom], fill);
  if (!['edge', 'reflect', 'symmetric'].includes(paddingMode)) {
    throw ArgumentError.expected('paddingMode', "one of 'constant', 'edge', 'reflect', 'symmetric'", paddingMode);
  }
  const { height, width } = getDimensions(image);
  return scope(() => {
    const rows = sourceIndices(height, top, bottom, paddingMode, image);
    const columns = sourceIndices(width, left, right, paddingMode, image);
    return image.indexSelect(-2, rows).indexSelect(-1, columns);
  });
}

function padWith(image: Tensor, sides: number[], fill: number | readonly number[]): Tensor {
  if (typeof fill === 'number') return padConstant(image, sides, { value: fill });
  const { channels } = getDimensions(image);
  if (fill.length === 1) return padWith(image, sides, fill[0] ?? 0);
  if (fill.length !== channels)
    throw new ArgumentError(
      'fill',
      `Expected one fill value or ${channels}, one a channel, but received ${fill.length}`,
    );
  return scope(() =>
    cat(
      fill.map((value, c) => padConstant(image.narrow(-3, c, 1), sides, { value })),
      -3,
    ),
  );
}

/** For each new row or column, the old one that it repeats. */
function sourceIndices(size: number, before: number, after: number, mode: PaddingMode, like: Tensor): Tensor {
  const most = mode === 'reflect' ? size - 1 : mode === 'symmetric' ? size : Number.POSITIVE_INFINITY;
  if (Math.max(before, after) > most) {
    throw new ArgumentError(
      'padding',
      `Expected a padding of at most ${most} for paddingMode '${mode}' and ${size} pixels but received ${Math.max(before, after)}`,
    );
  }
  const outside = mode === 'edge' ? 0 : mode === 'reflect' ? 1 : 0;
  const indices: number[] = [];
  for (let i = -before; i < size + after; i++) {
    if (i < 0) indices.push(mode === 'edge' ? 0 : -i - 1 + outside);
    else if (i >= size) indices.push(mode === 'edge' ? size - 1 : 2 * size - 1 - i - outside);
    else indices.push(i);
  }
  return tensor(indices, { dtype: 'int64', device: like.device });
}

/** Replaces a rectangle by `value`: a tensor that broadcasts to it, or a number. Changes `image` itself when `inplace`. */
export function erase(
  image: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  value: Tensor | number,
  options: { inplace?: boolean } = {},
): Tensor {
  return scope(() => {
    const result = options.inplace === true ? image : image.clone();
    const area = result.narrow(-2, top, height).narrow(-1, left, width);
    area.copy_(typeof value === 'number' ? full([1], value, { dtype: image.dtype, device: image.device }) : value);
    return result;
  });
}
