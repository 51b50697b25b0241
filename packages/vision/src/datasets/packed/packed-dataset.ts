/** @file PackedDataset: images of a packed file, read by mapping it into memory. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ArgumentError, crc32c, data, keep, mapFile, scope, type Tensor } from '@edgeai/torch';
import { decodePhoto } from '../../io/decode.ts';
import type { DecodedImage } from '../../io/decoded-image.ts';
import { DatasetError } from '../errors.ts';
import { expandHome } from '../listing.ts';
import { FileDataset, LoadedPicture, type VisionDatasetOptions } from '../vision-dataset.ts';
import {
  decodeEntry,
  decodeHeader,
  ENTRY_BYTES,
  HEADER_BYTES,
  invalid,
  type PackEntry,
  type PackFacts,
  type PackFormat,
  type PackSplit,
  startsLikePack,
} from './layout.ts';

export interface PackedDatasetOptions<T, Y> extends VisionDatasetOptions<Tensor, T, Y> {
  /** Which part of the file. Needed where it has several. */
  split?: string;
  /** Compare the checksum of each image when it is first read. Default true. */
  verify?: boolean;
}

/**
 * Images of a file that `packDataset` or `edgeai data pack` wrote. A sample is [uint8 RGB tensor [3, height, width], class], as
 * that of an `ImageFolder`, and takes the same transforms.
 *
 * Images stored as pixels are tensors over the file's memory: nothing is copied, and nothing read that is not looked at. Changing
 * such a tensor in place changes what this data set gives the next time, though never the file.
 */
@data.portable(import.meta.url)
export class PackedDataset<T = Tensor, Y = number> extends FileDataset<DecodedImage | undefined, Tensor, T, Y> {
  readonly file: string;
  readonly split: string;
  /** Names of all splits in the file. */
  readonly splits: readonly string[];
  readonly format: PackFormat;
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly #part: PackSplit;
  readonly #names: readonly string[];
  readonly #memory: Tensor;
  readonly #index: DataView;
  readonly #descriptor: number;
  readonly #verified: Uint8Array | undefined;

  /** @throws {DatasetError} for a file that is missing, no pack, cut short or damaged, or has no such split */
  constructor(file: string, options: PackedDatasetOptions<T, Y> = {}) {
    super(options);
    this.file = expandHome(file);
    const { memory, index, facts, descriptor } = openPack(this.file);
    this.#memory = memory;
    this.#index = index;
    this.#names = facts.names;
    this.#descriptor = descriptor;
    closers.register(this, descriptor, this);
    this.format = facts.format;
    this.splits = facts.splits.map(({ name }) => name);
    this.#part = chooseSplit(this.file, facts.splits, options.split);
    this.split = this.#part.name;
    this.classes = this.#part.classes;
    this.classToIdx = new Map(this.classes.map((name, i) => [name, i]));
    this.#verified = (options.verify ?? true) ? new Uint8Array(this.length) : undefined;
  }

  get length(): number {
    return this.#part.count;
  }

  /** The class of every image. */
  get targets(): number[] {
    return Array.from({ length: this.length }, (_, i) => this.#entry(i).label);
  }

  /** Height and width of an image, without reading it. */
  sizeOf(index: number): [height: number, width: number] {
    const { height, width } = this.#entry(index);
    return [height, width];
  }

  /** Decodes a compressed image; one of pixels needs nothing. */
  load(index: number): DecodedImage | undefined | Promise<DecodedImage> {
    if (this.format === 'decoded') return undefined;
    const bytes = scope(() => this.#bytes(index).toTypedArray()) as Uint8Array;
    return decodePhoto(bytes, this.describe(index));
  }

  finish(loaded: DecodedImage | undefined, index: number): [T, Y] {
    const { height, width, channels, label } = this.#entry(index);
    const pixels = () => this.#bytes(index).view([height, width, channels]).permute([2, 0, 1]);
    return this.pair(() => (loaded === undefined ? pixels() : new LoadedPicture(loaded)), label);
  }

  /** The file, and what the image was called where it came from. */
  describe(index: number): string {
    data.checkIndex(index, this.length);
    return `${this.file}: ${this.#names[this.#part.start + index]}`;
  }

  /** Lets go of the file. Images that were taken from it stay valid. */
  dispose(): void {
    if (!this.#memory.isAlive) return;
    this.#memory.dispose();
    closers.unregister(this);
    closeSync(this.#descriptor);
  }

  #entry(index: number): PackEntry {
    data.checkIndex(index, this.length);
    return decodeEntry(this.#index, (this.#part.start + index) * ENTRY_BYTES);
  }

  /** The bytes of an image, over the file's memory. Checked when they are first asked for. */
  #bytes(index: number): Tensor {
    const { offset, bytes, crc } = this.#entry(index);
    // Touching what is no longer there would end the process.
    if (fstatSync(this.#descriptor).size < this.#memory.numel())
      throw invalid(this.file, 'was cut short while it was in use; replace files by renaming a new one over them');
    if (this.#verified !== undefined && this.#verified[index] === 0) {
      if (crc32c(this.#memory, offset, bytes) !== crc)
        throw invalid(this.file, `is damaged: ${this.#names[this.#part.start + index]} (image ${index}) was changed`);
      this.#verified[index] = 1;
    }
    return this.#memory.narrow(0, offset, bytes);
  }
}

/** Closes files whose data set was forgotten. */
const closers = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

/** Whether there is a packed data set, whole or not, at `path`. */
export function isPackedFile(path: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    const start = new Uint8Array(8);
    return readSync(descriptor, start, 0, 8, 0) === 8 && startsLikePack(start);
  } catch {
    // A folder.
    return false;
  } finally {
    closeSync(descriptor);
  }
}

/** Names of the splits of a packed file. @throws {DatasetError} as {@link PackedDataset} does */
export function packedSplits(path: string): string[] {
  const { memory, facts, descriptor } = openPack(expandHome(path));
  memory.dispose();
  closeSync(descriptor);
  return facts.splits.map(({ name }) => name);
}

interface OpenPack {
  readonly memory: Tensor;
  readonly index: DataView;
  readonly facts: PackFacts;
  readonly descriptor: number;
}

function openPack(path: string): OpenPack {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing
      ? new DatasetError('DATASET_NOT_FOUND', path, `${path}: there is no such file`, { cause })
      : invalid(path, `cannot be opened: ${(cause as Error).message}`, { cause });
  }
  let memory: Tensor | undefined;
  try {
    if (!fstatSync(descriptor).isFile()) throw invalid(path, 'is no file');
    memory = keep(mapFile(path));
    return { ...readPack(path, memory), memory, descriptor };
  } catch (error) {
    memory?.dispose();
    closeSync(descriptor);
    throw error;
  }
}

function readPack(path: string, memory: Tensor): Pick<OpenPack, 'index' | 'facts'> {
  const size = memory.numel();
  const crc = (bytes: Uint8Array) => crc32c(memory, bytes.byteOffset, bytes.byteLength);
  const stretch = (start: number, length: number): Uint8Array =>
    scope(() => memory.narrow(0, start, length).toTypedArray()) as Uint8Array;
  const header = decodeHeader(stretch(0, Math.min(size, HEADER_BYTES)), path, crc);
  const { count, indexOffset, factsOffset, factsBytes } = header;
  if (factsOffset !== indexOffset + count * ENTRY_BYTES || factsOffset + factsBytes > size)
    throw invalid(path, `is cut short: it has ${size} of ${factsOffset + factsBytes} bytes`);
  if (crc32c(memory, indexOffset, count * ENTRY_BYTES) !== header.indexCrc)
    throw invalid(path, 'is damaged: its index was changed');
  if (crc32c(memory, factsOffset, factsBytes) !== header.factsCrc)
    throw invalid(path, 'is damaged: its table of names and classes was changed');
  const index = stretch(indexOffset, count * ENTRY_BYTES);
  const facts = JSON.parse(Buffer.from(stretch(factsOffset, factsBytes)).toString('utf8')) as PackFacts;
  return { index: new DataView(index.buffer, index.byteOffset, index.byteLength), facts };
}

function chooseSplit(path: string, splits: readonly PackSplit[], wanted: string | undefined): PackSplit {
  const names = splits.map(({ name }) => name).join(', ');
  if (wanted === undefined && splits.length > 1)
    throw new ArgumentError('split', `${path} has the splits ${names}: say which one`);
  const found = wanted === undefined ? splits[0] : splits.find(({ name }) => name === wanted);
  if (found === undefined)
    throw new DatasetError('DATASET_NOT_FOUND', path, `${path} has no split ${wanted}; it has ${names}`);
  return found;
}
