/** @file Several images side by side in one, and images into files. */

import { ArgumentError, cat, full, scope, stack, type Tensor } from '@edgeai/torch';
import { type EncodeOptions, imageFormatOf, writeImage } from '../io/encode.ts';

export interface GridOptions {
  /** Images in a row. Default 8. */
  nrow?: number;
  /** Pixels between the images. Default 2. */
  padding?: number;
  /** Stretch the values to 0 … 1. Default false. */
  normalize?: boolean;
  /** What becomes 0 and 1; values outside are cut. Default: the least and the greatest value. */
  valueRange?: readonly [least: number, most: number];
  /** Look for least and greatest in each image instead of in all of them. Default false. */
  scaleEach?: boolean;
  /** Value of the pixels between the images. Default 0. */
  padValue?: number;
}

/**
 * Lays images side by side, row after row. A single image comes without a border; grey ones become RGB.
 *
 * @param images [batch, channels, height, width], an array of [channels, height, width], or one image
 * @returns [channels, height, width], of the same dtype
 */
export function makeGrid(images: Tensor | readonly Tensor[], options: GridOptions = {}): Tensor {
  const { nrow = 8, padding = 2, normalize = false, padValue = 0 } = options;
  if (!Number.isInteger(nrow) || nrow < 1) throw ArgumentError.expected('nrow', 'a whole number above 0', nrow);
  if (!Number.isInteger(padding) || padding < 0)
    throw ArgumentError.expected('padding', 'a whole number of at least 0', padding);
  return scope(() => {
    const plain = batchOf(images);
    const batch = normalize ? normalized(plain, options) : plain;
    const [count = 0, channels = 0, height = 0, width = 0] = batch.shape;
    if (count === 1) return batch.select(0, 0).clone();
    const columns = Math.min(nrow, count);
    const rows = Math.ceil(count / columns);
    const [stepY, stepX] = [height + padding, width + padding];
    const { dtype, device } = batch;
    const grid = full([channels, rows * stepY + padding, columns * stepX + padding], padValue, { dtype, device });
    for (let i = 0; i < count; i++)
      grid
        .narrow(1, Math.floor(i / columns) * stepY + padding, height)
        .narrow(2, (i % columns) * stepX + padding, width)
        .copy_(batch.select(0, i));
    return grid;
  });
}

function batchOf(images: Tensor | readonly Tensor[]): Tensor {
  let batch = isArray(images) ? stack([...images]) : images;
  if (batch.ndim < 2 || batch.ndim > 4 || batch.size(0) === 0)
    throw ArgumentError.expected(
      'images',
      'the shape [batch, channels, height, width], with a batch of at least 1',
      `[${batch.shape.join(', ')}]`,
    );
  while (batch.ndim < 4) batch = batch.unsqueeze(0);
  return batch.size(1) === 1 ? cat([batch, batch, batch], 1) : batch;
}

function isArray(images: Tensor | readonly Tensor[]): images is readonly Tensor[] {
  return Array.isArray(images);
}

function normalized(batch: Tensor, { valueRange, scaleEach = false }: GridOptions): Tensor {
  const stretch = (values: Tensor) => {
    const [least, most] = valueRange ?? [Number(values.min().item()), Number(values.max().item())];
    return values
      .clamp(least, most)
      .sub(least)
      .div(Math.max(most - least, 1e-5));
  };
  return scaleEach ? stack(batch.unbind(0).map(stretch)) : stretch(batch);
}

/**
 * Writes images, laid out by {@link makeGrid}, to a file; its extension names the format.
 *
 * @param images of values in 0 … 1, or uint8
 */
export async function saveImage(
  images: Tensor | readonly Tensor[],
  path: string,
  options: GridOptions & EncodeOptions = {},
): Promise<void> {
  imageFormatOf(path);
  using bytes = scope(() => {
    const grid = makeGrid(images, options);
    return (grid.dtype === 'uint8' ? grid : grid.mul(255).add(0.5).clamp(0, 255).to('uint8')).to('cpu');
  });
  await writeImage(bytes, path, options);
}
