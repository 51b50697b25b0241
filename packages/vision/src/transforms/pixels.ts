/**
 * @file Loops over the pixels of one image in plain TypeScript.
 *
 * libtorch splits the same work among all its threads as soon as an image has 32,768 values. Next to decoders, which keep the
 * cores busy while a batch is prepared, waiting for those threads costs far more than the work itself.
 */

import { fromTypedArray, scope, stack, type Tensor } from '@edgeai/torch';
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

/** A rectangle that lies inside the image, copied. */
export function cropPixels(
  image: DecodedImage,
  top: number,
  left: number,
  height: number,
  width: number,
): DecodedImage {
  const { data, channels } = image;
  const length = width * channels;
  const target = new Uint8Array(height * length);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * channels;
    target.set(data.subarray(start, start + length), y * length);
  }
  return { data: target, height, width, channels };
}

/** Mirrored left to right. */
export function mirror(image: Tensor): Tensor {
  return withPixels(image, ({ data, height, width, channels }) => {
    const target = new Uint8Array(data.length);
    for (let y = 0; y < height; y++) {
      let i = y * width * channels;
      let o = i + (width - 1) * channels;
      for (let x = 0; x < width; x++, o -= channels) {
        for (let c = 0; c < channels; c++) target[o + c] = data[i++] as number;
      }
    }
    return imageToTensor({ data: target, height, width, channels });
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

const PLAIN = table(undefined, undefined);

/**
 * Bytes to a float32 tensor [channels, height, width] in 0 … 1, or normalised with one mean and deviation a channel. The
 * results are those of libtorch's division and subtraction, bit for bit.
 */
export function pixelsToTensor(image: DecodedImage, mean?: readonly number[], std?: readonly number[]): Tensor {
  const { data, height, width, channels } = image;
  const area = height * width;
  const target = floats(area * channels);
  for (let c = 0; c < channels; c++) {
    const values = mean === undefined || std === undefined ? PLAIN : table(mean[c] ?? mean[0], std[c] ?? std[0]);
    let o = c * area;
    for (let i = c; i < data.length; i += channels) target[o++] = values[data[i] as number] as number;
  }
  return fromTypedArray(target, [channels, height, width]);
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
