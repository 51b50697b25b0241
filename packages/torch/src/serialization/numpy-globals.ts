/** @file The part of the unpickler's allow-list that rebuilds numpy's scalars and arrays, as checkpoints hold them. */

import type { DType } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { halfToNumber } from './elements.ts';
import { decodeArrayBytes, type NumpyType, parseNumpyType } from './numpy-types.ts';
import { PickleConstant, type PickleFunction, type PickleGlobals } from './pickle-reader.ts';
import { exactInteger } from './pickle-text.ts';
import { finish, PyComplex, type Stateful, setState, TorchDType, Tuple, type Unfinished } from './pickle-values.ts';
import type { TensorRecord } from './records.ts';

/** A `numpy.dtype`: a kind and size at first, to which BUILD adds the byte order. */
class NumpyDType implements Stateful, Unfinished {
  readonly #code: string;
  #order = '|';

  constructor(code: string) {
    this.#code = code;
  }

  get type(): NumpyType {
    return parseNumpyType(this.#order + this.#code);
  }

  /** The state is (version, byte order, …); what follows concerns records, which are refused by their code. */
  [setState](state: unknown): void {
    const order = state instanceof Tuple ? textOf(state[1]) : undefined;
    if (order === undefined || !/^[<>=|]$/.test(order))
      throw new FileFormatError('corrupt: a numpy dtype has no byte order');
    this.#order = order;
  }

  [finish](): TorchDType {
    return new TorchDType(this.type.dtype);
  }
}

/** A `numpy.ndarray`: empty at first; BUILD brings shape, dtype and bytes. */
class NumpyArray implements Stateful, Unfinished {
  #record: TensorRecord | undefined;

  [setState](state: unknown): void {
    if (!(state instanceof Tuple)) throw new FileFormatError('corrupt: a numpy array has no state');
    const [, shape, dtype, fortran, data] = state.length === 5 ? state : [0, ...state];
    if (Array.isArray(data)) throw new FileFormatError('a numpy array holds Python objects, which are not supported');
    this.#record = makeArray(data, dtype, shape, fortran === true || fortran === 1);
  }

  [finish](): TensorRecord {
    if (this.#record === undefined) throw new FileFormatError('corrupt: a numpy array was never filled');
    return this.#record;
  }
}

function makeArray(data: unknown, dtype: unknown, shape: unknown, fortran: boolean): TensorRecord {
  if (!(dtype instanceof NumpyDType) || !(shape instanceof Tuple)) {
    throw new FileFormatError('corrupt: a numpy array lacks its dtype or shape');
  }
  return decodeArrayBytes(dtype.type, shape.map(Number), fortran, bytesOf(data));
}

/** Bytes, or the text that a Python 2 string of bytes was decoded to where it happened to be valid UTF-8. */
function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return new TextEncoder().encode(value);
  throw new FileFormatError('corrupt: a numpy array or scalar has no bytes');
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : undefined;
}

const makeDType: PickleFunction = ([code]) => {
  const text = textOf(code);
  if (text === undefined) throw new FileFormatError('corrupt: a numpy dtype has no name');
  return new NumpyDType(text);
};

const makeScalar: PickleFunction = ([dtype, data]) => {
  if (!(dtype instanceof NumpyDType)) throw new FileFormatError('corrupt: a numpy scalar has no dtype');
  const record = decodeArrayBytes(dtype.type, [], false, bytesOf(data));
  return scalarOf(record.dtype, record.storage.bytes);
};

function scalarOf(dtype: DType, bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case 'bool':
      return view.getUint8(0) !== 0;
    case 'uint8':
      return view.getUint8(0);
    case 'int8':
      return view.getInt8(0);
    case 'int16':
      return view.getInt16(0, true);
    case 'int32':
      return view.getInt32(0, true);
    case 'int64':
      return exactInteger(view.getBigInt64(0, true));
    case 'float16':
      return halfToNumber(view.getUint16(0, true));
    case 'float32':
      return view.getFloat32(0, true);
    case 'float64':
      return view.getFloat64(0, true);
    case 'complex64':
      return new PyComplex(view.getFloat32(0, true), view.getFloat32(4, true));
    case 'complex128':
      return new PyComplex(view.getFloat64(0, true), view.getFloat64(8, true));
    default:
      throw new FileFormatError(`numpy has no ${dtype}`);
  }
}

/** numpy 1.x has these in `numpy.core`, 2.x in `numpy._core`. */
function inBothCores(name: string, value: PickleFunction): [string, PickleFunction][] {
  return [
    [`numpy.core.${name}`, value],
    [`numpy._core.${name}`, value],
  ];
}

/** See the file's description. */
export const NUMPY_GLOBALS: PickleGlobals = {
  'numpy.dtype': makeDType,
  'numpy.ndarray': new PickleConstant(null),
  ...Object.fromEntries([
    ...inBothCores('multiarray._reconstruct', () => new NumpyArray()),
    ...inBothCores('multiarray.scalar', makeScalar),
    // Protocol 5: (bytes, dtype, shape, order).
    ...inBothCores('numeric._frombuffer', ([data, dtype, shape, order]) =>
      makeArray(data, dtype, shape, order === 'F'),
    ),
  ]),
};
