/**
 * @file The packed file: many images in one file that is read by mapping it into memory.
 *
 * ```
 * header   64 bytes, written last: an interrupted file is not mistaken for a complete one
 * images   one after the other, each at a multiple of 64 bytes: rows of interleaved bytes, or the bytes of a JPEG
 * index    32 bytes an image: position (u64), bytes (u32), height, width (u32), channels (u16), 0 (u16), class (i32), CRC-32C (u32)
 * facts    JSON: format, splits with their classes and ranges of the index, names of the images
 * ```
 *
 * Numbers are little-endian.
 */

import { ArgumentError } from '@edgeai/torch';
import { DatasetError } from '../errors.ts';

export const MAGIC = 'EDGEPACK';
export const VERSION = 1;
export const HEADER_BYTES = 64;
export const ENTRY_BYTES = 32;
/** Of an image in the file; what processors like to begin at. */
export const ALIGNMENT = 64;

/** Pixels as they are, or compressed. */
export type PackFormat = 'decoded' | 'jpeg';

/** Where everything is. */
export interface PackHeader {
  readonly count: number;
  readonly indexOffset: number;
  readonly factsOffset: number;
  readonly factsBytes: number;
  readonly indexCrc: number;
  readonly factsCrc: number;
}

/** One image. */
export interface PackEntry {
  readonly offset: number;
  readonly bytes: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly label: number;
  readonly crc: number;
}

/** A part of a pack, such as `train`. */
export interface PackSplit {
  readonly name: string;
  /** First image in the index. */
  readonly start: number;
  readonly count: number;
  readonly classes: readonly string[];
}

export interface PackFacts {
  readonly format: PackFormat;
  readonly splits: readonly PackSplit[];
  /** What the images were called where they came from. */
  readonly names: readonly string[];
}

/** The header, with a checksum of itself in its last four bytes. */
export function encodeHeader(header: PackHeader, crcOf: (bytes: Uint8Array) => number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, VERSION, true);
  view.setBigUint64(16, BigInt(header.count), true);
  view.setBigUint64(24, BigInt(header.indexOffset), true);
  view.setBigUint64(32, BigInt(header.factsOffset), true);
  view.setBigUint64(40, BigInt(header.factsBytes), true);
  view.setUint32(48, header.indexCrc, true);
  view.setUint32(52, header.factsCrc, true);
  view.setUint32(60, crcOf(bytes.subarray(0, 60)), true);
  return bytes;
}

/** @throws {DatasetError} for anything but a complete pack of this version */
export function decodeHeader(bytes: Uint8Array, path: string, crcOf: (bytes: Uint8Array) => number): PackHeader {
  if (!startsLikePack(bytes)) throw invalid(path, 'is no packed data set: it does not begin with EDGEPACK');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES) throw invalid(path, `is cut short: it has ${bytes.length} bytes`);
  const version = view.getUint32(8, true);
  if (version !== VERSION)
    throw invalid(path, `is a pack of version ${version}; this program reads version ${VERSION}: pack it again`);
  if (view.getUint32(60, true) !== crcOf(bytes.subarray(0, 60)))
    throw invalid(path, 'is damaged: its header was changed');
  const long = (at: number) => Number(view.getBigUint64(at, true));
  return {
    count: long(16),
    indexOffset: long(24),
    factsOffset: long(32),
    factsBytes: long(40),
    indexCrc: view.getUint32(48, true),
    factsCrc: view.getUint32(52, true),
  };
}

/** Whether a file that begins like this is a pack, perhaps an incomplete one. */
export function startsLikePack(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8)).toString('latin1') === MAGIC;
}

export function encodeEntry(view: DataView, at: number, entry: PackEntry): void {
  if (!Number.isInteger(entry.label) || Math.abs(entry.label) >= 2 ** 31)
    throw ArgumentError.expected('target', 'a class of 32 bits', entry.label);
  view.setBigUint64(at, BigInt(entry.offset), true);
  view.setUint32(at + 8, entry.bytes, true);
  view.setUint32(at + 12, entry.height, true);
  view.setUint32(at + 16, entry.width, true);
  view.setUint16(at + 20, entry.channels, true);
  view.setInt32(at + 24, entry.label, true);
  view.setUint32(at + 28, entry.crc, true);
}

export function decodeEntry(view: DataView, at: number): PackEntry {
  return {
    offset: Number(view.getBigUint64(at, true)),
    bytes: view.getUint32(at + 8, true),
    height: view.getUint32(at + 12, true),
    width: view.getUint32(at + 16, true),
    channels: view.getUint16(at + 20, true),
    label: view.getInt32(at + 24, true),
    crc: view.getUint32(at + 28, true),
  };
}

/** An error about a pack, which is named. */
export function invalid(path: string, what: string, options?: ErrorOptions): DatasetError {
  return new DatasetError('DATASET_INVALID', path, `${path} ${what}`, options);
}
