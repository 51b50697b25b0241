/** @file Rebuilds nested values with their leaves replaced. What is shared between two places stays shared. */

import { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { TensorRecord } from './records.ts';

/** Nesting beyond this is a mistake, such as an object that contains a view of the whole program. */
const MAX_DEPTH = 500;

/**
 * A copy of `value`, made of the same arrays (tuples stay tuples), maps and plain objects, with `replace` applied to all
 * else: numbers, strings, tensors, records, instances of classes.
 *
 * @param replace is told where the leaf stands, as `value.optimizer.state[3]`
 * @throws {ArgumentError} for a value that contains itself
 */
export function mapLeaves(value: unknown, replace: (leaf: unknown, place: string) => unknown): unknown {
  const done = new Map<object, unknown>();
  const open = new Set<object>();
  const map = (item: unknown, place: string): unknown => {
    if (!isContainer(item)) return replace(item, place);
    const known = done.get(item);
    if (known !== undefined) return known;
    if (open.has(item)) throw new ArgumentError('value', `${place} contains itself`);
    if (open.size >= MAX_DEPTH)
      throw new ArgumentError('value', `${place.slice(0, 80)}… nests deeper than ${MAX_DEPTH} levels`);
    open.add(item);
    const made = rebuild(item, place, map);
    open.delete(item);
    done.set(item, made);
    return made;
  };
  return map(value, 'value');
}

type Container = unknown[] | Map<unknown, unknown> | Record<string, unknown>;

function isContainer(value: unknown): value is Container {
  if (typeof value !== 'object' || value === null || value instanceof Tensor || value instanceof TensorRecord)
    return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || prototype === Map.prototype;
}

function rebuild(value: Container, place: string, map: (item: unknown, place: string) => unknown): Container {
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    for (let i = 0; i < value.length; i++) copy.push(map(value[i], `${place}[${i}]`));
    // Tuples and sizes are arrays with a prototype of their own.
    return Object.setPrototypeOf(copy, Object.getPrototypeOf(value) as object) as unknown[];
  }
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key, map(item, `${place}[${String(key)}]`)]));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      map(item, /^\w+$/.test(key) ? `${place}.${key}` : `${place}[${JSON.stringify(key)}]`),
    ]),
  );
}
