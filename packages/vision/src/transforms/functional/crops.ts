/** @file Several crops of one image, for evaluations that average over them. */

import { ArgumentError, scope, type Tensor } from '@edgeai/torch';
import { getDimensions, pairOf, type Size } from '../size.ts';
import { centerCrop, crop, hflip, vflip } from './geometry.ts';

/**
 * The four corners and the middle: top left, top right, bottom left, bottom right, centre.
 *
 * @throws {ArgumentError} for a crop larger than the image
 */
export function fiveCrop(image: Tensor, size: Size): [Tensor, Tensor, Tensor, Tensor, Tensor] {
  const [h, w] = pairOf(size);
  const { height, width } = getDimensions(image);
  if (h > height || w > width)
    throw new ArgumentError('size', `The crop of ${h}×${w} is larger than the image of ${height}×${width}`);
  return scope(() => [
    crop(image, 0, 0, h, w),
    crop(image, 0, width - w, h, w),
    crop(image, height - h, 0, h, w),
    crop(image, height - h, width - w, h, w),
    centerCrop(image, [h, w]),
  ]);
}

/** The crops of {@link fiveCrop}, and those of the mirrored image (turned upside down with `verticalFlip`). */
export function tenCrop(image: Tensor, size: Size, verticalFlip = false): Tensor[] {
  return scope(() => [...fiveCrop(image, size), ...fiveCrop(verticalFlip ? vflip(image) : hflip(image), size)]);
}
