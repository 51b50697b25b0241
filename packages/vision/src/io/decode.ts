/** @file Decodes images: JPEG by libjpeg; PNG, WebP, GIF, TIFF, AVIF and unusual JPEGs through sharp, bitmaps and portable pixmaps by hand. */

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import {
  ArgumentError,
  decodeJpeg,
  decodeJpegInBackground,
  decodesJpeg,
  fromTypedArray,
  inspectJpeg,
  scope,
  type Tensor,
} from '@edgeai/torch';
import type { Sharp, SharpOptions } from 'sharp';
import { decodeBmp, isBmp } from './bmp.ts';
import { checkMode, type DecodedImage, type ImageReadMode, imageToTensor, toMode } from './decoded-image.ts';
import { ImageReadError } from './errors.ts';
import { jpegHeader } from './jpeg-header.ts';
import { JpegImage } from './jpeg-image.ts';
import { decodePngSamples, pngHeader } from './png.ts';
import { decodePnm, isPnm } from './pnm.ts';
import { loadSharp } from './sharp.ts';

export interface DecodeOptions {
  /** Turn the image as its EXIF orientation says. Default false, as in torchvision and Pillow. */
  applyExifOrientation?: boolean;
}

// Pillow and torchvision show the stored values, whatever colour profile they are meant for, and do not stumble over warnings.
const SHARP_OPTIONS: SharpOptions = { failOn: 'error', ignoreIcc: true };

/**
 * Reads an image file: uint8 tensor [channels, height, width]. The pixels are those that Pillow gives.
 *
 * The tensor is made after an `await` and so belongs to no scope: dispose it, or hand it to a `Scope`.
 *
 * @param mode channels wanted. 'UNCHANGED' gives what is in the file: of a PNG with a palette the indices, of a CMYK JPEG the four
 *   channels as they are stored (most programs store 255 − ink)
 * @throws {ImageReadError} naming the file
 */
export async function readImage(
  path: string,
  mode: ImageReadMode = 'UNCHANGED',
  options: DecodeOptions = {},
): Promise<Tensor> {
  return imageToTensor(await loadImage(path, mode, options));
}

/** Decodes the bytes of an image file: uint8 tensor [channels, height, width]. See {@link readImage}. */
export async function decodeImage(
  bytes: Uint8Array,
  mode: ImageReadMode = 'UNCHANGED',
  options: DecodeOptions = {},
): Promise<Tensor> {
  if (!(bytes instanceof Uint8Array)) throw ArgumentError.expected('bytes', 'a Uint8Array', bytes);
  return imageToTensor(await decodePixels(bytes, mode, options));
}

/** Like {@link readImage}, but gives plain bytes: what data sets load ahead. */
export async function loadImage(
  path: string,
  mode: ImageReadMode = 'UNCHANGED',
  options: DecodeOptions = {},
): Promise<DecodedImage> {
  return decodePixels(await loadBytes(path), mode, options, path);
}

/**
 * All frames of an animated GIF or WebP, or pages of a TIFF: uint8 tensor [frames, channels, height, width]. An image of another
 * format has one frame. Frames of animations are shown complete, laid over what came before.
 *
 * @param mode default 'RGB'
 * @throws {ImageReadError} naming the file
 */
export async function readFrames(path: string, mode: FramesReadMode = 'RGB'): Promise<Tensor> {
  return framesOf(await loadBytes(path), mode, path);
}

/** All frames of the bytes of an image file. See {@link readFrames}. */
export async function decodeFrames(bytes: Uint8Array, mode: FramesReadMode = 'RGB'): Promise<Tensor> {
  if (!(bytes instanceof Uint8Array)) throw ArgumentError.expected('bytes', 'a Uint8Array', bytes);
  return framesOf(bytes, mode);
}

/**
 * The values of a PNG as they are stored, not scaled: int32 tensor [channels, height, width]. For 16-bit files: depth and disparity
 * maps, the flow of KITTI. (`readImage` shows the upper 8 bits.)
 *
 * @throws {ImageReadError} naming the file
 */
export async function readPngSamples(path: string): Promise<Tensor> {
  const bytes = await loadBytes(path);
  try {
    const { data, height, width, channels } = await decodePngSamples(bytes);
    return scope(() => fromTypedArray(Int32Array.from(data), [height, width, channels]).permute([2, 0, 1]));
  } catch (error) {
    throw ImageReadError.unreadable(path, reasonOf(error), error);
  }
}

/** The bytes of an image file. @throws {ImageReadError} naming the file, where it is missing, a folder or empty */
async function loadBytes(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = isMainThread ? await readFile(path) : readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ImageReadError('IMAGE_NOT_FOUND', path, `${path}: there is no such file`, error);
    throw ImageReadError.unreadable(path, code === 'EISDIR' ? 'it is a folder' : (error as Error).message, error);
  }
  if (bytes.length === 0) throw ImageReadError.unreadable(path, EMPTY);
  return bytes;
}

/**
 * Like {@link loadImage} with mode 'RGB'. In a worker thread, a plain JPEG is not decoded before its pixels are asked for: a
 * transform may need only some of them.
 */
export async function loadPhoto(path: string): Promise<DecodedImage> {
  return decodePhoto(await loadBytes(path), path);
}

/** The same for the bytes of an image file. They must stay as they are until its pixels are there. */
export async function decodePhoto(bytes: Uint8Array, path: string): Promise<DecodedImage> {
  return (isMainThread ? undefined : photoOf(bytes, path)) ?? decodePixels(bytes, 'RGB', {}, path);
}

/** The bytes of a JPEG as an image that is decoded later; undefined where that cannot be, and for other formats. */
export function photoOf(bytes: Uint8Array, path?: string): JpegImage | undefined {
  if (!decodesJpeg || bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  const size = inspectJpeg(bytes);
  return size && new JpegImage(bytes, size, path);
}

const EMPTY = 'it is empty (0 bytes)';

/** Decodes to plain bytes. @param path what to call the image in errors */
export async function decodePixels(
  bytes: Uint8Array,
  mode: ImageReadMode = 'UNCHANGED',
  options: DecodeOptions = {},
  path?: string,
): Promise<DecodedImage> {
  checkMode(mode);
  if (bytes.length === 0) throw ImageReadError.unreadable(path, EMPTY);
  try {
    if (isPnm(bytes)) return toMode(decodePnm(bytes), mode);
    if (isBmp(bytes)) return toMode(decodeBmp(bytes), mode);
    if (mode === 'UNCHANGED' && pngHeader(bytes)?.isPalette === true) return await paletteIndices(bytes);
    const orient = options.applyExifOrientation ?? false;
    const plain = orient ? undefined : await decodePlainJpeg(bytes, mode === 'RGB');
    return plain === undefined ? await decodeWithSharp(bytes, mode, orient) : toMode(plain, mode);
  } catch (error) {
    throw ImageReadError.unreadable(path, reasonOf(error), error);
  }
}

/** By libjpeg itself, which is faster; undefined for other formats, unusual files, and where it is not there. */
function decodePlainJpeg(
  bytes: Uint8Array,
  rgb: boolean,
): undefined | DecodedImage | Promise<DecodedImage | undefined> {
  if (!decodesJpeg || bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  // A worker thread has nothing else to do; the main thread has.
  return isMainThread ? decodeJpegInBackground(bytes, rgb) : decodeJpeg(bytes, rgb);
}

async function decodeWithSharp(bytes: Uint8Array, mode: ImageReadMode, orient: boolean): Promise<DecodedImage> {
  const sharp = await loadSharp();
  const open = () => (orient ? sharp(bytes, SHARP_OPTIONS).autoOrient() : sharp(bytes, SHARP_OPTIONS));
  const jpeg = jpegHeader(bytes);
  if (jpeg?.components === 4) {
    const inks = await pixels(open().pipelineColourspace('cmyk').toColourspace('cmyk'));
    if (mode !== 'UNCHANGED') return toMode(cmykToRgb(inks), mode);
    // libvips has turned Adobe's values into inks.
    return jpeg.adobe ? { ...inks, data: inks.data.map((ink) => 255 - ink) } : inks;
  }
  const image = await pixels(open());
  if (mode !== 'UNCHANGED') return toMode(image, mode);
  // sharp expands grey to RGB; only the header tells.
  const { space } = await sharp(bytes, SHARP_OPTIONS).metadata();
  const grey = space === 'b-w' || space === 'grey16';
  return grey ? toMode(image, image.channels === 4 ? 'GRAY_ALPHA' : 'GRAY') : image;
}

/** Not the colours that they stand for. */
async function paletteIndices(bytes: Uint8Array): Promise<DecodedImage> {
  const { data, height, width } = await decodePngSamples(bytes);
  return { data: data as Uint8Array, height, width, channels: 1 };
}

/** What frames may be shown as: those of one file share their channels. */
export type FramesReadMode = Exclude<ImageReadMode, 'UNCHANGED'>;

async function framesOf(bytes: Uint8Array, mode: FramesReadMode, path?: string): Promise<Tensor> {
  if ((mode as ImageReadMode) === 'UNCHANGED')
    throw ArgumentError.expected('mode', 'a mode other than UNCHANGED', mode);
  checkMode(mode);
  const sharp = await loadSharp();
  let pages = 1;
  let image: DecodedImage;
  try {
    const animated = bytes.length > 0 && !isPnm(bytes) && !isBmp(bytes);
    if (animated) pages = (await sharp(bytes, SHARP_OPTIONS).metadata()).pages ?? 1;
    // sharp stacks the pages one below the other.
    image =
      pages === 1
        ? await decodePixels(bytes, mode, {}, path)
        : toMode(await pixels(sharp(bytes, { ...SHARP_OPTIONS, pages: -1 })), mode);
  } catch (error) {
    throw error instanceof ImageReadError ? error : ImageReadError.unreadable(path, reasonOf(error), error);
  }
  const { data, width, channels } = image;
  const height = image.height / pages;
  return scope(() => fromTypedArray(data, [pages, height, width, channels]).permute([0, 3, 1, 2]));
}

async function pixels(image: Sharp): Promise<DecodedImage> {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { data, height: info.height, width: info.width, channels: info.channels };
}

/** Pillow's formula, not a colour profile's. */
function cmykToRgb({ data: inks, height, width }: DecodedImage): DecodedImage {
  const data = new Uint8Array(height * width * 3);
  for (let i = 0, o = 0; o < data.length; i += 4) {
    const light = 255 - (inks[i + 3] as number);
    for (let c = 0; c < 3; c++) {
      const product = (inks[i + c] as number) * light + 128;
      data[o++] = light - (((product >> 8) + product) >> 8);
    }
  }
  return { data, height, width, channels: 3 };
}

/** sharp's messages, shortened to what is wrong with the file. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/unsupported image format/.test(message)) return 'its format is unknown or not supported';
  return (message.split('\n')[0] ?? message).replace(/^Input (buffer|file) /, '').trim();
}
