/** @file Tables of brightness: invert, posterize, solarize, autocontrast, equalize. */

import { ArgumentError, isFloatingPoint, scope, type Tensor, where } from '@edgeai/torch';
import { byteTable, pillowAutocontrast, pillowEqualize, pillowPoint } from '../pillow-colour.ts';
import { mapPixels } from '../pixels.ts';
import { type BackendOptions, chooseBackend } from './backend.ts';
import { checkColours } from './colour.ts';
import { maxValue } from './values.ts';

/** The negative. */
export function invert(image: Tensor): Tensor {
  checkColours(image);
  return scope(() => image.neg().add(maxValue(image.dtype)).to(image.dtype));
}

/**
 * Keeps the highest bits of each byte.
 *
 * @param bits 0 … 8
 * @throws {ArgumentError} for images that are not uint8
 */
export function posterize(image: Tensor, bits: number): Tensor {
  checkColours(image);
  checkBytes(image);
  if (!(Number.isInteger(bits) && bits >= 0 && bits <= 8))
    throw ArgumentError.expected('bits', 'a whole number between 0 and 8', bits);
  return image.bitwiseAnd(256 - 2 ** (8 - bits));
}

/**
 * Inverts the pixels of at least the threshold.
 *
 * @throws {ArgumentError} for a threshold above the range of the image's dtype
 */
export function solarize(image: Tensor, threshold: number): Tensor {
  checkColours(image);
  if (!(threshold <= maxValue(image.dtype)))
    throw ArgumentError.expected('threshold', `a number of at most ${maxValue(image.dtype)}`, threshold);
  if (image.dtype === 'uint8' && image.device === 'cpu') {
    const table = byteTable((byte) => (byte >= threshold ? 255 - byte : byte));
    return mapPixels(image, (pixels) => pillowPoint(pixels, [table]));
  }
  return scope(() => where(image.ge(threshold), invert(image), image));
}

/** Stretches each channel's range to the whole one. */
export function autocontrast(image: Tensor, options: BackendOptions = {}): Tensor {
  checkColours(image);
  if (chooseBackend(image, options.backend) === 'pil') return mapPixels(image, pillowAutocontrast);
  return scope(() => {
    const { dtype } = image;
    const work = isFloatingPoint(dtype) ? dtype : 'float32';
    const bound = maxValue(dtype);
    const least = image.amin([-2, -1], true).to(work);
    const most = image.amax([-2, -1], true).to(work);
    const scale = most.sub(least).reciprocal().mul(bound);
    const flat = scale.isfinite().logicalNot();
    return image.sub(least.maskedFill(flat, 0)).mul(scale.maskedFill(flat, 1)).clamp(0, bound).to(dtype);
  });
}

/**
 * Makes each channel's histogram flat.
 *
 * @throws {ArgumentError} for images that are not uint8
 */
export function equalize(image: Tensor): Tensor {
  checkColours(image);
  checkBytes(image);
  const { device } = image;
  if (device === 'cpu') return mapPixels(image, pillowEqualize);
  return scope(() => mapPixels(image.to('cpu'), pillowEqualize).to(device));
}

function checkBytes(image: Tensor): void {
  if (image.dtype !== 'uint8') throw ArgumentError.expected('image', 'a uint8 image', image.dtype);
}
