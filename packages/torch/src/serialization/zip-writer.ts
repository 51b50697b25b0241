/** @file Streams a zip archive of stored entries to a file descriptor, data aligned so that it can be memory-mapped. */

import { ArgumentError } from '../errors.ts';
import { writeFully } from './atomic.ts';
import { crc32 } from './crc32.ts';
import {
  CENTRAL_HEADER,
  CENTRAL_HEADER_SIZE,
  END_LOCATOR_64,
  END_LOCATOR_64_SIZE,
  END_RECORD,
  END_RECORD_64,
  END_RECORD_64_SIZE,
  END_RECORD_SIZE,
  FLAG_UTF8,
  LOCAL_HEADER,
  LOCAL_HEADER_SIZE,
  MAX_16,
  MAX_32,
  STORED,
  ZIP64_EXTRA,
} from './zip-layout.ts';

/** PyTorch places the data of each entry at a multiple of this. */
const ALIGNMENT = 64;
/** Identifier of PyTorch's padding field, the letters `FB`. */
const PADDING_EXTRA = 0x4246;
const PADDING_BYTE = 0x5a;
/** 1 January 1980, the earliest date that the format knows: the same content gives the same file. */
const DATE = 0x0021;
const VERSION = 20;
const VERSION_ZIP64 = 45;

interface Written {
  name: Uint8Array;
  size: number;
  crc: number;
  offset: number;
}

export interface ZipWriteOptions {
  /** Use the 64-bit fields even where 32 bits would do; for tests. */
  forceZip64?: boolean;
}

/** Writes entries one after the other; {@link ZipWriter.finish} completes the archive. The descriptor stays open. */
export class ZipWriter {
  readonly #fd: number;
  readonly #forceZip64: boolean;
  readonly #entries: Written[] = [];
  readonly #names = new Set<string>();
  #offset = 0;

  constructor(fd: number, options: ZipWriteOptions = {}) {
    this.#fd = fd;
    this.#forceZip64 = options.forceZip64 ?? false;
  }

  /** Appends one entry. `chunks` are its content, written one after the other. */
  add(name: string, ...chunks: readonly Uint8Array[]): void {
    const nameBytes = new TextEncoder().encode(name);
    if (this.#names.has(name)) throw new ArgumentError('name', `the archive already has an entry '${name}'`);
    if (nameBytes.length > MAX_16)
      throw new ArgumentError('name', `entry name of ${nameBytes.length} bytes is too long`);
    this.#names.add(name);
    const size = chunks.reduce((length, chunk) => length + chunk.length, 0);
    const crc = chunks.reduce((soFar, chunk) => crc32(chunk, soFar), 0);
    const entry = { name: nameBytes, size, crc, offset: this.#offset };
    this.#entries.push(entry);
    this.#write(this.#localHeader(entry));
    for (const chunk of chunks) this.#write(chunk);
  }

  /** Writes the directory. Nothing can be added afterwards. */
  finish(): void {
    const offset = this.#offset;
    for (const entry of this.#entries) this.#write(this.#centralHeader(entry));
    const size = this.#offset - offset;
    const count = this.#entries.length;
    const wide = this.#forceZip64 || count >= MAX_16 || size >= MAX_32 || offset >= MAX_32;
    if (wide) this.#write(endRecord64(count, size, offset));
    const end = new DataView(new ArrayBuffer(END_RECORD_SIZE));
    end.setUint32(0, END_RECORD, true);
    end.setUint16(8, wide ? MAX_16 : count, true);
    end.setUint16(10, wide ? MAX_16 : count, true);
    end.setUint32(12, wide ? MAX_32 : size, true);
    end.setUint32(16, wide ? MAX_32 : offset, true);
    this.#write(new Uint8Array(end.buffer));
  }

  #write(bytes: Uint8Array): void {
    writeFully(this.#fd, bytes);
    this.#offset += bytes.length;
  }

  #localHeader(entry: Written): Uint8Array {
    const wide = this.#forceZip64 || entry.size >= MAX_32;
    const wideLength = wide ? 20 : 0;
    const unpadded = entry.offset + LOCAL_HEADER_SIZE + entry.name.length + wideLength + 4;
    const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
    const bytes = new Uint8Array(unpadded - entry.offset + padding).fill(PADDING_BYTE);
    const view = new DataView(bytes.buffer);
    bytes.fill(0, 0, LOCAL_HEADER_SIZE);
    view.setUint32(0, LOCAL_HEADER, true);
    view.setUint16(4, wide ? VERSION_ZIP64 : VERSION, true);
    this.#commonFields(view, 6, entry, wide);
    view.setUint16(26, entry.name.length, true);
    view.setUint16(28, wideLength + 4 + padding, true);
    bytes.set(entry.name, LOCAL_HEADER_SIZE);
    let at = LOCAL_HEADER_SIZE + entry.name.length;
    if (wide) at = putZip64(view, at, [entry.size, entry.size]);
    view.setUint16(at, PADDING_EXTRA, true);
    view.setUint16(at + 2, padding, true);
    return bytes;
  }

  #centralHeader(entry: Written): Uint8Array {
    const wideSize = this.#forceZip64 || entry.size >= MAX_32;
    const wideOffset = this.#forceZip64 || entry.offset >= MAX_32;
    const fields = [...(wideSize ? [entry.size, entry.size] : []), ...(wideOffset ? [entry.offset] : [])];
    const extraLength = fields.length > 0 ? 4 + 8 * fields.length : 0;
    const bytes = new Uint8Array(CENTRAL_HEADER_SIZE + entry.name.length + extraLength);
    const view = new DataView(bytes.buffer);
    const version = fields.length > 0 ? VERSION_ZIP64 : VERSION;
    view.setUint32(0, CENTRAL_HEADER, true);
    view.setUint16(4, version, true);
    view.setUint16(6, version, true);
    this.#commonFields(view, 8, entry, wideSize);
    view.setUint16(28, entry.name.length, true);
    view.setUint16(30, extraLength, true);
    view.setUint32(42, wideOffset ? MAX_32 : entry.offset, true);
    bytes.set(entry.name, CENTRAL_HEADER_SIZE);
    if (fields.length > 0) putZip64(view, CENTRAL_HEADER_SIZE + entry.name.length, fields);
    return bytes;
  }

  /** Flags to sizes: the run of fields that both kinds of header have. */
  #commonFields(view: DataView, at: number, entry: Written, wide: boolean): void {
    view.setUint16(at, FLAG_UTF8, true);
    view.setUint16(at + 2, STORED, true);
    view.setUint16(at + 6, DATE, true);
    view.setUint32(at + 8, entry.crc, true);
    view.setUint32(at + 12, wide ? MAX_32 : entry.size, true);
    view.setUint32(at + 16, wide ? MAX_32 : entry.size, true);
  }
}

function putZip64(view: DataView, at: number, fields: readonly number[]): number {
  view.setUint16(at, ZIP64_EXTRA, true);
  view.setUint16(at + 2, 8 * fields.length, true);
  for (const [i, value] of fields.entries()) view.setBigUint64(at + 4 + 8 * i, BigInt(value), true);
  return at + 4 + 8 * fields.length;
}

function endRecord64(count: number, size: number, offset: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(END_RECORD_64_SIZE + END_LOCATOR_64_SIZE));
  view.setUint32(0, END_RECORD_64, true);
  view.setBigUint64(4, BigInt(END_RECORD_64_SIZE - 12), true);
  view.setUint16(12, VERSION_ZIP64, true);
  view.setUint16(14, VERSION_ZIP64, true);
  for (const [at, value] of [
    [24, count],
    [32, count],
    [40, size],
    [48, offset],
  ] as const) {
    view.setBigUint64(at, BigInt(value), true);
  }
  view.setUint32(END_RECORD_64_SIZE, END_LOCATOR_64, true);
  view.setBigUint64(END_RECORD_64_SIZE + 8, BigInt(offset + size), true);
  view.setUint32(END_RECORD_64_SIZE + 16, 1, true);
  return new Uint8Array(view.buffer);
}
