/** @file Conversions of raw element bytes that file formats need: byte order, and integer types that libtorch lacks. */

import { type DType, dtypeSize, isComplex } from '../dtype.ts';

/** Unsigned integers of file formats that this library has no element type for. */
export type WideUnsigned = 'uint16' | 'uint32' | 'uint64';

/** The element type that holds every value of the unsigned type (for `uint64`: every value below 2^63). */
export const WIDENED: Readonly<Record<WideUnsigned, DType>> = { uint16: 'int32', uint32: 'int64', uint64: 'int64' };

/** Bytes of one number inside an element: half the element for complex types. */
export function numberSize(dtype: DType): number {
  return isComplex(dtype) ? dtypeSize(dtype) / 2 : dtypeSize(dtype);
}

/** Reverses each group of `unit` bytes in place. */
export function swapBytes(bytes: Uint8Array, unit: number): void {
  for (let start = 0; start + unit <= bytes.length && unit > 1; start += unit) {
    bytes.subarray(start, start + unit).reverse();
  }
}

/**
 * Little-endian unsigned integers as the next wider signed type.
 * Returns `undefined` when a `uint64` is 2^63 or more, which no signed type holds.
 */
export function widenUnsigned(bytes: Uint8Array, from: WideUnsigned): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (from === 'uint16') {
    const wide = new Int32Array(bytes.length / 2);
    for (let i = 0; i < wide.length; i++) wide[i] = view.getUint16(i * 2, true);
    return new Uint8Array(wide.buffer);
  }
  if (from === 'uint32') {
    const wide = new BigInt64Array(bytes.length / 4);
    for (let i = 0; i < wide.length; i++) wide[i] = BigInt(view.getUint32(i * 4, true));
    return new Uint8Array(wide.buffer);
  }
  for (let at = 7; at < bytes.length; at += 8) if (view.getUint8(at) >= 0x80) return undefined;
  return bytes;
}

/** `bfloat16` elements as `float32`, exactly: the former is the upper half of the latter. */
export function widenBFloat16(bytes: Uint8Array): Uint8Array {
  const wide = new Uint8Array(bytes.length * 2);
  for (let i = 0; i < bytes.length; i += 2) {
    wide[i * 2 + 2] = bytes[i] ?? 0;
    wide[i * 2 + 3] = bytes[i + 1] ?? 0;
  }
  return wide;
}

/** The IEEE half-precision number with these 16 bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
