/** @file Tensors from numbers, typed arrays, shapes and random generators. */

import { type DType, dtypeOfTypedArray, type TypedArray } from '../dtype.ts';
import { ArgumentError, describeValue } from '../errors.ts';
import { native } from '../native.ts';
import { callOp, Operator } from './dispatch.ts';
import type { Generator } from './generator.ts';
import { Tensor } from './tensor.ts';
import type { Device, Layout, MemoryFormat, Scalar, Shape } from './types.ts';

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

/** Numbers, booleans or bigints, nested to any depth. */
export type TensorData = number | bigint | boolean | readonly TensorData[] | TypedArray;

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

function factory(operator: Operator, first: unknown[], o: CreationOptions): Tensor {
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
    ? factory(RAND, [shape], options)
    : factory(RAND_GENERATOR, [shape, options.generator], options);
}

/** Standard normal. */
export function randn(shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape(shape);
  return options.generator === undefined
    ? factory(RANDN, [shape], options)
    : factory(RANDN_GENERATOR, [shape, options.generator], options);
}

/** Integers from `low` (included) to `high` (excluded), int64 unless said otherwise. */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape(shape);
  const full_ = { dtype: 'int64' as const, ...options };
  return options.generator === undefined
    ? factory(RANDINT, [low, high, shape], full_)
    : factory(RANDINT_GENERATOR, [low, high, shape, options.generator], full_);
}

/** A random order of 0 … n − 1, int64. */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  const full_ = { dtype: 'int64' as const, ...options };
  return options.generator === undefined
    ? factory(RANDPERM, [n], full_)
    : factory(RANDPERM_GENERATOR, [n, options.generator], full_);
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
  const flat: (number | bigint | boolean)[] = [];
  flatten(data, shape, 0, flat);
  const dtype = options.dtype ?? inferDType(flat);
  const made = new Tensor(native.fromBytes(pack(flat, dtype), carrierOf(dtype), shape, false), 'tensor');
  return convert(made, dtype, options);
}

/** A tensor over a copy of a typed array's elements, in row-major order. */
export function fromTypedArray(data: TypedArray, shape: Shape, options: CreationOptions = {}): Tensor {
  const own = dtypeOfTypedArray(data);
  const carried = own ?? options.dtype;
  if (carried === undefined) {
    throw new ArgumentError(
      'dtype',
      `Expected a dtype for ${data.constructor.name}, which can hold several (float16, bfloat16, …)`,
    );
  }
  // uint8 bytes may already be the 0/1 bytes of a bool tensor, and 16-bit patterns those of a half.
  const sameBytes = options.dtype === 'bool' && own === 'uint8';
  const made = new Tensor(native.fromBytes(data, sameBytes ? 'uint8' : carried, shape, false), 'fromTypedArray');
  return convert(made, options.dtype ?? carried, options);
}

/** A tensor *in* a typed array's memory (also over a SharedArrayBuffer): changes show on both sides. */
export function fromSharedArray(data: TypedArray, shape: Shape, options: { dtype?: DType } = {}): Tensor {
  const dtype = options.dtype ?? dtypeOfTypedArray(data);
  if (dtype === undefined) throw new ArgumentError('dtype', `Expected a dtype for ${data.constructor.name}`);
  return new Tensor(native.fromBytes(data, dtype, shape, true), 'fromSharedArray');
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

function flatten(data: TensorData, shape: readonly number[], depth: number, into: (number | bigint | boolean)[]): void {
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
  if (depth !== shape.length || (typeof data !== 'number' && typeof data !== 'bigint' && typeof data !== 'boolean')) {
    throw new ArgumentError(
      'data',
      `Expected ${depth === shape.length ? 'a number, bigint or boolean' : `an array of length ${shape[depth]}`} in data but received ${describeValue(data)}`,
    );
  }
  into.push(data);
}

function inferDType(flat: readonly (number | bigint | boolean)[]): DType {
  if (flat.length === 0) return 'float32';
  if (flat.every((v) => typeof v === 'boolean')) return 'bool';
  return flat.every((v) => typeof v !== 'number' || Number.isInteger(v)) ? 'int64' : 'float32';
}

/** What elements travel as: doubles hold every number exactly, except large integers. */
function carrierOf(dtype: DType): DType {
  return dtype === 'int64' ? 'int64' : 'float64';
}

function pack(flat: readonly (number | bigint | boolean)[], dtype: DType): TypedArray {
  if (dtype === 'int64') return BigInt64Array.from(flat, (v) => BigInt(typeof v === 'number' ? Math.trunc(v) : v));
  return Float64Array.from(flat, Number);
}
