/** @file Decodes the portable pixmap formats PGM and PPM (P2, P3, P5, P6), which sharp does not read. */

import type { DecodedImage } from './decoded-image.ts';

/** True for bytes that begin like a grey or colour map. */
export function isPnm(bytes: Uint8Array): boolean {
  const kind = bytes[1];
  return bytes[0] === 0x50 && (kind === 0x32 || kind === 0x33 || kind === 0x35 || kind === 0x36) && isSpace(bytes[2]);
}

/** @throws {Error} saying what is wrong with the file */
export function decodePnm(bytes: Uint8Array): DecodedImage {
  const kind = (bytes[1] as number) - 0x30;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const text = new Tokens(bytes, 2);
  const [width, height, maximum] = [text.number('width'), text.number('height'), text.number('maximum value')];
  if (width === 0 || height === 0 || maximum === 0 || maximum > 65535)
    throw new Error(`the header says ${width} × ${height}, maximum ${maximum}`);
  const count = width * height * channels;
  const data = new Uint8Array(count);
  if (kind <= 3) {
    for (let i = 0; i < count; i++) data[i] = scale(text.number('sample'), maximum);
    return { data, height, width, channels };
  }
  const start = text.position + 1;
  const size = maximum > 255 ? 2 : 1;
  if (bytes.length < start + count * size)
    throw new Error(`it ends after ${bytes.length} of ${start + count * size} bytes`);
  for (let i = 0; i < count; i++) {
    const at = start + i * size;
    const value = size === 1 ? (bytes[at] as number) : ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    data[i] = scale(value, maximum);
  }
  return { data, height, width, channels };
}

function scale(value: number, maximum: number): number {
  return maximum === 255 ? value : Math.min(255, Math.round((value * 255) / maximum));
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

/** Decimal numbers between white space and comments. */
class Tokens {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  number(what: string): number {
    const { bytes } = this;
    while (isSpace(bytes[this.position]) || bytes[this.position] === 0x23) {
      if (bytes[this.position] === 0x23)
        while (this.position < bytes.length && bytes[this.position] !== 0x0a) this.position++;
      else this.position++;
    }
    const start = this.position;
    let value = 0;
    for (let digit = digitAt(bytes, this.position); digit >= 0; digit = digitAt(bytes, ++this.position))
      value = value * 10 + digit;
    if (this.position === start)
      throw new Error(start >= bytes.length ? `it ends before its ${what}` : `expected a number for the ${what}`);
    return value;
  }
}

function digitAt(bytes: Uint8Array, position: number): number {
  const digit = (bytes[position] ?? 0) - 0x30;
  return digit >= 0 && digit <= 9 ? digit : -1;
}
