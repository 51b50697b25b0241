/** @file Decoding of the textual operands of pickles: strings with escapes (protocol 0) and integers of any size. */

import { FileFormatError } from '../errors.ts';

/** Python refuses longer decimal texts too: reading them takes quadratic time. */
const MAX_DIGITS = 4300;
/** Bytes of a binary integer; no checkpoint holds numbers of more than a few dozen. */
const MAX_LONG_BYTES = 2048;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new FileFormatError('the pickle holds a string that is not UTF-8', undefined, { cause });
  }
}

export function decodeLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A string of Python 2: text where it is UTF-8, else the bytes themselves. */
export function decodePython2String(bytes: Uint8Array): string | Uint8Array {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes;
  }
}

/** A number where it is exact, a bigint beyond 2^53. */
export function exactInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A decimal integer, with the `L` that protocol 0 appends to long ones. */
export function parseInteger(text: string): number | bigint {
  const match = /^\s*([+-]?\d+)L?\s*$/.exec(text);
  const digits = match?.[1];
  if (digits === undefined || digits.length > MAX_DIGITS) {
    throw new FileFormatError(`the pickle holds an invalid integer '${text.slice(0, 40)}'`);
  }
  return exactInteger(BigInt(digits.replace(/^\+/, '')));
}

/** A float as Python's `repr` writes it. */
export function parseFloatText(text: string): number {
  const word = text.trim().toLowerCase();
  const special: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN, '-nan': Number.NaN };
  const value = Object.hasOwn(special, word)
    ? special[word]
    : /^[+-]?[\d.]+(e[+-]?\d+)?$/.test(word)
      ? Number(word)
      : undefined;
  if (value === undefined || (Number.isNaN(value) && !word.endsWith('nan'))) {
    throw new FileFormatError(`the pickle holds an invalid float '${text.slice(0, 40)}'`);
  }
  return value;
}

/** A little-endian two's-complement integer of any length. */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length > MAX_LONG_BYTES) {
    throw new FileFormatError(`the pickle holds an integer of ${bytes.length} bytes, more than ${MAX_LONG_BYTES}`);
  }
  if (bytes.length === 0) return 0;
  const hex = Buffer.from(bytes).reverse().toString('hex');
  return exactInteger(BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`)));
}

/** The inverse of {@link decodeLong}: as few bytes as hold the sign. */
export function encodeLong(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const magnitude = value < 0n ? -value - 1n : value;
  const length = Math.floor(magnitude === 0n ? 0 : magnitude.toString(2).length / 8) + 1;
  const hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0');
  return new Uint8Array(Buffer.from(hex, 'hex').reverse());
}

const ESCAPES: Readonly<Record<string, number>> = {
  '\\': 0x5c,
  "'": 0x27,
  '"': 0x22,
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};

/** A quoted Python 2 string literal with its escapes, as bytes. */
export function decodeQuoted(line: Uint8Array): Uint8Array {
  const text = decodeLatin1(line).trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote)) {
    throw new FileFormatError('the pickle holds a string without its quotes');
  }
  const plain = text
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs, (whole, hex?: string, octal?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      const code = letter !== undefined && Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
      return code === undefined ? whole : String.fromCharCode(code);
    });
  return new Uint8Array(Buffer.from(plain, 'latin1'));
}

/** A `raw-unicode-escape` text: Latin-1 with `\uXXXX` and `\UXXXXXXXX`. */
export function decodeRawUnicode(line: Uint8Array): string {
  return decodeLatin1(line).replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g,
    (_, short?: string, long?: string) => {
      const code = Number.parseInt(short ?? long ?? '', 16);
      if (code > 0x10ffff) throw new FileFormatError('the pickle holds a character beyond Unicode');
      return String.fromCodePoint(code);
    },
  );
}
