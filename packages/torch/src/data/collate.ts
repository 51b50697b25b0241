/** @file How samples become a batch: tensors are stacked, numbers become tensors, structures are followed. */

import { tensor } from '../core/creation.ts';
import { Tensor } from '../core/tensor.ts';
import type { TypedArray } from '../dtype.ts';
import { ArgumentError, describeValue } from '../errors.ts';
import { serialStack } from './serial-stack.ts';

/** The type of a batch that `defaultCollate` makes of samples of type `T`. */
export type Collated<T> = T extends Tensor | TypedArray | number | bigint | boolean
  ? Tensor
  : T extends string
    ? string[]
    : T extends ReadonlyMap<infer K, infer V>
      ? Map<K, Collated<V>>
      : T extends readonly unknown[]
        ? { -readonly [K in keyof T]: Collated<T[K]> }
        : T extends object
          ? { -readonly [K in keyof T]: Collated<T[K]> }
          : never;

/**
 * Makes one batch of several samples.
 *
 * Tensors are stacked along a new first dimension, and so are typed arrays. Numbers become a tensor: int64 when all are
 * whole, float64 otherwise, so targets that are real numbers by nature are better given as tensors. Booleans become a
 * bool tensor, bigints int64. Strings become an array. Arrays, plain objects and Maps keep their form, with each member
 * collated.
 *
 * @throws {ArgumentError} naming the member whose samples do not fit together
 */
export function defaultCollate<T>(samples: readonly T[]): Collated<T> {
  if (samples.length === 0) throw new ArgumentError('samples', 'Expected at least one sample to collate');
  return collate(samples, '') as Collated<T>;
}

function collate(values: readonly unknown[], path: string): unknown {
  const [first] = values;
  if (first instanceof Tensor)
    return stackTensors(
      all(values, path, (v): v is Tensor => v instanceof Tensor),
      path,
    );
  switch (typeof first) {
    case 'number': {
      const numbers = all(values, path, (v) => typeof v === 'number');
      return tensor(numbers, { dtype: numbers.every(Number.isInteger) ? 'int64' : 'float64' });
    }
    case 'boolean':
      return tensor(all(values, path, (v) => typeof v === 'boolean'));
    case 'bigint':
      return tensor(all(values, path, (v) => typeof v === 'bigint'));
    case 'string':
      return [...all(values, path, (v) => typeof v === 'string')];
    default:
  }
  if (ArrayBuffer.isView(first)) {
    const arrays = all(values, path, (v): v is TypedArray => ArrayBuffer.isView(v));
    return stackTensors(
      arrays.map((array) => tensor(array)),
      path,
    );
  }
  if (Array.isArray(first)) return collateArrays(all(values, path, Array.isArray), path);
  if (first instanceof Map) {
    const maps = all(values, path, (v): v is Map<unknown, unknown> => v instanceof Map);
    return new Map(
      Array.from(first.keys(), (key) => [
        key,
        collate(
          maps.map((map) => map.get(key)),
          join(path, String(key)),
        ),
      ]),
    );
  }
  if (isPlainObject(first)) {
    const objects = all(values, path, isPlainObject);
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        collate(
          objects.map((object) => object[key]),
          join(path, key),
        ),
      ]),
    );
  }
  throw new ArgumentError(
    'samples',
    `Cannot collate ${describeValue(first)}${at(path)}; samples may hold tensors, numbers, booleans, strings, typed arrays, and arrays, objects and Maps of these. Give a collateFn for others`,
  );
}

function all<T>(values: readonly unknown[], path: string, test: (value: unknown) => value is T): T[] {
  const odd = values.findIndex((value) => !test(value));
  if (odd >= 0) {
    throw new ArgumentError(
      'samples',
      `Cannot collate samples of different kinds${at(path)}: the first has ${describeValue(values[0])}, number ${odd} has ${describeValue(values[odd])}`,
    );
  }
  return values as T[];
}

function stackTensors(tensors: readonly Tensor[], path: string): Tensor {
  const expected = String(tensors[0]?.shape);
  const odd = tensors.find((tensor_) => String(tensor_.shape) !== expected);
  if (odd !== undefined) {
    throw new ArgumentError(
      'samples',
      `Cannot collate tensors of different shapes${at(path)}: the first is [${expected}], number ${tensors.indexOf(odd)} is [${odd.shape}]. Resize or crop the samples to one size, or give a collateFn`,
    );
  }
  return serialStack(tensors);
}

function collateArrays(arrays: readonly unknown[][], path: string): unknown[] {
  const length = arrays[0]?.length ?? 0;
  const odd = arrays.findIndex((array) => array.length !== length);
  if (odd >= 0) {
    throw new ArgumentError(
      'samples',
      `Cannot collate arrays of different lengths${at(path)}: the first has ${length} members, number ${odd} has ${arrays[odd]?.length}`,
    );
  }
  return Array.from({ length }, (_, i) =>
    collate(
      arrays.map((array) => array[i]),
      join(path, String(i)),
    ),
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function at(path: string): string {
  return path === '' ? '' : ` at '${path}'`;
}
