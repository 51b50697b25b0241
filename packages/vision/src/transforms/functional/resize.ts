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
import { type Interpolation, interpolations } from '../pillow-filters.ts';
import { pillowResize } from '../pillow-resize.ts';
import { getDimensions, resizedSize, type Size } from '../size.ts';
import { type Backend, chooseBackend } from './backend.ts';
import { crop } from './geometry.ts';

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
  return chooseResizer(image, options) === 'pil'
    ? resizeImages(image, [newHeight, newWidth], interpolation)
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
    chooseResizer(image, options) === 'pil'
  ) {
    return pillowResize(image, [top, left, height, width], target, interpolation);
  }
  return scope(() => resize(crop(image, top, left, height, width), size, options));
}

/** Each image of a uint8 tensor [height, width], [channels, height, width] or […, channels, height, width]. */
function resizeImages(image: Tensor, size: readonly [number, number], interpolation: Interpolation): Tensor {
  return scope(() => {
    if (image.ndim === 3) return pillowResize(image, [0, 0, image.size(1), image.size(2)], size, interpolation);
    if (image.ndim === 2) return resizeImages(image.unsqueeze(0), size, interpolation).squeeze(0);
    return stack([...image].map((one) => resizeImages(one, size, interpolation)));
  });
}

/** @internal Whether uint8 images on the CPU are resized with Pillow's arithmetic, and the options are valid. */
export function resizesBytes({ backend, antialias, interpolation = 'bilinear' }: ResizeOptions): boolean {
  return (backend === undefined || backend === 'pil') && antialias !== false && interpolations.includes(interpolation);
}

function chooseResizer(image: Tensor, { backend, antialias }: ResizeOptions): Backend {
  if (backend === undefined && antialias === false) return 'tensor';
  const chosen = chooseBackend(image, backend);
  if (chosen === 'pil' && antialias === false)
    throw new ArgumentError(
      'antialias',
      "Expected antialias: true for backend 'pil', which cannot do without; use backend 'tensor'",
    );
  return chosen;
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
