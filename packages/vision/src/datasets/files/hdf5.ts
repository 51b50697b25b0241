/** @file Reads arrays of bytes in HDF5 files row by row: files in the original layout (superblock 0), whole or in chunks, deflated and shuffled or not. */

import { closeSync, openSync, readSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { FileFormatError } from '@edgeai/torch';

const SIGNATURE = '\x89HDF\r\n\x1a\n';
const [DEFLATE, SHUFFLE] = [1, 2];
const NOWHERE = 0xffffffffffffffffn;

interface Chunk {
  readonly offset: readonly number[];
  readonly address: number;
  readonly length: number;
  /** Bits of the filters that were left out. */
  readonly mask: number;
}

/** An array of bytes in a file. Close it. */
export class Hdf5Bytes {
  readonly path: string;
  readonly shape: readonly number[];
  readonly #file: number;
  #address = -1;
  #chunkShape: readonly number[] = [];
  #chunks: readonly Chunk[] = [];
  #filters: readonly number[] = [];
  /** The chunk that was read last. */
  #last: { address: number; data: Buffer } | undefined;

  /** @param name of the array in the file's first level @throws {FileFormatError} naming the file */
  constructor(path: string, name: string) {
    this.path = path;
    this.#file = openSync(path, 'r');
    try {
      const superblock = this.#read(0, 96);
      if (superblock.toString('latin1', 0, 8) !== SIGNATURE) throw this.#error('is not an HDF5 file');
      if ((superblock[8] ?? 9) > 1 || superblock[13] !== 8 || superblock[14] !== 8)
        throw this.#error('is in a newer layout of HDF5 than can be read here (its superblock is not of version 0)');
      const header = this.#find(name);
      const messages = this.#messages(header);
      this.shape = this.#shape(messages);
      this.#layout(messages);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** The bytes of one row: all elements with this first index. */
  row(index: number): Uint8Array {
    const inner = this.shape.slice(1);
    const size = inner.reduce((product, length) => product * length, 1);
    if (this.#address >= 0) return this.#read(this.#address + index * size, size);
    const result = new Uint8Array(size);
    const [rows = 1, ...tile] = this.#chunkShape;
    for (const chunk of this.#chunks) {
      const [first = 0, ...start] = chunk.offset;
      if (index < first || index >= first + rows) continue;
      const data = this.#chunk(chunk);
      copyTile(data, (index - first) * tile.reduce((a, b) => a * b, 1), tile, result, start, inner);
    }
    return result;
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(offset: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    if (readSync(this.#file, buffer, 0, length, offset) < length)
      throw this.#error(`ends at ${length} bytes from ${offset} on: it is cut off`);
    return buffer;
  }

  #error(reason: string): FileFormatError {
    return new FileFormatError(reason, this.path);
  }

  /** Address of the header of an object in the root group. */
  #find(name: string): number {
    const root = this.#read(56, 40);
    const heap = this.#read(number(root, 32), 32);
    if (heap.toString('latin1', 0, 4) !== 'HEAP') throw this.#error('has a damaged root group');
    const [length, names] = [number(heap, 8), number(heap, 24)];
    const text = this.#read(names, length);
    const found: string[] = [];
    for (const node of this.#leaves(number(root, 24), 8)) {
      const head = this.#read(node, 8);
      if (head.toString('latin1', 0, 4) !== 'SNOD') throw this.#error('has a damaged root group');
      for (let i = 0; i < head.readUInt16LE(6); i++) {
        const entry = this.#read(node + 8 + 40 * i, 40);
        const start = number(entry, 0);
        const known = text.toString('latin1', start, text.indexOf(0, start));
        if (known === name) return number(entry, 8);
        found.push(known);
      }
    }
    throw this.#error(`holds no array ${name}, only ${found.join(', ') || 'nothing'}`);
  }

  /** Addresses of what a tree of groups leads to. */
  *#leaves(address: number, keySize: number): Generator<number> {
    const head = this.#read(address, 24);
    if (head.toString('latin1', 0, 4) !== 'TREE') throw this.#error('has a damaged tree');
    const count = head.readUInt16LE(6);
    const body = this.#read(address + 24, count * (keySize + 8) + keySize);
    for (let i = 0; i < count; i++) {
      const child = number(body, i * (keySize + 8) + keySize);
      if ((head[5] ?? 0) === 0) yield child;
      else yield* this.#leaves(child, keySize);
    }
  }

  /** The messages of an object's header, by type. */
  #messages(address: number): Map<number, Buffer> {
    const head = this.#read(address, 16);
    if (head[0] !== 1) throw this.#error('has an object of a newer layout of HDF5 than can be read here');
    const blocks: [address: number, length: number][] = [[address + 16, head.readUInt32LE(8)]];
    const found = new Map<number, Buffer>();
    for (const [start, length] of blocks) {
      const block = this.#read(start, length);
      for (let at = 0; at + 8 <= length; ) {
        const [type, size] = [block.readUInt16LE(at), block.readUInt16LE(at + 2)];
        const content = block.subarray(at + 8, at + 8 + size);
        if (type === 0x10) blocks.push([number(content, 0), number(content, 8)]);
        else if (!found.has(type)) found.set(type, content);
        at += 8 + size;
      }
    }
    return found;
  }

  #shape(messages: ReadonlyMap<number, Buffer>): number[] {
    const space = messages.get(1);
    const type = messages.get(3);
    if (space === undefined || type === undefined) throw this.#error('has no array where one is expected');
    if (((type[0] ?? 0) & 15) !== 0 || type.readUInt32LE(4) !== 1)
      throw this.#error('holds elements other than bytes, which is not supported');
    const start = space[0] === 1 ? 8 : 4;
    return Array.from({ length: space[1] ?? 0 }, (_, i) => number(space, start + 8 * i));
  }

  #layout(messages: ReadonlyMap<number, Buffer>): void {
    const layout = messages.get(8);
    if (layout?.[0] !== 3) throw this.#error('stores its array in a way that is not supported');
    this.#filters = this.#pipeline(messages.get(11));
    if (layout[1] === 1) {
      this.#address = number(layout, 2);
      return;
    }
    if (layout[1] !== 2) throw this.#error('stores its array in a way that is not supported');
    const rank = this.shape.length;
    this.#chunkShape = Array.from({ length: rank }, (_, i) => layout.readUInt32LE(11 + 4 * i));
    if (layout.readBigUInt64LE(3) !== NOWHERE) this.#chunks = [...this.#tree(number(layout, 3), rank)];
  }

  #pipeline(message: Buffer | undefined): number[] {
    if (message === undefined) return [];
    const filters: number[] = [];
    const old = message[0] === 1;
    let at = old ? 8 : 2;
    for (let i = 0; i < (message[1] ?? 0); i++) {
      const id = message.readUInt16LE(at);
      const named = old || id >= 256;
      const name = named ? message.readUInt16LE(at + 2) : 0;
      const values = message.readUInt16LE(at + (named ? 6 : 4));
      if (id !== DEFLATE && id !== SHUFFLE) throw this.#error(`is compressed by filter ${id}, which is not supported`);
      filters.push(id);
      at += (named ? 8 : 6) + (old ? Math.ceil(name / 8) * 8 : name) + 4 * values + (old && values % 2 === 1 ? 4 : 0);
    }
    return filters;
  }

  *#tree(address: number, rank: number): Generator<Chunk> {
    const head = this.#read(address, 24);
    if (head.toString('latin1', 0, 4) !== 'TREE') throw this.#error('has a damaged tree of chunks');
    const key = 8 + 8 * (rank + 1);
    const count = head.readUInt16LE(6);
    const body = this.#read(address + 24, count * (key + 8) + key);
    for (let i = 0; i < count; i++) {
      const at = i * (key + 8);
      const child = number(body, at + key);
      if ((head[5] ?? 0) > 0) {
        yield* this.#tree(child, rank);
        continue;
      }
      yield {
        length: body.readUInt32LE(at),
        mask: body.readUInt32LE(at + 4),
        offset: Array.from({ length: rank }, (_, d) => number(body, at + 8 + 8 * d)),
        address: child,
      };
    }
  }

  #chunk({ address, length, mask }: Chunk): Buffer {
    if (this.#last?.address === address) return this.#last.data;
    let data = this.#read(address, length);
    for (const [i, filter] of [...this.#filters.entries()].reverse()) {
      // Of single bytes, shuffling changes nothing.
      if (filter !== DEFLATE || (mask & (1 << i)) !== 0) continue;
      try {
        data = inflateSync(data);
      } catch (error) {
        throw this.#error(`is damaged (${(error as Error).message})`);
      }
    }
    this.#last = { address, data };
    return data;
  }
}

function number(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

/** Copies a block into a larger one, row by row, as far as it lies inside. */
function copyTile(
  from: Uint8Array,
  fromStart: number,
  tile: readonly number[],
  to: Uint8Array,
  start: readonly number[],
  shape: readonly number[],
): void {
  const visit = (level: number, source: number, target: number): void => {
    if (level === shape.length) {
      to[target] = from[source] as number;
      return;
    }
    const sourceStep = tile.slice(level + 1).reduce((a, b) => a * b, 1);
    const targetStep = shape.slice(level + 1).reduce((a, b) => a * b, 1);
    const count = Math.min(tile[level] as number, (shape[level] as number) - (start[level] as number));
    if (level === shape.length - 1) {
      to.set(from.subarray(source, source + count), target + (start[level] as number));
      return;
    }
    for (let i = 0; i < count; i++)
      visit(level + 1, source + i * sourceStep, target + ((start[level] as number) + i) * targetStep);
  };
  visit(0, fromStart, 0);
}
