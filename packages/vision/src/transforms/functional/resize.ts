/** @file Resizing, by Pillow's arithmetic for 8-bit images or by libtorch's for any tensor. */

import {
  ArgumentError,
  ops,
  scope,
  stack,
  type Tensor,
  upsampleBicubic2d,
  upsampleBilinear2d,
  upsampleNearest2d,
} from '@edgeai/torch';
import { imageToTensor } from '../../io/decoded-image.ts';
import { type Interpolation, interpolations } from '../pillow-filters.ts';
import { pillowResize } from '../pillow-resize.ts';
import { cropPixels, withPixels } from '../pixels.ts';
import { getDimensions, resizedSize, type Size } from '../size.ts';
import { crop } from './geometry.ts';

/** Whose arithmetic: 'pil' is Pillow's on 8-bit images, 'tensor' is libtorch's `interpolate`. */
export type Backend = 'pil' | 'tensor';

export interface ResizeOptions {
  /** Default 'bilinear'. */
  interpolation?: Interpolation;
  /** Most that the longer side may have, where `size` is a single number. */
  maxSize?: number;
  /** Widen the filter when shrinking. Default true; Pillow always does. */
  antialias?: boolean;
  /** Default: 'pil' for uint8 images, 'tensor' for others and where `antialias` is false. */
  backend?: Backend;
}

/**
 * Resizes an image or a batch of images […, channels, height, width].
 *
 * @param size [height, width], or one number for the shorter side
 * @throws {ArgumentError} for an interpolation that the backend does not have
 */
export function resize(image: Tensor, size: Size, options: ResizeOptions = {}): Tensor {
  const { interpolation = 'bilinear' } = options;
  if (!interpolations.includes(interpolation))
    throw ArgumentError.expected('interpolation', `one of ${interpolations.join(', ')}`, interpolation);
  const { height, width } = getDimensions(image);
  const [newHeight, newWidth] = resizedSize(height, width, size, options.maxSize);
  if (newHeight === height && newWidth === width) return image;
  return chooseBackend(image, options) === 'pil'
    ? resizeBytes(image, newHeight, newWidth, interpolation)
    : resizeTensor(image, newHeight, newWidth, interpolation, options.antialias ?? true);
}

/** Crops, then resizes what is left. */
export function resizedCrop(
  image: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  size: Size,
  options: Omit<ResizeOptions, 'maxSize'> = {},
): Tensor {
  const { interpolation = 'bilinear' } = options;
  const dimensions = getDimensions(image);
  const inside = top >= 0 && left >= 0 && top + height <= dimensions.height && left + width <= dimensions.width;
  const target = resizedSize(height, width, size);
  const same = target[0] === height && target[1] === width;
  if (
    inside &&
    !same &&
    image.ndim === 3 &&
    interpolations.includes(interpolation) &&
    chooseBackend(image, options) === 'pil'
  ) {
    return withPixels(image, (pixels) =>
      imageToTensor(pillowResize(cropPixels(pixels, top, left, height, width), ...target, interpolation)),
    );
  }
  return scope(() => resize(crop(image, top, left, height, width), size, options));
}

function chooseBackend(image: Tensor, { backend, antialias }: ResizeOptions): Backend {
  const bytes = image.dtype === 'uint8' && image.device === 'cpu';
  if (backend === undefined) return bytes && antialias !== false ? 'pil' : 'tensor';
  if (backend === 'pil') {
    if (!bytes)
      throw new ArgumentError(
        'backend',
        `Expected a uint8 image on the CPU for backend 'pil' but received ${image.dtype} on ${image.device}`,
      );
    if (antialias === false)
      throw new ArgumentError(
        'antialias',
        "Expected antialias: true for backend 'pil', which cannot do without; use backend 'tensor'",
      );
  } else if (backend !== 'tensor') throw ArgumentError.expected('backend', "'pil' or 'tensor'", backend);
  return backend;
}

function resizeBytes(image: Tensor, height: number, width: number, interpolation: Interpolation): Tensor {
  return scope(() => {
    if (image.ndim === 3)
      return withPixels(image, (pixels) => imageToTensor(pillowResize(pixels, height, width, interpolation)));
    if (image.ndim === 2) return resizeBytes(image.unsqueeze(0), height, width, interpolation).squeeze(0);
    return stack([...image].map((one) => resizeBytes(one, height, width, interpolation)));
  });
}

const MODES: readonly Interpolation[] = ['nearest', 'nearest-exact', 'bilinear', 'bicubic'];

function resizeTensor(
  image: Tensor,
  height: number,
  width: number,
  interpolation: Interpolation,
  antialias: boolean,
): Tensor {
  if (!MODES.includes(interpolation)) {
    throw new ArgumentError(
      'interpolation',
      `Interpolation '${interpolation}' is for uint8 images and backend 'pil'; the backend 'tensor' has ${MODES.join(', ')}`,
    );
  }
  return scope(() => {
    const { dtype, shape } = image;
    const converts = dtype !== 'float32' && dtype !== 'float64';
    // interpolate() wants four dimensions.
    const batch = image.reshape([-1, shape.length > 2 ? (shape[shape.length - 3] as number) : 1, ...shape.slice(-2)]);
    let result = interpolate(converts ? batch.to('float32') : batch, [height, width], interpolation, antialias);
    if (converts) {
      if (interpolation === 'bicubic' && dtype === 'uint8') result = result.clamp(0, 255);
      result = (dtype.includes('float') ? result : result.round()).to(dtype);
    }
    return result.reshape([...shape.slice(0, -2), height, width]);
  });
}

function interpolate(batch: Tensor, size: number[], interpolation: Interpolation, antialias: boolean): Tensor {
  const { aten } = ops;
  switch (interpolation) {
    case 'bilinear':
      return antialias
        ? (aten?._upsample_bilinear2d_aa?.(batch, size, false) as Tensor)
        : upsampleBilinear2d(batch, size, false);
    case 'bicubic':
      return antialias
        ? (aten?._upsample_bicubic2d_aa?.(batch, size, false) as Tensor)
        : upsampleBicubic2d(batch, size, false);
    case 'nearest':
      return upsampleNearest2d(batch, size);
    default:
      return aten?._upsample_nearest_exact2d?.(batch, size) as Tensor;
  }
}
