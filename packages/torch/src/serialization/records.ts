/** @file Plain records of tensors and their storages: what every file codec of this folder reads and writes. */

import { type DType, dtypeSize } from '../dtype.ts';
import { ArgumentError } from '../errors.ts';

/** The memory behind one or more tensors. Tensors that share memory share the `StorageRecord` object. */
export interface StorageRecord {
  /** Element type under which the storage was saved; a tensor over it may name another one. */
  dtype: DType;
  /** The elements, little-endian. */
  bytes: Uint8Array;
  /** Device string as saved, such as `cpu` or `cuda:0`. */
  device: string;
}

/** What a {@link TensorRecord} is made of; what is left out is the contiguous, gradient-free default. */
export interface TensorRecordInit {
  dtype: DType;
  shape: readonly number[];
  /** In elements; contiguous when left out. */
  strides?: readonly number[];
  /** In elements; 0 when left out. */
  storageOffset?: number;
  storage: StorageRecord;
  requiresGrad?: boolean;
  isParameter?: boolean;
}

/** A strided view of a storage. The constructor does not check bounds: see {@link boundsProblem}. */
export class TensorRecord {
  readonly dtype: DType;
  readonly shape: number[];
  /** In elements. */
  readonly strides: number[];
  /** In elements. */
  readonly storageOffset: number;
  readonly storage: StorageRecord;
  readonly requiresGrad: boolean;
  /** Whether Python held an `nn.Parameter` rather than a plain tensor. */
  readonly isParameter: boolean;

  constructor(init: TensorRecordInit) {
    this.dtype = init.dtype;
    this.shape = [...init.shape];
    this.strides = init.strides === undefined ? contiguousStrides(init.shape) : [...init.strides];
    this.storageOffset = init.storageOffset ?? 0;
    this.storage = init.storage;
    this.requiresGrad = init.requiresGrad ?? false;
    this.isParameter = init.isParameter ?? false;
  }

  /** A contiguous CPU tensor that owns `bytes`. */
  static of(dtype: DType, shape: readonly number[], bytes: Uint8Array): TensorRecord {
    return new TensorRecord({ dtype, shape, storage: { dtype, bytes, device: 'cpu' } });
  }
}

/** Number of elements; not exact beyond 2^53, where no tensor can be. */
export function numelOf(shape: readonly number[]): number {
  // Zero first: a product that has overflowed to Infinity must not turn 0 into NaN.
  return shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= Math.max(shape[axis] ?? 1, 1);
  }
  return strides;
}

/** What is wrong with the record's sizes, or `undefined` when each of its elements lies in its storage. */
export function boundsProblem(record: TensorRecord): string | undefined {
  const { dtype, shape, strides, storageOffset, storage } = record;
  const isSize = (n: number) => Number.isSafeInteger(n) && n >= 0;
  if (shape.length !== strides.length) return `${shape.length} sizes but ${strides.length} strides`;
  if (!shape.every(isSize)) return `invalid shape [${shape}]`;
  if (!strides.every(isSize)) return `invalid strides [${strides}]`;
  if (!isSize(storageOffset)) return `invalid storage offset ${storageOffset}`;
  const numel = numelOf(shape);
  if (!Number.isSafeInteger(numel * dtypeSize(dtype))) return `shape [${shape}] has too many elements`;
  if (numel === 0) return undefined;
  const last = shape.reduce((at, size, axis) => at + (size - 1) * (strides[axis] ?? 0), storageOffset);
  const needed = (last + 1) * dtypeSize(dtype);
  if (needed > storage.bytes.length) {
    return `shape [${shape}] with strides [${strides}] at offset ${storageOffset} needs ${needed} bytes of ${dtype} but the storage has ${storage.bytes.length}`;
  }
  return undefined;
}

/** Whether the elements lie row after row without gaps. */
export function isContiguous(record: TensorRecord): boolean {
  const expected = contiguousStrides(record.shape);
  return (
    numelOf(record.shape) === 0 ||
    record.shape.every((size, axis) => size === 1 || record.strides[axis] === expected[axis])
  );
}

/**
 * The elements in row-major order: a view of the storage where they lie so already, else a copy.
 *
 * @throws ArgumentError when the record reaches outside its storage or is too large to be copied.
 */
export function contiguousBytes(record: TensorRecord): Uint8Array {
  const problem = boundsProblem(record);
  if (problem !== undefined) throw new ArgumentError('tensor', `tensor does not fit its storage: ${problem}`);
  const size = dtypeSize(record.dtype);
  const length = numelOf(record.shape) * size;
  const { bytes } = record.storage;
  if (isContiguous(record)) {
    const start = length === 0 ? 0 : record.storageOffset * size;
    return bytes.subarray(start, start + length);
  }
  let target: Uint8Array;
  try {
    target = new Uint8Array(length);
  } catch (cause) {
    throw new ArgumentError('tensor', `shape [${record.shape}] is too large to be copied`, { cause });
  }
  copyStrided(record, size, target);
  return target;
}

type ElementArray = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Uint8Array | Uint16Array | Uint32Array;
};

/** Copies element by element through integer views, so that no NaN payload is ever normalised. */
function copyStrided(record: TensorRecord, size: number, target: Uint8Array): void {
  const { shape, strides } = record;
  const Unit: ElementArray = size === 1 ? Uint8Array : size === 2 ? Uint16Array : Uint32Array;
  const words = size / Unit.BYTES_PER_ELEMENT;
  const source = record.storage.bytes;
  const aligned = source.byteOffset % Unit.BYTES_PER_ELEMENT === 0 ? source : new Uint8Array(source);
  const from = new Unit(aligned.buffer, aligned.byteOffset, Math.floor(aligned.length / Unit.BYTES_PER_ELEMENT));
  const to = new Unit(target.buffer, 0, target.length / Unit.BYTES_PER_ELEMENT);
  const inner = shape.length - 1;
  const innerSize = shape[inner] ?? 1;
  const innerStride = strides[inner] ?? 1;
  const index = new Array<number>(shape.length).fill(0);
  let base = record.storageOffset;
  for (let written = 0; written < to.length; ) {
    for (let i = 0; i < innerSize; i++) {
      const at = (base + i * innerStride) * words;
      for (let word = 0; word < words; word++) to[written++] = from[at + word] ?? 0;
    }
    for (let axis = inner - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      base += strides[axis] ?? 0;
      if (next < (shape[axis] ?? 1)) {
        index[axis] = next;
        break;
      }
      base -= next * (strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
}
