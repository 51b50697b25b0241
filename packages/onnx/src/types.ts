/** @file Element types of torch and of ONNX, and tensors as ONNX stores them. */

import { ArgumentError, type DType, scope, type Tensor } from '@edgeai/torch';
import { DataType, type TensorProto } from './proto/onnx.ts';

const CODES: Partial<Record<DType, number>> = {
  float32: DataType.FLOAT,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  int16: DataType.INT16,
  int32: DataType.INT32,
  int64: DataType.INT64,
  bool: DataType.BOOL,
  float16: DataType.FLOAT16,
  float64: DataType.DOUBLE,
  complex64: DataType.COMPLEX64,
  complex128: DataType.COMPLEX128,
  bfloat16: DataType.BFLOAT16,
};

/** ONNX's code of an element type. @throws {ArgumentError} for quantised types, which ONNX does not have */
export function onnxType(dtype: DType): number {
  const code = CODES[dtype];
  if (code === undefined) throw new ArgumentError('dtype', `ONNX has no element type for ${dtype}`);
  return code;
}

/** The name of ONNX's element type `code` here; `undefined` for those that torch does not have. */
export function torchType(code: number | undefined): DType | undefined {
  for (const [dtype, known] of Object.entries(CODES)) if (known === code) return dtype as DType;
  return undefined;
}

/** A tensor with its elements in row-major order, whatever its memory format. */
export function tensorProto(name: string, tensor: Tensor): TensorProto {
  return scope(() => {
    const { buffer, byteOffset, byteLength } = tensor.toTypedArray();
    return {
      dims: tensor.shape,
      dataType: onnxType(tensor.dtype),
      name,
      rawData: new Uint8Array(buffer, byteOffset, byteLength),
    };
  });
}

/** Numbers as elements of `dtype`: the small constants of a graph. */
export function packNumbers(values: readonly number[], dtype: DType): Uint8Array {
  const array = numberArray(values, dtype);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function numberArray(values: readonly number[], dtype: DType): ArrayBufferView {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(values);
    case 'float64':
      return Float64Array.from(values);
    case 'int64':
      return BigInt64Array.from(values, (value) => BigInt(value));
    case 'int32':
      return Int32Array.from(values);
    case 'int16':
      return Int16Array.from(values);
    case 'int8':
      return Int8Array.from(values);
    case 'uint8':
      return Uint8Array.from(values);
    case 'bool':
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    case 'float16':
      return Uint16Array.from(values, halfBits);
    case 'bfloat16':
      return Uint16Array.from(values, bfloatBits);
    default:
      throw new ArgumentError('dtype', `No constants of type ${dtype}`);
  }
}

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

function bfloatBits(value: number): number {
  single[0] = value;
  const [pattern = 0] = bits;
  if (Number.isNaN(value)) return 0x7fc0;
  // Round to nearest, ties to even.
  return (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
}

/** Bits of the nearest half-precision number, ties to even. */
function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // Below 2⁻¹⁴ numbers are multiples of 2⁻²⁴.
  const exponent = Math.max(Math.floor(Math.log2(size || 1)), -14);
  const step = 2 ** (Math.max(size === 0 ? -14 : exponent, -14) - 10);
  const count = roundToEven(size / step);
  return size < 2 ** -14 ? sign | count : sign | (((exponent + 15) << 10) + (count - 1024));
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
