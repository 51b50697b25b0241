/** @file Tensors from numbers, typed arrays, shapes and random generators. */

import { markAsUntransferable } from 'node:worker_threads';
import { type DType, dtypeOfTypedArray, isComplex, type TypedArray } from '../dtype.ts';
import { ArgumentError, describeValue } from '../errors.ts';
import { native } from '../native.ts';
import { callOp, Operator } from './dispatch.ts';
import type { Generator } from './generator.ts';
import { Tensor } from './tensor.ts';
import type { Complex, Device, Layout, MemoryFormat, Scalar, Shape } from './types.ts';

export interface CreationOptions {
  dtype?: DType;
  device?: Device;
  layout?: Layout;
  pinMemory?: boolean;
  requiresGrad?: boolean;
}

export interface RandomOptions extends CreationOptions {
  generator?: Generator;
}

export interface EmptyOptions extends CreationOptions {
  memoryFormat?: MemoryFormat;
}

type Element = number | bigint | boolean | Complex;

/** Numbers, booleans, bigints or complex numbers, nested to any depth. */
export type TensorData = Element | readonly TensorData[] | TypedArray;

const op = (name: string, overload = '') => new Operator(`aten::${name}`, overload);
const ZEROS = op('zeros');
const ONES = op('ones');
const EMPTY = op('empty', 'memory_format');
const FULL = op('full');
const RAND = op('rand');
const RAND_GENERATOR = op('rand', 'generator');
const RANDN = op('randn');
const RANDN_GENERATOR = op('randn', 'generator');
const RANDINT = op('randint', 'low');
const RANDINT_GENERATOR = op('randint', 'low_generator');
const RANDPERM = op('randperm');
const RANDPERM_GENERATOR = op('randperm', 'generator');
const ARANGE = op('arange', 'start_step');
const LINSPACE = op('linspace');
const EYE = op('eye', 'm');

function finish(tensor: unknown, options: CreationOptions): Tensor {
  const result = tensor as Tensor;
  if (options.requiresGrad === true) result.requiresGrad = true;
  return result;
}

function checkShape(shape: Shape): void {
  if (!Array.isArray(shape)) throw ArgumentError.expected('shape', 'an array of sizes', shape);
}

const CREATION = ['dtype', 'device', 'layout', 'pinMemory', 'requiresGrad'];
const RANDOM = [...CREATION, 'generator'];

function factory(operator: Operator, first: unknown[], o: CreationOptions, known = CREATION): Tensor {
  checkOptions(o, known);
  return finish(callOp(operator, ...first, o.dtype, o.layout, o.device, o.pinMemory), o);
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: CreationOptions = {}): Tensor {
  checkShape(shape);
  return factory(ZEROS, [shape], options);
}

export function ones(shape: Shape, options: CreationOptions = {}): Tensor {
  checkShape(shape);
  return factory(ONES, [shape], options);
}

/** A tensor whose elements are whatever was in memory. */
export function empty(shape: Shape, options: EmptyOptions = {}): Tensor {
  checkShape(shape);
  checkOptions(options, [...CREATION, 'memoryFormat']);
  return finish(
    callOp(EMPTY, shape, options.dtype, options.layout, options.device, options.pinMemory, options.memoryFormat),
    options,
  );
}

/** A tensor filled with one value. */
export function full(shape: Shape, value: Scalar, options: CreationOptions = {}): Tensor {
  checkShape(shape);
  return factory(FULL, [shape, value], options);
}

/** Uniform on [0, 1). */
export function rand(shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape(shape);
  return options.generator === undefined
    ? factory(RAND, [shape], options, RANDOM)
    : factory(RAND_GENERATOR, [shape, options.generator], options, RANDOM);
}

/** Standard normal. */
export function randn(shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape(shape);
  return options.generator === undefined
    ? factory(RANDN, [shape], options, RANDOM)
    : factory(RANDN_GENERATOR, [shape, options.generator], options, RANDOM);
}

/** Integers from `low` (included) to `high` (excluded), int64 unless said otherwise. */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape(shape);
  const full_ = { dtype: 'int64' as const, ...options };
  return options.generator === undefined
    ? factory(RANDINT, [low, high, shape], full_, RANDOM)
    : factory(RANDINT_GENERATOR, [low, high, shape, options.generator], full_, RANDOM);
}

/** A random order of 0 … n − 1, int64. */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  const full_ = { dtype: 'int64' as const, ...options };
  return options.generator === undefined
    ? factory(RANDPERM, [n], full_, RANDOM)
    : factory(RANDPERM_GENERATOR, [n, options.generator], full_, RANDOM);
}

/** Values from `start` to before `end` by `step`; `arange(n)` counts from 0. int64 when all three are whole. */
export function arange(start: number, end?: number, step = 1, options: CreationOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const dtype = options.dtype ?? ([from, to, step].every(Number.isInteger) ? 'int64' : 'float32');
  return factory(ARANGE, [from, to, step], { ...options, dtype });
}

/** `steps` evenly spaced values, both ends included. */
export function linspace(start: number, end: number, steps: number, options: CreationOptions = {}): Tensor {
  return factory(LINSPACE, [start, end, steps], { dtype: 'float32', ...options });
}

/** The n × m identity. */
export function eye(n: number, m = n, options: CreationOptions = {}): Tensor {
  return factory(EYE, [n, m], options);
}

/**
 * A tensor from numbers, booleans, bigints, nested arrays of them, or a typed array (one dimension, copied).
 *
 * Without `dtype`: booleans make bool, bigints int64, whole numbers int64, others float32, as in PyTorch; a typed array
 * gives its own type.
 *
 * @throws {ArgumentError} for ragged arrays and values that are not numbers
 */
export function tensor(data: TensorData, options: CreationOptions = {}): Tensor {
  if (ArrayBuffer.isView(data)) {
    return fromTypedArray(data as TypedArray, [(data as TypedArray).length], options);
  }
  const shape: number[] = [];
  for (let level: TensorData = data; Array.isArray(level); level = level[0] as TensorData) shape.push(level.length);
  const flat: Element[] = [];
  flatten(data, shape, 0, flat);
  const dtype = options.dtype ?? inferDType(flat);
  const [elements, carrier] = pack(flat, dtype);
  return convert(new Tensor(native.fromBytes(elements, carrier, shape, false), 'tensor'), dtype, options);
}

/**
 * A tensor over a copy of a typed array's elements, in row-major order. For complex numbers the array may hold real parts,
 * or (real, imaginary) pairs when it is twice as long as the shape asks. A Uint16Array holds the bit patterns of a half.
 */
export function fromTypedArray(data: TypedArray, shape: Shape, options: CreationOptions = {}): Tensor {
  checkOptions(options, CREATION);
  if (!ArrayBuffer.isView(data)) throw ArgumentError.expected('data', 'a typed array', data);
  const own = dtypeOfTypedArray(data);
  const wanted = options.dtype;
  const pairs = wanted !== undefined && isComplex(wanted) && data.length === 2 * shape.reduce((a, b) => a * b, 1);
  const carried = pairs ? (data.BYTES_PER_ELEMENT === 4 ? 'complex64' : 'complex128') : (own ?? wanted);
  if (carried === undefined) {
    throw new ArgumentError(
      'dtype',
      `Expected a dtype for ${data.constructor.name}, which can hold several (float16, bfloat16, …)`,
    );
  }
  return convert(
    new Tensor(native.fromBytes(data, carried, shape, false), 'fromTypedArray'),
    wanted ?? carried,
    options,
  );
}

/**
 * A tensor *in* a typed array's memory (also over a SharedArrayBuffer): changes show on both sides. The array lives at least
 * as long as the tensor, and its buffer can no longer be transferred to another thread.
 */
export function fromSharedArray(data: TypedArray, shape: Shape, options: { dtype?: DType } = {}): Tensor {
  checkOptions(options, ['dtype']);
  const dtype = options.dtype ?? dtypeOfTypedArray(data);
  if (dtype === undefined) {
    throw new ArgumentError('dtype', `Expected a dtype for ${describeValue(data)}, which does not tell one by itself`);
  }
  const handle = native.fromBytes(data, dtype, shape, true);
  const buffer: ArrayBufferLike & { readonly resizable?: boolean } = data.buffer;
  if (buffer.resizable === true) {
    native.release(handle);
    throw new ArgumentError(
      'data',
      'Expected an array of fixed size for data: a resizable buffer could shrink under the tensor',
    );
  }
  if (buffer instanceof ArrayBuffer) markAsUntransferable(buffer);
  return new Tensor(handle, 'fromSharedArray');
}

/** A tensor of `dtype` over a copy of raw bytes (little endian, row-major). */
export function fromBytes(data: Uint8Array, dtype: DType, shape: Shape): Tensor {
  return new Tensor(native.fromBytes(data, dtype, shape, false), 'fromBytes');
}

function convert(made: Tensor, dtype: DType, options: CreationOptions): Tensor {
  let result = made;
  if (made.dtype !== dtype || options.device !== undefined) {
    result = made.to({ dtype, device: options.device ?? 'cpu' });
    if (result !== made) made.dispose();
  }
  return finish(result, options);
}

function flatten(data: TensorData, shape: readonly number[], depth: number, into: Element[]): void {
  if (Array.isArray(data)) {
    if (depth >= shape.length || data.length !== shape[depth]) {
      throw new ArgumentError(
        'data',
        `Expected ${shape[depth] ?? 'a number, not an array'} elements at depth ${depth} of data but received ${data.length}: nested arrays must have equal lengths`,
      );
    }
    for (const item of data) flatten(item as TensorData, shape, depth + 1, into);
    return;
  }
  const isElement =
    typeof data === 'number' || typeof data === 'bigint' || typeof data === 'boolean' || isComplexNumber(data);
  if (depth !== shape.length || !isElement) {
    throw new ArgumentError(
      'data',
      `Expected ${depth === shape.length ? 'a number, bigint, boolean or {real, imag}' : `an array of length ${shape[depth]}`} in data but received ${describeValue(data)}`,
    );
  }
  into.push(data);
}

function inferDType(flat: readonly Element[]): DType {
  if (flat.length === 0) return 'float32';
  if (flat.some(isComplexNumber)) return 'complex64';
  if (flat.every((v) => typeof v === 'boolean')) return 'bool';
  return flat.every((v) => typeof v !== 'number' || Number.isInteger(v)) ? 'int64' : 'float32';
}

function isComplexNumber(value: unknown): value is Complex {
  if (typeof value !== 'object' || value === null) return false;
  const { real, imag } = value as Partial<Complex>;
  return typeof real === 'number' && typeof imag === 'number';
}

/** The elements as bytes, and what they travel as: doubles hold every number exactly, except large integers. */
function pack(flat: readonly Element[], dtype: DType): [TypedArray, DType] {
  if (flat.some(isComplexNumber)) {
    if (!isComplex(dtype))
      throw ArgumentError.expected('dtype', 'complex64 or complex128, since data has complex numbers,', dtype);
    return [
      Float64Array.from(flat.flatMap((v) => (isComplexNumber(v) ? [v.real, v.imag] : [Number(v), 0]))),
      'complex128',
    ];
  }
  if (dtype === 'int64') return [BigInt64Array.from(flat as readonly Exclude<Element, Complex>[], toInt64), 'int64'];
  return [Float64Array.from(flat, Number), 'float64'];
}

function toInt64(value: number | bigint | boolean): bigint {
  const whole = typeof value === 'number' ? Math.trunc(value) : value;
  const result = typeof whole === 'number' && !Number.isFinite(whole) ? undefined : BigInt(whole);
  if (result === undefined || BigInt.asIntN(64, result) !== result) {
    throw ArgumentError.expected('data', 'numbers that int64 can hold', value);
  }
  return result;
}

/** Refuses options that nothing reads, which are mostly misspelt. */
function checkOptions(options: object, known: readonly string[]): void {
  for (const key in options) {
    if (!known.includes(key))
      throw new ArgumentError(key, `Unknown option '${key}'; options here: ${known.join(', ')}`);
  }
}
