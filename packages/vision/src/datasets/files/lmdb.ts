/** @file Reads LMDB databases: where each value lies is found once, values are read when they are asked for. Nothing is written, no lock is taken. */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { FileFormatError } from '@edgeai/torch';

const MAGIC = 0xbeefc0de;
const [BRANCH, LEAF] = [1, 2];
/** Of a value: it lies in pages of its own. */
const BIG = 1;
const PAGE_HEADER = 16;
const NOWHERE = 0xffffffffffffffffn;

/** The values of a database, in the order of their keys. Close it. */
export class LmdbValues {
  readonly path: string;
  readonly #file: number;
  readonly #pageSize: number;
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];

  /** @param folder with `data.mdb` @throws {FileFormatError} naming the file; the system's error when it cannot be opened */
  constructor(folder: string) {
    this.path = join(folder, 'data.mdb');
    this.#file = openSync(this.path, 'r');
    try {
      const first = this.#read(0, 152);
      if (first.readUInt32LE(16) !== MAGIC || first.readUInt32LE(20) !== 1)
        throw this.#error('is not an LMDB database');
      this.#pageSize = first.readUInt32LE(40);
      const second = this.#read(this.#pageSize, 152);
      // Two states are kept; the later one counts.
      const meta = second.readBigUInt64LE(144) > first.readBigUInt64LE(144) ? second : first;
      const root = meta.readBigUInt64LE(128);
      if (root !== NOWHERE) this.#visit(Number(root), 0);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** Number of values. */
  get length(): number {
    return this.#offsets.length;
  }

  value(index: number): Buffer {
    return this.#read(this.#offsets[index] as number, this.#lengths[index] as number);
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(offset: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    if (readSync(this.#file, buffer, 0, length, offset) < length)
      throw this.#error(`ends within ${length} bytes at ${offset}: it is cut off`);
    return buffer;
  }

  #error(reason: string): FileFormatError {
    return new FileFormatError(reason, this.path);
  }

  #visit(page: number, depth: number): void {
    const start = page * this.#pageSize;
    const bytes = this.#read(start, this.#pageSize);
    const kind = bytes.readUInt16LE(10);
    const count = (bytes.readUInt16LE(12) - PAGE_HEADER) >> 1;
    // No tree of 32 levels fits on a disk.
    if (depth > 32 || (kind & (BRANCH | LEAF)) === 0) throw this.#error(`has a damaged page ${page}`);
    for (let i = 0; i < count; i++) {
      const node = bytes.readUInt16LE(PAGE_HEADER + 2 * i);
      const low = bytes.readUInt32LE(node);
      const flags = bytes.readUInt16LE(node + 4);
      const data = node + 8 + bytes.readUInt16LE(node + 6);
      if ((kind & BRANCH) !== 0) {
        this.#visit(low + flags * 2 ** 32, depth + 1);
        continue;
      }
      this.#lengths.push(low);
      this.#offsets.push(
        (flags & BIG) === 0 ? start + data : Number(bytes.readBigUInt64LE(data)) * this.#pageSize + PAGE_HEADER,
      );
    }
  }
}
