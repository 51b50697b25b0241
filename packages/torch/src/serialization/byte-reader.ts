/** @file A forward reader of bytes, from memory or a window at a time from a file: what the unpickler reads from. */

import { FileFormatError } from '../errors.ts';
import type { InputFile } from './input-file.ts';

const WINDOW = 64 * 1024;
const NEWLINE = 0x0a;

/** Reads numbers, texts and byte runs in order; running off the end is a {@link FileFormatError}. */
export class ByteReader {
  /** The file's name, for messages. */
  readonly source: string | undefined;
  readonly #file: InputFile | undefined;
  /** Offset of the window in the whole input. */
  #base = 0;
  #window: Uint8Array;
  #view: DataView;
  /** Next byte, inside the window. */
  #at = 0;
  readonly #end: number;

  /** Reads `input` from its start; a file is read in windows and never held as a whole. */
  constructor(input: Uint8Array | InputFile, source?: string) {
    const inMemory = input instanceof Uint8Array;
    this.#file = inMemory ? undefined : input;
    this.source = inMemory ? source : input.path;
    this.#window = inMemory ? input : new Uint8Array(0);
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.byteLength);
    this.#end = inMemory ? input.length : input.size;
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#base + this.#at;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.position;
  }

  u8(): number {
    if (this.#at >= this.#window.length) this.#need(1);
    return this.#window[this.#at++] ?? 0;
  }

  u16(): number {
    return this.#viewOf(2).getUint16(this.#step(2), true);
  }

  u32(): number {
    return this.#viewOf(4).getUint32(this.#step(4), true);
  }

  i32(): number {
    return this.#viewOf(4).getInt32(this.#step(4), true);
  }

  /** A 64-bit length or count; `undefined` beyond 2^53, which no file can mean. */
  u64(): number | undefined {
    const value = Number(this.#viewOf(8).getBigUint64(this.#step(8), true));
    return Number.isSafeInteger(value) ? value : undefined;
  }

  /** Big-endian, as pickles hold floats. */
  f64be(): number {
    return this.#viewOf(8).getFloat64(this.#step(8), false);
  }

  /** The next `length` bytes, in memory of their own. */
  bytes(length: number, what = 'data'): Uint8Array {
    if (length > this.remaining) throw this.#truncated(length, what);
    if (this.#file !== undefined && length > WINDOW) {
      const bytes = this.#file.read(this.position, length, what);
      this.#moveTo(this.position + length, new Uint8Array(0));
      return bytes;
    }
    this.#need(length);
    const start = this.#step(length);
    return new Uint8Array(this.#window.subarray(start, start + length));
  }

  /** The bytes up to the next newline, which is passed over. */
  line(): Uint8Array {
    for (let searched = 0; ; ) {
      const found = this.#window.indexOf(NEWLINE, this.#at + searched);
      if (found >= 0) {
        const line = new Uint8Array(this.#window.subarray(this.#at, found));
        this.#at = found + 1;
        return line;
      }
      searched = this.#window.length - this.#at;
      if (searched === this.remaining) throw this.#truncated(searched + 1, 'a line of text');
      this.#need(Math.min(this.remaining, Math.max(searched * 2, WINDOW)));
    }
  }

  #viewOf(length: number): DataView {
    this.#need(length);
    return this.#view;
  }

  #step(length: number): number {
    const at = this.#at;
    this.#at += length;
    return at;
  }

  /** Makes the next `length` bytes lie in the window. */
  #need(length: number): void {
    if (this.#at + length <= this.#window.length) return;
    if (length > this.remaining) throw this.#truncated(length, 'data');
    if (this.#file === undefined) return;
    const start = this.position;
    this.#moveTo(start, this.#file.read(start, Math.min(this.remaining, Math.max(length, WINDOW)), 'data'));
  }

  #moveTo(base: number, window: Uint8Array): void {
    this.#window = window;
    this.#view = new DataView(window.buffer, window.byteOffset, window.byteLength);
    this.#base = base;
    this.#at = 0;
  }

  #truncated(length: number, what: string): FileFormatError {
    return new FileFormatError(
      `truncated: expected ${length} bytes of ${what} at offset ${this.position} but ${this.remaining} are left`,
      this.source,
    );
  }
}
