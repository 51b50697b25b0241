/** @file The element types of tensors: names, libtorch's codes, sizes, and the typed arrays that hold them. */

/** Element type of a tensor, by PyTorch's name. */
export type DType = keyof typeof CODES;

/** libtorch's `c10::ScalarType` numbers; they have not changed since PyTorch 1.0 and are part of its serialised form. */
const CODES = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  complex64: 9,
  complex128: 10,
  bool: 11,
  qint8: 12,
  quint8: 13,
  qint32: 14,
  bfloat16: 15,
} as const;

const NAMES = new Map<number, DType>(Object.entries(CODES).map(([name, code]) => [code, name as DType]));

const SIZES: Record<DType, number> = {
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
  complex64: 8,
  complex128: 16,
  bool: 1,
  qint8: 1,
  quint8: 1,
  qint32: 4,
  bfloat16: 2,
};

/** All element types, in the order of libtorch's codes. */
export const dtypes: readonly DType[] = Object.keys(CODES) as DType[];

/** libtorch's code of an element type. */
export function dtypeCode(dtype: DType): number {
  return CODES[dtype];
}

/** The element type with libtorch's code `code`; `undefined` for a code that this library does not know. */
export function dtypeFromCode(code: number): DType | undefined {
  return NAMES.get(code);
}

/** Bytes that one element takes. */
export function dtypeSize(dtype: DType): number {
  return SIZES[dtype];
}

export function isDType(name: unknown): name is DType {
  return typeof name === 'string' && Object.hasOwn(CODES, name);
}

export function isFloatingPoint(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

export function isComplex(dtype: DType): boolean {
  return dtype === 'complex64' || dtype === 'complex128';
}

/** The typed arrays that tensor data comes in and goes out as. */
export type TypedArray =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

type TypedArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
};

/**
 * The typed array that holds elements of `dtype`. Node 20 has no `Float16Array`, so the two 16-bit floats come as their
 * bit patterns; complex numbers come as (real, imaginary) pairs; `bool` as bytes 0 and 1.
 */
export function typedArrayFor(dtype: DType): TypedArrayConstructor {
  switch (dtype) {
    case 'uint8':
    case 'quint8':
    case 'bool':
      return Uint8Array;
    case 'int8':
    case 'qint8':
      return Int8Array;
    case 'int16':
      return Int16Array;
    case 'float16':
    case 'bfloat16':
      return Uint16Array;
    case 'int32':
    case 'qint32':
      return Int32Array;
    case 'int64':
      return BigInt64Array;
    case 'float32':
    case 'complex64':
      return Float32Array;
    case 'float64':
    case 'complex128':
      return Float64Array;
  }
}

/** The element type that a typed array holds by itself; `undefined` where none fits (unsigned 16-bit and wider). */
export function dtypeOfTypedArray(array: ArrayBufferView): DType | undefined {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return 'uint8';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Int16Array) return 'int16';
  return undefined;
}
