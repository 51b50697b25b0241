/** @file Writes a data set into one packed file. */

import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ArgumentError, crc32c, type data, FileWriteError, fromBytes, Scope, scope, type Tensor } from '@edgeai/torch';
import { loadImage } from '../../io/decode.ts';
import { type DecodedImage, imageToTensor, tensorToImage } from '../../io/decoded-image.ts';
import { encodeJpeg } from '../../io/encode.ts';
import { jpegHeader } from '../../io/jpeg-header.ts';
import { resize } from '../../transforms/functional/resize.ts';
import {
  ALIGNMENT,
  ENTRY_BYTES,
  encodeEntry,
  encodeHeader,
  HEADER_BYTES,
  type PackEntry,
  type PackFormat,
} from './layout.ts';

/** Image files with their classes, as `ImageFolder` and `CsvList` list them; transforms have no influence. */
export interface PackFiles {
  readonly classes: readonly string[];
  readonly samples: readonly (readonly [path: string, target: number])[];
}

/** Any data set of uint8 images [channels, height, width] with their classes. */
export type PackImages = data.Dataset<readonly [Tensor, number]> & { readonly classes: readonly string[] };

export interface PackOptions {
  /** 'decoded' (default): pixels, which cost space and are there at once. 'jpeg': compressed images. */
  format?: PackFormat;
  /** Length of the shorter side that larger images are reduced to. Default: images stay as they are. */
  resize?: number;
  /** Of JPEGs that have to be compressed: those that were resized or come from other formats. Default 90. */
  quality?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** What has been written. */
export interface PackReport {
  readonly path: string;
  readonly images: number;
  readonly bytes: number;
  readonly splits: Readonly<Record<string, number>>;
}

/** Images that are read and decoded at the same time. */
const AHEAD = 8;

/** A JPEG or rows of interleaved pixels. */
interface Packed {
  readonly bytes: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly label: number;
}

/**
 * Writes data sets into one file, which `PackedDataset` reads. The file appears when it is complete; before, and after any
 * failure, whatever was there stays.
 *
 * ```ts
 * await packDataset({ train: new ImageFolder('photos/train'), val: new ImageFolder('photos/val') }, 'photos.pack', { resize: 256 });
 * ```
 *
 * @param splits one data set, or several by the names of their splits
 * @throws {ImageReadError} naming an image that cannot be read @throws {FileWriteError}
 */
export async function packDataset(
  splits: PackFiles | PackImages | Readonly<Record<string, PackFiles | PackImages>>,
  path: string,
  options: PackOptions = {},
): Promise<PackReport> {
  checkOptions(options);
  const parts: [string, PackFiles | PackImages][] = isSource(splits) ? [['all', splits]] : Object.entries(splits);
  if (parts.length === 0) throw new ArgumentError('splits', 'Expected at least one data set to pack');
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new FileWriteError(path, 'is a folder, expected a file name');
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx').catch((cause: Error) => {
    const reason = existsSync(dirname(path)) ? cause.message : `there is no folder ${dirname(path)}`;
    throw new FileWriteError(path, reason, { cause });
  });
  try {
    const report = await write(file, parts, options);
    await file.sync();
    await file.close();
    await rename(temporary, path);
    return { path, ...report };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

async function write(
  file: FileHandle,
  parts: readonly [string, PackFiles | PackImages][],
  options: PackOptions,
): Promise<Omit<PackReport, 'path'>> {
  const total = parts.reduce((sum, [, source]) => sum + lengthOf(source), 0);
  const index = new Uint8Array(total * ENTRY_BYTES);
  const view = new DataView(index.buffer);
  const names: string[] = [];
  const splits: { name: string; start: number; count: number; classes: readonly string[] }[] = [];
  let offset = HEADER_BYTES;
  for (const [name, source] of parts) {
    splits.push({ name, start: names.length, count: lengthOf(source), classes: source.classes });
    for await (const packed of inOrder(source, options)) {
      const entry: PackEntry = { ...packed, offset, bytes: packed.bytes.length, crc: crcOf(packed.bytes) };
      encodeEntry(view, names.length * ENTRY_BYTES, entry);
      await file.write(packed.bytes, 0, packed.bytes.length, offset);
      offset = Math.ceil((offset + packed.bytes.length) / ALIGNMENT) * ALIGNMENT;
      names.push(nameOf(source, names.length - (splits.at(-1)?.start ?? 0)));
      options.onProgress?.(names.length, total);
    }
  }
  const facts = Buffer.from(JSON.stringify({ format: options.format ?? 'decoded', splits, names }));
  await file.write(index, 0, index.length, offset);
  await file.write(facts, 0, facts.length, offset + index.length);
  const header = {
    count: total,
    indexOffset: offset,
    factsOffset: offset + index.length,
    factsBytes: facts.length,
    indexCrc: crcOf(index),
    factsCrc: crcOf(facts),
  };
  await file.write(encodeHeader(header, crcOf), 0, HEADER_BYTES, 0);
  return {
    images: total,
    bytes: header.factsOffset + header.factsBytes,
    splits: Object.fromEntries(splits.map(({ name, count }) => [name, count])),
  };
}

/** The images of a source, several of them in the making at a time. */
async function* inOrder(source: PackFiles | PackImages, options: PackOptions): AsyncGenerator<Packed> {
  const length = lengthOf(source);
  const ahead: Promise<Packed>[] = [];
  for (let next = 0; next < length || ahead.length > 0; ) {
    options.signal?.throwIfAborted();
    while (next < length && ahead.length < AHEAD) {
      const making = 'samples' in source ? packFile(source.samples[next], options) : packImage(source, next, options);
      // Its turn comes later; until then a failure is nobody's.
      making.catch(() => {});
      ahead.push(making);
      next++;
    }
    const first = ahead.shift();
    if (first !== undefined) yield await first;
  }
}

async function packFile(sample: readonly [string, number] | undefined, options: PackOptions): Promise<Packed> {
  if (sample === undefined) throw new Error('internal: a checked index has no sample');
  const [path, label] = sample;
  if (options.format === 'jpeg' && options.resize === undefined) {
    const bytes = await readFile(path).catch(() => undefined);
    const header = bytes && jpegHeader(bytes);
    // Bytes of a JPEG that everybody decodes alike stay as they are; decoding shows that they are whole.
    if (bytes !== undefined && header !== undefined && header.components !== 4) {
      const { height, width } = await loadImage(path, 'RGB');
      return { bytes, height, width, channels: 3, label };
    }
  }
  return packPixels(await loadImage(path, 'RGB'), label, options);
}

async function packImage(source: PackImages, index: number, options: PackOptions): Promise<Packed> {
  // What a synchronous `get` makes is released here; tensors that the data set keeps are not.
  using makings = new Scope();
  const box: { sample?: readonly [Tensor, number] | Promise<readonly [Tensor, number]> } = {};
  makings.run(() => {
    box.sample = source.get(index);
  });
  const [image, label] = (await box.sample) as readonly [Tensor, number];
  const pixels = tensorToImage(image);
  return packPixels({ ...pixels, data: pixels.data.slice() }, label, options);
}

async function packPixels(image: DecodedImage, label: number, options: PackOptions): Promise<Packed> {
  const { resize: side = Number.POSITIVE_INFINITY } = options;
  const small = Math.min(image.height, image.width) <= side;
  const pixels = small ? image : scope(() => tensorToImage(resize(imageToTensor(image), side)));
  if ((options.format ?? 'decoded') === 'decoded') return { ...pixels, bytes: pixels.data, label };
  const tensor = imageToTensor(pixels);
  try {
    const bytes = await encodeJpeg(tensor, { quality: options.quality ?? 90 });
    return { ...pixels, bytes, label };
  } finally {
    tensor.dispose();
  }
}

function crcOf(bytes: Uint8Array): number {
  return scope(() => crc32c(fromBytes(bytes, 'uint8', [bytes.length])));
}

function isSource(value: object): value is PackFiles | PackImages {
  return Array.isArray((value as Partial<PackFiles>).classes);
}

function lengthOf(source: PackFiles | PackImages): number {
  return 'samples' in source ? source.samples.length : source.length;
}

function nameOf(source: PackFiles | PackImages, index: number): string {
  if (!('samples' in source)) return source.describe?.(index) ?? String(index);
  const path = source.samples[index]?.[0] ?? '';
  return join(basename(dirname(path)), basename(path));
}

function checkOptions({ format = 'decoded', resize: side, quality }: PackOptions): void {
  if (format !== 'decoded' && format !== 'jpeg') throw ArgumentError.expected('format', "'decoded' or 'jpeg'", format);
  if (side !== undefined && (!Number.isInteger(side) || side < 1))
    throw ArgumentError.expected('resize', 'a whole number of at least 1', side);
  if (quality !== undefined && (!Number.isInteger(quality) || quality < 1 || quality > 100))
    throw ArgumentError.expected('quality', 'a whole number from 1 to 100', quality);
}
