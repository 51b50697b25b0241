/** @file The bytes of a protocol-2 pickle as they are written: instructions, their operands, and the memo's numbering. */

import { encodeLong } from './pickle-text.ts';

/** Instructions of protocol 2 that the writer uses. */
export const OP = {
  proto: 0x80,
  stop: 0x2e,
  mark: 0x28,
  none: 0x4e,
  true: 0x88,
  false: 0x89,
  emptyTuple: 0x29,
  tuple1: 0x85,
  tuple2: 0x86,
  tuple3: 0x87,
  tuple: 0x74,
  emptyList: 0x5d,
  append: 0x61,
  appends: 0x65,
  emptyDict: 0x7d,
  setItem: 0x73,
  setItems: 0x75,
  reduce: 0x52,
  persistentId: 0x51,
} as const;

const UNICODE = 0x58;
const INT_1 = 0x4b;
const INT_2 = 0x4d;
const INT_4 = 0x4a;
const LONG_1 = 0x8a;
const LONG_4 = 0x8b;
const FLOAT = 0x47;
const GLOBAL = 0x63;
const PUT = 0x71;
const LONG_PUT = 0x72;
const GET = 0x68;
const LONG_GET = 0x6a;

/** A growing array of instructions. */
export class PickleSink {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #memoSize = 0;

  constructor() {
    this.op(OP.proto);
    this.op(2);
  }

  /** Ends the pickle and gives its bytes. */
  finish(): Uint8Array {
    this.op(OP.stop);
    return this.#bytes.subarray(0, this.#length);
  }

  /** One instruction, or one byte of an operand. */
  op(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  bool(value: boolean): void {
    this.op(value ? OP.true : OP.false);
  }

  /** A safe integer. */
  integer(value: number): void {
    if (value >= 0 && value <= 0xff) {
      this.op(INT_1);
      this.op(value);
    } else if (value >= 0 && value <= 0xffff) {
      this.op(INT_2);
      this.#number(2, (at) => this.#view.setUint16(at, value, true));
    } else if (value >= -(2 ** 31) && value < 2 ** 31) {
      this.op(INT_4);
      this.#number(4, (at) => this.#view.setInt32(at, value, true));
    } else {
      this.long(BigInt(value));
    }
  }

  long(value: bigint): void {
    const bytes = encodeLong(value);
    const short = bytes.length < 256;
    this.op(short ? LONG_1 : LONG_4);
    if (short) this.op(bytes.length);
    else this.#u32(bytes.length);
    this.#raw(bytes);
  }

  float(value: number): void {
    this.op(FLOAT);
    this.#number(8, (at) => this.#view.setFloat64(at, value, false));
  }

  unicode(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.op(UNICODE);
    this.#u32(bytes.length);
    this.#raw(bytes);
  }

  global(module: string, name: string): void {
    this.op(GLOBAL);
    this.#raw(Buffer.from(`${module}\n${name}\n`, 'latin1'));
  }

  /** Stores the value just written under the next number, as Python does for each, and gives the number. */
  put(): number {
    const index = this.#memoSize++;
    this.#memo(PUT, LONG_PUT, index);
    return index;
  }

  /** Recalls a stored value. */
  get(index: number): void {
    this.#memo(GET, LONG_GET, index);
  }

  #memo(short: number, long: number, index: number): void {
    this.op(index < 256 ? short : long);
    if (index < 256) this.op(index);
    else this.#u32(index);
  }

  #u32(value: number): void {
    this.#number(4, (at) => this.#view.setUint32(at, value, true));
  }

  #number(size: number, put: (at: number) => void): void {
    this.#reserve(size);
    put(this.#length);
    this.#length += size;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
