/**
 * @file Loops over the pixels of one image in this thread alone.
 *
 * libtorch splits the same work among all its threads as soon as an image has 32,768 values. Next to decoders, which keep the
 * cores busy while a batch is prepared, waiting for those threads costs far more than the work itself.
 */

import { bytesToFloats, fromTypedArray, scope, stack, type Tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor, tensorToImage } from '../io/decoded-image.ts';

/** libtorch's grain size: below it, its operators stay in one thread and are the faster choice. */
const GRAIN = 32768;

// Synchronous code only, so that one buffer of each kind serves all images.
let byteBuffer = new Uint8Array(0);
let floatBuffer = new Float32Array(0);

/** True for a single image of bytes that libtorch would split among threads. */
export function isLargeByteImage(image: Tensor): boolean {
  return (
    image.dtype === 'uint8' &&
    image.ndim === 3 &&
    image.device === 'cpu' &&
    image.numel() >= GRAIN &&
    image.size(0) <= 4
  );
}

/** Runs `fn` on the bytes of an image; they are only lent. */
export function withPixels<T>(image: Tensor, fn: (pixels: DecodedImage) => T): T {
  const size = image.numel();
  if (byteBuffer.length < size) byteBuffer = new Uint8Array(size);
  return fn(tensorToImage(image, byteBuffer));
}

/**
 * Runs `fn` on the bytes of each image of a uint8 tensor [height, width], [channels, height, width] or […, channels, height,
 * width], and gives its results in the same form. `fn` must not come back here.
 */
export function mapPixels(image: Tensor, fn: (pixels: DecodedImage) => DecodedImage): Tensor {
  return scope(() => {
    if (image.ndim === 3) return withPixels(image, (pixels) => imageToTensor(fn(pixels)));
    if (image.ndim === 2) return mapPixels(image.unsqueeze(0), fn).squeeze(0);
    return stack([...image].map((one) => mapPixels(one, fn)));
  });
}

/** What each byte becomes, in float32 arithmetic: byte / 255, then (value − mean) / std where these are given. */
function table(mean: number | undefined, std: number | undefined): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const value = Math.fround(byte / 255);
    if (mean === undefined || std === undefined) return value;
    return Math.fround(value - Math.fround(mean)) / Math.fround(std);
  });
}

const tables = new Map<string, Float32Array>();

/** What bytes become as floats: one table a channel, one behind the other. */
export function floatTable(channels: number, mean?: readonly number[], std?: readonly number[]): Float32Array {
  const key = `${channels} ${mean} ${std}`;
  let found = tables.get(key);
  if (found === undefined) {
    found = new Float32Array(channels * 256);
    for (let c = 0; c < channels; c++) found.set(table(mean?.[c] ?? mean?.[0], std?.[c] ?? std?.[0]), c * 256);
    // A program has a few normalisations, but may try many.
    if (tables.size >= 16) tables.clear();
    tables.set(key, found);
  }
  return found;
}

/**
 * A uint8 image [channels, height, width] as float32 in 0 … 1, or normalised with one mean and deviation a channel. The results
 * are those of libtorch's division and subtraction, bit for bit.
 */
export function pixelsToFloats(image: Tensor, mean?: readonly number[], std?: readonly number[]): Tensor {
  return bytesToFloats(image, floatTable(image.size(0), mean, std));
}

/** True for a single contiguous float32 image that libtorch would split among threads. */
export function isLargeFloatImage(image: Tensor): boolean {
  return (
    image.dtype === 'float32' &&
    image.ndim === 3 &&
    image.device === 'cpu' &&
    image.numel() >= GRAIN &&
    image.isContiguous() &&
    !image.requiresGrad
  );
}

/** (image − mean) / std of a contiguous float32 image. */
export function normalizeFloats(image: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  const { shape } = image;
  const [channels = 0, height = 0, width = 0] = shape;
  const area = height * width;
  const target = floats(channels * area);
  return scope(() => {
    image.copyTo(target);
    for (let c = 0; c < channels; c++) {
      const m = Math.fround(mean[c] ?? (mean[0] as number));
      const s = Math.fround(std[c] ?? (std[0] as number));
      const end = (c + 1) * area;
      for (let i = c * area; i < end; i++) target[i] = Math.fround((target[i] as number) - m) / s;
    }
    return fromTypedArray(target, shape);
  });
}

function floats(size: number): Float32Array {
  if (floatBuffer.length < size) floatBuffer = new Float32Array(size);
  return floatBuffer.subarray(0, size);
}
