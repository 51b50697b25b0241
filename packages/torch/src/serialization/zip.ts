/** @file Random access to the entries of a zip archive on disk; every size is checked against the file before use. */

import { inflateSync } from 'fflate';
import { FileFormatError } from '../errors.ts';
import { crc32 } from './crc32.ts';
import { InputFile } from './input-file.ts';
import {
  CENTRAL_HEADER,
  CENTRAL_HEADER_SIZE,
  DEFLATED,
  END_LOCATOR_64,
  END_LOCATOR_64_SIZE,
  END_RECORD,
  END_RECORD_64,
  END_RECORD_64_SIZE,
  END_RECORD_SIZE,
  FLAG_ENCRYPTED,
  LOCAL_HEADER,
  LOCAL_HEADER_SIZE,
  MAX_16,
  MAX_32,
  STORED,
  ZIP64_EXTRA,
} from './zip-layout.ts';

/** Deflate cannot shrink by more than this factor; an entry that claims to is corrupt. */
const LARGEST_DEFLATE_RATIO = 1032;

/** One file inside an archive. */
export interface ZipEntry {
  readonly name: string;
  /** In bytes, once unpacked. */
  readonly size: number;
  readonly compressedSize: number;
  readonly crc: number;
  readonly method: number;
  readonly flags: number;
  readonly headerOffset: number;
}

export interface ZipReadOptions {
  /** Compare each entry that is read with its checksum; on by default. */
  checkCrc?: boolean;
}

/** An archive open for reading. Close it. */
export class ZipReader {
  readonly path: string;
  /** By name, in the order of the archive's directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #file: InputFile;
  readonly #checkCrc: boolean;

  /** @throws FileFormatError when the file is not a whole zip archive. */
  constructor(path: string, options: ZipReadOptions = {}) {
    this.path = path;
    this.#checkCrc = options.checkCrc ?? true;
    this.#file = new InputFile(path);
    try {
      this.entries = readDirectory(this.#file);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /**
   * The content of an entry, in one array of its own: a stored entry is read straight into it.
   *
   * @throws FileFormatError when there is no such entry, or it is corrupt, encrypted or packed in an unknown way.
   */
  read(name: string): Uint8Array {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new FileFormatError(`the archive has no entry '${name}'`, this.path);
    const packed = this.#file.read(this.#dataOffset(entry), entry.compressedSize, `entry '${name}'`);
    const content = entry.method === STORED ? packed : this.#inflate(entry, packed);
    if (this.#checkCrc && crc32(content) !== entry.crc) {
      throw new FileFormatError(`corrupt: entry '${name}' does not match its CRC-32 checksum`, this.path);
    }
    return content;
  }

  close(): void {
    this.#file.close();
  }

  #dataOffset(entry: ZipEntry): number {
    const { name } = entry;
    if (entry.flags & FLAG_ENCRYPTED) throw new FileFormatError(`entry '${name}' is encrypted`, this.path);
    if (entry.method !== STORED && entry.method !== DEFLATED) {
      throw new FileFormatError(
        `entry '${name}' is packed by method ${entry.method}; only stored and deflated are known`,
        this.path,
      );
    }
    const header = viewOf(this.#file.read(entry.headerOffset, LOCAL_HEADER_SIZE, `the header of entry '${name}'`));
    if (header.getUint32(0, true) !== LOCAL_HEADER) {
      throw new FileFormatError(`corrupt: no header of entry '${name}' at offset ${entry.headerOffset}`, this.path);
    }
    const nameLength = header.getUint16(26, true);
    const nameBytes = this.#file.read(entry.headerOffset + LOCAL_HEADER_SIZE, nameLength, `the name of '${name}'`);
    if (decodeName(nameBytes) !== name) {
      throw new FileFormatError(
        `corrupt: entry '${name}' is called '${decodeName(nameBytes)}' in its header`,
        this.path,
      );
    }
    return entry.headerOffset + LOCAL_HEADER_SIZE + nameLength + header.getUint16(28, true);
  }

  #inflate(entry: ZipEntry, packed: Uint8Array): Uint8Array {
    let content: Uint8Array;
    try {
      content = inflateSync(packed, { out: new Uint8Array(entry.size) });
    } catch (cause) {
      throw new FileFormatError(`corrupt: entry '${entry.name}' cannot be unpacked`, this.path, { cause });
    }
    if (content.length !== entry.size) {
      throw new FileFormatError(
        `corrupt: entry '${entry.name}' unpacks to ${content.length} bytes instead of ${entry.size}`,
        this.path,
      );
    }
    return content;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeName(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A 64-bit field; Infinity beyond 2^53, which then fails every check against the file's size. */
function u64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
}

function readDirectory(file: InputFile): Map<string, ZipEntry> {
  const end = findEnd(file);
  const bytes = file.read(end.offset, end.size, 'the directory of the archive');
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < end.count; i++) {
    if (at + CENTRAL_HEADER_SIZE > bytes.length || view.getUint32(at, true) !== CENTRAL_HEADER) {
      throw new FileFormatError(`corrupt: the directory breaks off at entry ${i} of ${end.count}`, file.path);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + CENTRAL_HEADER_SIZE + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) throw new FileFormatError(`corrupt: entry ${i} leaves the directory`, file.path);
    const nameStart = at + CENTRAL_HEADER_SIZE;
    const name = decodeName(bytes.subarray(nameStart, nameStart + nameLength));
    const extra = bytes.subarray(nameStart + nameLength, nameStart + nameLength + extraLength);
    if (entries.has(name)) throw new FileFormatError(`corrupt: the archive has two entries '${name}'`, file.path);
    entries.set(name, readEntry(view, at, name, extra, file.path));
    at = next;
  }
  if (at !== bytes.length) {
    throw new FileFormatError(`corrupt: the directory holds more than its ${end.count} entries`, file.path);
  }
  checkPlaces([...entries.values()], end.offset, file.path);
  return entries;
}

function readEntry(view: DataView, at: number, name: string, extra: Uint8Array, path: string): ZipEntry {
  const wide = zip64Fields(extra);
  const field = (offset: number): number => {
    const value = view.getUint32(at + offset, true);
    // Only the fields that are full to the brim are in the extra field, in this order.
    if (value !== MAX_32 || wide === undefined) return value;
    const next = wide.shift();
    if (next === undefined) throw new FileFormatError(`corrupt: entry '${name}' lacks its 64-bit sizes`, path);
    return next;
  };
  const size = field(24);
  const compressedSize = field(20);
  const headerOffset = field(42);
  const method = view.getUint16(at + 10, true);
  if (method === STORED ? size !== compressedSize : size > compressedSize * LARGEST_DEFLATE_RATIO) {
    throw new FileFormatError(
      `corrupt: entry '${name}' of ${compressedSize} bytes cannot unpack to ${size} bytes`,
      path,
    );
  }
  const flags = view.getUint16(at + 8, true);
  return { name, size, compressedSize, crc: view.getUint32(at + 16, true), method, flags, headerOffset };
}

function zip64Fields(extra: Uint8Array): number[] | undefined {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === ZIP64_EXTRA) {
      const fields: number[] = [];
      for (let field = at + 4; field + 8 <= Math.min(at + 4 + length, extra.length); field += 8) {
        fields.push(u64(view, field));
      }
      return fields;
    }
    at += 4 + length;
  }
  return undefined;
}

/** Entries that overlap could claim the same bytes many times over: a small file that unpacks to a huge one. */
function checkPlaces(entries: ZipEntry[], directoryOffset: number, path: string): void {
  entries.sort((a, b) => a.headerOffset - b.headerOffset);
  for (const [i, entry] of entries.entries()) {
    const limit = entries[i + 1]?.headerOffset ?? directoryOffset;
    if (entry.headerOffset + LOCAL_HEADER_SIZE + entry.compressedSize > limit) {
      throw new FileFormatError(
        `truncated or corrupt: entry '${entry.name}' of ${entry.compressedSize} bytes at offset ${entry.headerOffset} reaches beyond offset ${limit}`,
        path,
      );
    }
  }
}

interface End {
  count: number;
  size: number;
  offset: number;
}

function findEnd(file: InputFile): End {
  const tailSize = Math.min(file.size, END_RECORD_SIZE + MAX_16);
  const tailOffset = file.size - tailSize;
  const tail = viewOf(file.read(tailOffset, tailSize, 'the end of the archive'));
  for (let at = tailSize - END_RECORD_SIZE; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_RECORD) continue;
    if (at + END_RECORD_SIZE + tail.getUint16(at + 20, true) !== tailSize) continue;
    const end = {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    };
    const isWide = end.count === MAX_16 || end.size === MAX_32 || end.offset === MAX_32;
    const checked = isWide ? (findEnd64(file, tailOffset + at) ?? end) : end;
    if (checked.offset + checked.size > tailOffset + at) {
      throw new FileFormatError(
        'truncated or corrupt: the directory of the zip archive is not where it should be',
        file.path,
      );
    }
    return checked;
  }
  throw new FileFormatError('truncated, or not a zip archive: it has no end-of-directory record', file.path);
}

function findEnd64(file: InputFile, endOffset: number): End | undefined {
  if (endOffset < END_LOCATOR_64_SIZE + END_RECORD_64_SIZE) return undefined;
  const locator = viewOf(file.read(endOffset - END_LOCATOR_64_SIZE, END_LOCATOR_64_SIZE, 'the zip64 locator'));
  if (locator.getUint32(0, true) !== END_LOCATOR_64) return undefined;
  const record = viewOf(file.read(u64(locator, 8), END_RECORD_64_SIZE, 'the zip64 end record'));
  if (record.getUint32(0, true) !== END_RECORD_64) {
    throw new FileFormatError('corrupt: the zip64 end record is not where its locator says', file.path);
  }
  return { count: u64(record, 32), size: u64(record, 40), offset: u64(record, 48) };
}
