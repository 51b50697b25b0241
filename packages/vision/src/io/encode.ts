/** @file Writes images: PNG and JPEG through sharp. */

import { writeFile } from 'node:fs/promises';
import { ArgumentError, type Tensor } from '@edgeai/torch';
import type { Sharp } from 'sharp';
import { tensorToImage } from './decoded-image.ts';
import { loadSharp } from './sharp.ts';

export interface PngOptions {
  /** 0 (fast) to 9 (small). Default 6. */
  compressionLevel?: number;
}

export interface JpegOptions {
  /** 1 to 100. Default 75. */
  quality?: number;
}

/** The bytes of a PNG file with the pixels of a uint8 tensor [1…4, height, width]. */
export async function encodePng(image: Tensor, options: PngOptions = {}): Promise<Uint8Array> {
  const { compressionLevel = 6 } = options;
  checkRange('compressionLevel', compressionLevel, 0, 9);
  return (await raw(image, [1, 2, 3, 4])).png({ compressionLevel }).toBuffer();
}

/** The bytes of a JPEG file with the pixels of a uint8 tensor [1 or 3, height, width]. */
export async function encodeJpeg(image: Tensor, options: JpegOptions = {}): Promise<Uint8Array> {
  const { quality = 75 } = options;
  checkRange('quality', quality, 1, 100);
  return (await raw(image, [1, 3])).jpeg({ quality }).toBuffer();
}

/** Writes a PNG file. See {@link encodePng}. */
export async function writePng(image: Tensor, path: string, options: PngOptions = {}): Promise<void> {
  await writeFile(path, await encodePng(image, options));
}

/** Writes a JPEG file. See {@link encodeJpeg}. */
export async function writeJpeg(image: Tensor, path: string, options: JpegOptions = {}): Promise<void> {
  await writeFile(path, await encodeJpeg(image, options));
}

async function raw(image: Tensor, allowed: readonly (1 | 2 | 3 | 4)[]): Promise<Sharp> {
  // Before the first await: the tensor may be gone afterwards.
  const { data, height, width, channels: count } = tensorToImage(image);
  const channels = allowed.find((number) => number === count);
  if (channels === undefined)
    throw new ArgumentError('image', `Expected an image of ${allowed.join(' or ')} channels but received ${count}`);
  const sharp = await loadSharp();
  const result = sharp(data, { raw: { width, height, channels } });
  return channels <= 2 ? result.toColourspace('b-w') : result;
}

function checkRange(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    throw ArgumentError.expected(name, `a whole number between ${from} and ${to}`, value);
}
