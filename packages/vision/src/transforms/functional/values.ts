/** @file What the values of pixels become: conversion between element types, normalisation, grey. */

import { ArgumentError, type DType, getNumThreads, isFloatingPoint, scope, type Tensor, tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor, tensorToImage } from '../../io/decoded-image.ts';
import { isLargeByteImage, isLargeFloatImage, normalizeFloats, pixelsToFloats } from '../pixels.ts';
import { getDimensions } from '../size.ts';
import { type Backend, type BackendOptions, chooseBackend } from './backend.ts';

const MAXIMA: Partial<Record<DType, number>> = {
  uint8: 255,
  int8: 127,
  int16: 32767,
  int32: 2 ** 31 - 1,
  int64: 2 ** 63,
};

/** @internal The value that stands for full brightness. */
export function maxValue(dtype: DType): number {
  return MAXIMA[dtype] ?? 1;
}

/**
 * Converts an image to another element type and its range: 0 … 1 for floats, 0 … maximum for whole numbers.
 *
 * @throws {ArgumentError} from float32 to int32 and int64, and from float64 to int64, which would lose digits
 */
export function convertImageDtype(image: Tensor, dtype: DType = 'float32'): Tensor {
  const from = image.dtype;
  if (from === dtype) return image;
  if (dtype === 'float32' && isLargeByteImage(image)) return pixelsToFloats(image);
  const most = maxValue(dtype);
  return scope(() => {
    if (isFloatingPoint(from)) {
      if (isFloatingPoint(dtype)) return image.to(dtype);
      if (
        (from === 'float32' && (dtype === 'int32' || dtype === 'int64')) ||
        (from === 'float64' && dtype === 'int64')
      ) {
        throw new ArgumentError('dtype', `An image of ${from} cannot be converted to ${dtype} without losing digits`);
      }
      // Just below the next step, so that all values of the target get an equal share of 0 … 1.
      return image.mul(most + 1 - 1e-3).to(dtype);
    }
    // Rows in memory order: decoded images lie interleaved, and batches of them should not.
    if (isFloatingPoint(dtype)) return image.to({ dtype, memoryFormat: 'contiguous_format' }).div_(maxValue(from));
    const ratio = (most + 1) / (maxValue(from) + 1);
    // As bigints: between uint8 and int64 the factor is 2^55.
    if (ratio < 1) return image.div(BigInt(1 / ratio), { roundingMode: 'floor' }).to(dtype);
    return image.to(dtype).mul(BigInt(ratio));
  });
}

/** A uint8 image as float32 in 0 … 1; other types keep their values, as Pillow's float and integer images do in torchvision. */
export function toTensor(image: Tensor): Tensor {
  return image.dtype === 'uint8' ? convertImageDtype(image, 'float32') : image.contiguous();
}

/** A decoded image as a uint8 tensor [channels, height, width], its values unchanged. */
export function pilToTensor(image: DecodedImage): Tensor {
  return scope(() => imageToTensor(image).contiguous());
}

/** What an image's channels are, by their number: grey, grey and alpha, colours, colours and alpha. */
export type ImageMode = 'L' | 'LA' | 'RGB' | 'RGBA';

const MODES: readonly ImageMode[] = ['L', 'LA', 'RGB', 'RGBA'];

/**
 * A tensor [height, width] or [1…4 channels, height, width] as a decoded image, ready to be encoded. Floats in 0 … 1 are
 * multiplied by 255 and cut.
 *
 * @param mode a check of the number of channels
 */
export function toPilImage(image: Tensor, mode?: ImageMode): DecodedImage {
  return scope(() => {
    const { shape, dtype } = image;
    const bytes = isFloatingPoint(dtype) ? image.mul(255).to('uint8') : image;
    const decoded = tensorToImage(shape.length === 2 ? bytes.unsqueeze(0) : bytes);
    if (mode !== undefined && MODES[decoded.channels - 1] !== mode) {
      throw new ArgumentError(
        'mode',
        `Expected ${MODES[decoded.channels - 1]} for an image of ${decoded.channels} channels but received ${mode}`,
      );
    }
    return decoded;
  });
}

export interface NormalizeOptions {
  /** Change the given tensor. Default false. */
  inplace?: boolean;
}

/**
 * (image − mean) / std, channel by channel.
 *
 * @throws {ArgumentError} for images that are not floating point, a `std` of zero, or lists of the wrong length
 */
export function normalize(
  image: Tensor,
  mean: readonly number[],
  std: readonly number[],
  options: NormalizeOptions = {},
): Tensor {
  const { dtype, device } = image;
  if (!isFloatingPoint(dtype))
    throw new ArgumentError(
      'image',
      `Expected a floating-point image to normalize but received ${dtype}; convert it first (ToTensor or ConvertImageDtype)`,
    );
  if (image.ndim < 3)
    throw new ArgumentError(
      'image',
      `Expected an image of shape […, channels, height, width] but received [${image.shape.join(', ')}]`,
    );
  const { channels } = getDimensions(image);
  for (const [name, values] of [
    ['mean', mean],
    ['std', std],
  ] as const) {
    if (values.length !== 1 && values.length !== channels && channels !== 1) {
      throw new ArgumentError(
        name,
        `Expected ${channels} values for ${name}, one a channel, but received ${values.length}`,
      );
    }
  }
  if (std.some((value) => Math.fround(value) === 0))
    throw new ArgumentError('std', `Expected values other than 0 for std but received [${std.join(', ')}]`);
  if (options.inplace !== true && getNumThreads() > 1 && isLargeFloatImage(image))
    return normalizeFloats(image, mean, std);
  return scope(() => {
    const column = (values: readonly number[]) => tensor([...values], { dtype, device }).view([-1, 1, 1]);
    const centred = options.inplace === true ? image.sub_(column(mean)) : image.sub(column(mean));
    return centred.div_(column(std));
  });
}

/** Pillow's rounding, or torchvision's for tensors. */
export type GrayscaleOptions = BackendOptions;

/**
 * Grey version of an RGB image […, 3, height, width]; one that is grey already stays.
 *
 * @param numOutputChannels 1, or 3 equal ones
 */
export function rgbToGrayscale(image: Tensor, numOutputChannels: 1 | 3 = 1, options: GrayscaleOptions = {}): Tensor {
  const { channels } = getDimensions(image);
  if (image.ndim < 3 || (channels !== 1 && channels !== 3)) {
    throw new ArgumentError(
      'image',
      `Expected an image of 1 or 3 channels but received shape [${image.shape.join(', ')}]`,
    );
  }
  if (numOutputChannels !== 1 && numOutputChannels !== 3)
    throw ArgumentError.expected('numOutputChannels', '1 or 3', numOutputChannels);
  const backend = chooseBackend(image, options.backend);
  return scope(() => {
    const grey = channels === 1 ? image : lumaOf(image, backend);
    if (numOutputChannels === 1) return grey === image ? image.clone() : grey;
    return grey.expand([...image.shape.slice(0, -3), 3, ...image.shape.slice(-2)]);
  });
}

/** The same: torchvision's name for Pillow images. */
export const toGrayscale: typeof rgbToGrayscale = rgbToGrayscale;

function lumaOf(image: Tensor, backend: Backend): Tensor {
  const [r, g, b] = [0, 1, 2].map((c) => image.narrow(-3, c, 1)) as [Tensor, Tensor, Tensor];
  if (backend === 'tensor') return r.mul(0.2989).add(g.mul(0.587)).add(b.mul(0.114)).to(image.dtype);
  const sum = r.to('int32').mul(19595).add(g.to('int32').mul(38470)).add(b.to('int32').mul(7471)).add(0x8000);
  return sum.div(0x10000, { roundingMode: 'floor' }).to(image.dtype);
}
