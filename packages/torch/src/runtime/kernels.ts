/**
 * @file Kernels of data loading that libtorch does not have: Pillow's resize, bytes to floats, JPEGs, files as tensors. They
 * run in the calling thread alone.
 */

import { handleOf } from '../core/dispatch.ts';
import { Tensor } from '../core/tensor.ts';
import { batchSlot } from '../data/batch-slots.ts';
import { ArgumentError } from '../errors.ts';
import { type DecodedBytes, native, type ResizeTable } from '../native.ts';

export type { DecodedBytes, ResizeTable } from '../native.ts';

/**
 * A part of a uint8 image [channels, height, width], resized with fixed-point weights: across, then down, rounded to bytes in
 * between, as Pillow does it. Without a table, an axis stays as it is. The result is a view of [height, width, channels].
 *
 * @param region [top, left, height, width], inside the image
 * @param size [height, width] of the result
 * @throws {TorchError} for another kind of tensor, or a region outside it
 */
export function resizeBytes(
  image: Tensor,
  region: readonly [top: number, left: number, height: number, width: number],
  size: readonly [height: number, width: number],
  tables: { readonly horizontal: ResizeTable | null; readonly vertical: ResizeTable | null },
): Tensor {
  const handle = native.resizeImage(handleOf(image), region, size, tables.horizontal, tables.vertical);
  return new Tensor(handle, 'resizeBytes');
}

/** A uint8 image [channels, height, width], mirrored left to right. The result is a view of [height, width, channels]. */
export function mirrorBytes(image: Tensor): Tensor {
  return new Tensor(native.mirrorImage(handleOf(image)), 'mirrorBytes');
}

/**
 * A uint8 image [channels, height, width] as contiguous float32: each byte becomes what its channel's row of the table says.
 *
 * @param table 256 values a channel
 */
export function bytesToFloats(image: Tensor, table: Float32Array): Tensor {
  return new Tensor(native.imageToFloats(handleOf(image), table), 'bytesToFloats');
}

/** Whether the addon was built with libjpeg; without it, {@link decodeJpeg} gives undefined. */
export const decodesJpeg: boolean = native.decodesJpeg;

/**
 * Decodes a plain JPEG of one or three components, with the library that Pillow uses, in this thread.
 *
 * @param rgb three channels also for a grey image
 * @returns undefined for anything else, which another decoder may know
 * @throws {TorchError} with libjpeg's words, for an image of which data is missing or was changed
 */
export function decodeJpeg(bytes: Uint8Array, rgb: boolean): DecodedBytes | undefined {
  return native.decodeJpeg(bytes, rgb);
}

/** Like {@link decodeJpeg}, in a thread of Node's pool. The bytes must stay as they are meanwhile. */
export function decodeJpegInBackground(bytes: Uint8Array, rgb: boolean): Promise<DecodedBytes | undefined> {
  return native.decodeJpegInBackground(bytes, rgb);
}

/**
 * Height and width of a plain JPEG that {@link jpegToFloats} takes: one that is complete and stored row after row.
 *
 * @returns undefined for anything else
 */
export function inspectJpeg(bytes: Uint8Array): [height: number, width: number] | undefined {
  return native.inspectJpeg(bytes);
}

/** The filters that {@link photoToFloats} knows. */
export type PhotoFilter = 'bilinear' | 'bicubic' | 'box';

const PHOTO_FILTERS: readonly PhotoFilter[] = ['bilinear', 'bicubic', 'box'];

/** A rectangle of an image. */
type Part = readonly [top: number, left: number, height: number, width: number];

/** What {@link photoToFloats} shall make of an image: `region` of it is resized to `size`, and `window` of that is wanted. */
export interface PhotoPlan {
  readonly region: Part;
  readonly size: readonly [height: number, width: number];
  readonly window: Part;
  readonly filter: PhotoFilter;
  /** Left to right, after the rest. */
  readonly mirrored: boolean;
}

/**
 * A uint8 image [channels, height, width] made ready for a network in one pass: what {@link resizeBytes}, {@link mirrorBytes} and
 * {@link bytesToFloats} give one after the other. Where a loader is gathering a batch, the result lies in the batch's memory.
 *
 * @param table 256 values a channel: what becomes of each byte
 * @returns float32 [channels, height, width] of the window's size
 */
export function photoToFloats(image: Tensor, plan: PhotoPlan, table: Float32Array): Tensor {
  const target = batchSlot([image.size(0), plan.window[2], plan.window[3]]);
  native.photoToFloats(handleOf(image), encodePlan(plan), table, handleOf(target));
  return target;
}

/**
 * The same for the bytes of a JPEG that {@link inspectJpeg} has accepted, as RGB. Pixels are made only of what the plan asks for.
 *
 * @throws {TorchError} as {@link decodeJpeg} does, wherever the damage is
 */
export function jpegToFloats(
  bytes: Uint8Array,
  size: readonly [height: number, width: number],
  plan: PhotoPlan,
  table: Float32Array,
): Tensor {
  const target = batchSlot([3, plan.window[2], plan.window[3]]);
  native.jpegToFloats(bytes, size, encodePlan(plan), table, handleOf(target));
  return target;
}

const encoded = new Int32Array(12);

/** In the order of the addon's struct. */
function encodePlan({ region, size, window, filter, mirrored }: PhotoPlan): Int32Array {
  encoded.set(region, 0);
  encoded.set(size, 4);
  encoded.set(window, 6);
  encoded[10] = PHOTO_FILTERS.indexOf(filter);
  encoded[11] = mirrored ? 1 : 0;
  return encoded;
}

/** One float32 from [from, to): `empty([1]).uniform_(from, to).item()`, without the tensors. */
export function drawUniform(from: number, to: number): number {
  return native.drawUniform(from, to);
}

/** One whole number from [low, high): `randint(low, high, [1]).item()`, without the tensors. */
export function drawInteger(low: number, high: number): number {
  if (!(high > low)) throw ArgumentError.expected('high', `a number above low, which is ${low},`, high);
  return native.drawInteger(low, high);
}

/** e to a power, in float32: `tensor([value]).exp().item()`, without the tensors. */
export function expFloat(value: number): number {
  return native.expFloat(value);
}

/**
 * A file as a uint8 tensor [bytes] over its memory: nothing is read before it is touched, and all threads and processes share
 * the pages. Writing to the tensor does not change the file. The file may be replaced meanwhile, but must not be cut short.
 *
 * @throws {TorchError} with the system's reason
 */
export function mapFile(path: string): Tensor {
  if (typeof path !== 'string') throw ArgumentError.expected('path', 'a string', path);
  return new Tensor(native.mapFile(path), 'mapFile');
}

/** CRC-32C (Castagnoli) of a stretch of a contiguous uint8 tensor. */
export function crc32c(bytes: Tensor, start = 0, length: number = bytes.numel() - start): number {
  return native.crc32c(handleOf(bytes), start, length);
}
