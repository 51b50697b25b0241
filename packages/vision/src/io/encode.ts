/** @file Writes images: PNG, JPEG, WebP, GIF, TIFF and AVIF through sharp, bitmaps by hand. */

import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { ArgumentError, type Tensor } from '@edgeai/torch';
import type { Sharp } from 'sharp';
import { encodeBmp } from './bmp.ts';
import { type DecodedImage, tensorToImage } from './decoded-image.ts';
import { loadSharp } from './sharp.ts';

export interface PngOptions {
  /** 0 (fast) to 9 (small). Default 6. */
  compressionLevel?: number;
}

export interface JpegOptions {
  /** 1 to 100. Default 75. */
  quality?: number;
}

export interface EncodeOptions extends PngOptions, JpegOptions {
  /** WebP, AVIF: keep every value. Default false. */
  lossless?: boolean;
}

interface Format {
  readonly extensions: readonly string[];
  readonly channels: readonly (1 | 2 | 3 | 4)[];
  readonly encode: (image: Sharp, options: EncodeOptions, pixels: DecodedImage) => Promise<Uint8Array>;
}

/** The formats that can be written. GIF has 256 colours at most. */
const FORMATS = {
  png: {
    extensions: ['.png'],
    channels: [1, 2, 3, 4],
    encode: (image, { compressionLevel = 6 }) => image.png({ compressionLevel }).toBuffer(),
  },
  jpeg: {
    extensions: ['.jpg', '.jpeg'],
    channels: [1, 3],
    encode: (image, { quality = 75 }) => image.jpeg({ quality }).toBuffer(),
  },
  webp: {
    extensions: ['.webp'],
    channels: [1, 2, 3, 4],
    // Colours under full transparency are kept too.
    encode: (image, { quality = 80, lossless = false }) =>
      image.webp({ quality, lossless, exact: lossless }).toBuffer(),
  },
  gif: { extensions: ['.gif'], channels: [1, 2, 3, 4], encode: (image) => image.gif().toBuffer() },
  tiff: {
    extensions: ['.tif', '.tiff'],
    channels: [1, 2, 3, 4],
    encode: (image) => image.tiff({ compression: 'deflate' }).toBuffer(),
  },
  avif: {
    extensions: ['.avif'],
    channels: [1, 2, 3, 4],
    encode: (image, { quality = 50, lossless = false }) => image.avif({ quality, lossless }).toBuffer(),
  },
  bmp: { extensions: ['.bmp'], channels: [1, 3], encode: async (_, __, pixels) => encodeBmp(pixels) },
} as const satisfies Record<string, Format>;

/** A format that can be written. */
export type ImageFormat = keyof typeof FORMATS;

/**
 * The bytes of an image file with the pixels of a uint8 tensor [channels, height, width].
 *
 * @throws {ArgumentError} for an unknown format, options out of range, or channels that the format has no place for
 */
export async function encodeImage(
  image: Tensor,
  format: ImageFormat,
  options: EncodeOptions = {},
): Promise<Uint8Array> {
  if (!Object.hasOwn(FORMATS, format))
    throw ArgumentError.expected('format', `one of ${Object.keys(FORMATS).join(', ')}`, format);
  if (options.compressionLevel !== undefined) checkRange('compressionLevel', options.compressionLevel, 0, 9);
  if (options.quality !== undefined) checkRange('quality', options.quality, 1, 100);
  const { channels: allowed, encode }: Format = FORMATS[format];
  // Before the first await: the tensor may be gone afterwards.
  const pixels = tensorToImage(image);
  const { data, height, width } = pixels;
  const channels = allowed.find((number) => number === pixels.channels);
  if (channels === undefined)
    throw new ArgumentError(
      'image',
      `Expected an image of ${allowed.join(' or ')} channels but received ${pixels.channels}`,
    );
  const sharp = await loadSharp();
  const raw = sharp(data, { raw: { width, height, channels } });
  return encode(channels <= 2 ? raw.toColourspace('b-w') : raw, options, pixels);
}

/** The format that the extension of a file stands for. @throws {ArgumentError} naming the extensions there are */
export function imageFormatOf(path: string): ImageFormat {
  const extension = extname(path).toLowerCase();
  for (const [name, { extensions }] of Object.entries<Format>(FORMATS))
    if (extensions.includes(extension)) return name as ImageFormat;
  const known = Object.values<Format>(FORMATS).flatMap(({ extensions }) => extensions);
  throw ArgumentError.expected('path', `a file name that ends in one of ${known.join(', ')}`, path);
}

/** Writes an image file in the format that its extension names. See {@link encodeImage}. */
export async function writeImage(image: Tensor, path: string, options: EncodeOptions = {}): Promise<void> {
  await writeFile(path, await encodeImage(image, imageFormatOf(path), options));
}

/** The bytes of a PNG file with the pixels of a uint8 tensor [1…4, height, width]. */
export async function encodePng(image: Tensor, options: PngOptions = {}): Promise<Uint8Array> {
  return encodeImage(image, 'png', options);
}

/** The bytes of a JPEG file with the pixels of a uint8 tensor [1 or 3, height, width]. */
export async function encodeJpeg(image: Tensor, options: JpegOptions = {}): Promise<Uint8Array> {
  return encodeImage(image, 'jpeg', options);
}

/** Writes a PNG file. See {@link encodePng}. */
export async function writePng(image: Tensor, path: string, options: PngOptions = {}): Promise<void> {
  await writeFile(path, await encodePng(image, options));
}

/** Writes a JPEG file. See {@link encodeJpeg}. */
export async function writeJpeg(image: Tensor, path: string, options: JpegOptions = {}): Promise<void> {
  await writeFile(path, await encodeJpeg(image, options));
}

function checkRange(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    throw ArgumentError.expected(name, `a whole number between ${from} and ${to}`, value);
}
