/** @file numpy's type codes (`<f4`) and array bytes as tensor records: what `.npy` files and pickled arrays share. */

import { type DType, dtypeSize } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { numberSize, swapBytes, WIDENED, type WideUnsigned, widenUnsigned } from './elements.ts';
import { contiguousStrides, numelOf, TensorRecord } from './records.ts';

/** What a type code means here. */
export interface NumpyType {
  /** The element type that the tensor gets. */
  readonly dtype: DType;
  /** Set where the file holds an unsigned type that is widened to `dtype`. */
  readonly widened: WideUnsigned | undefined;
  readonly bigEndian: boolean;
  /** Bytes of one element in the file. */
  readonly size: number;
}

const CODES: Readonly<Record<string, DType>> = {
  b1: 'bool',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  c8: 'complex64',
  c16: 'complex128',
};
const UNSIGNED: Readonly<Record<string, WideUnsigned>> = { u2: 'uint16', u4: 'uint32', u8: 'uint64' };

/**
 * The meaning of a code such as `<f4`. Unsigned integers that libtorch lacks are widened: uint16 to int32, uint32 and
 * uint64 to int64 (a value of 2^63 or more is an error).
 *
 * @throws FileFormatError for types without an equal: strings, objects, records, dates, 80-bit floats.
 */
export function parseNumpyType(text: string): NumpyType {
  const match = /^([<>=|]?)([a-zA-Z?])(\d*)$/.exec(text);
  const kind = match?.[2] === '?' ? 'b' : (match?.[2] ?? '');
  const code = kind + (match?.[2] === '?' ? '1' : (match?.[3] ?? ''));
  const widened = Object.hasOwn(UNSIGNED, code) ? UNSIGNED[code] : undefined;
  const dtype = widened === undefined ? (Object.hasOwn(CODES, code) ? CODES[code] : undefined) : WIDENED[widened];
  if (dtype === undefined) throw new FileFormatError(`numpy type '${text}'${explain(kind)} is not supported`);
  return { dtype, widened, bigEndian: match?.[1] === '>', size: Number(code.slice(1)) };
}

function explain(kind: string): string {
  if (kind === 'O') return ' (Python objects, which only a pickle could hold)';
  if (kind === 'U' || kind === 'S') return ' (text)';
  if (kind === 'V') return ' (records or raw bytes)';
  if (kind === 'M' || kind === 'm') return ' (dates)';
  return '';
}

/** numpy's code for an element type; `undefined` for those that numpy lacks (bfloat16, the quantised ones). */
export function numpyCode(dtype: DType): string | undefined {
  const code = Object.keys(CODES).find((key) => CODES[key] === dtype);
  return code === undefined ? undefined : (dtypeSize(dtype) === 1 ? '|' : '<') + code;
}

/** Bytes that an array takes in a file; an error where the shape is no shape or the size beyond 2^53. */
export function arrayByteLength(type: NumpyType, shape: readonly number[]): number {
  const length = numelOf(shape) * type.size;
  if (shape.length > 64 || !shape.every((n) => Number.isSafeInteger(n) && n >= 0) || !Number.isSafeInteger(length)) {
    throw new FileFormatError(`invalid array shape [${shape.slice(0, 64)}]`);
  }
  return length;
}

/**
 * The tensor that `bytes` are the elements of; they are taken over, and changed where the byte order asks for it.
 * Column-major data keep their order and get the strides that say so.
 */
export function decodeArrayBytes(
  type: NumpyType,
  shape: readonly number[],
  fortran: boolean,
  bytes: Uint8Array,
): TensorRecord {
  const expected = arrayByteLength(type, shape);
  if (bytes.length !== expected) {
    throw new FileFormatError(
      `corrupt: an array of shape [${shape}] should have ${expected} bytes but has ${bytes.length}`,
    );
  }
  let elements = bytes;
  if (type.bigEndian) {
    elements = new Uint8Array(bytes);
    swapBytes(elements, type.widened === undefined ? numberSize(type.dtype) : type.size);
  }
  if (type.widened !== undefined) {
    const wide = widenUnsigned(elements, type.widened);
    if (wide === undefined) throw new FileFormatError('a uint64 value of 2^63 or more does not fit into int64');
    elements = wide;
  }
  const storage = { dtype: type.dtype, bytes: elements, device: 'cpu' };
  const strides = fortran ? contiguousStrides([...shape].reverse()).reverse() : contiguousStrides(shape);
  return new TensorRecord({ dtype: type.dtype, shape, strides, storage });
}
