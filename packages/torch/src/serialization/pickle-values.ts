/** @file TypeScript stand-ins for the Python values that have no equal here, used by the reader and the writer of pickles. */

import type { DType } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';

/** A Python tuple: an array that is written back as a tuple. */
export class Tuple<T = unknown> extends Array<T> {
  /** `map`, `filter` and their like give plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  static fromItems<T>(items: readonly T[]): Tuple<T> {
    const tuple = new Tuple<T>(items.length);
    for (let i = 0; i < items.length; i++) tuple[i] = items[i] as T;
    return tuple;
  }
}

/** A `torch.Size`. */
export class Size extends Tuple<number> {
  static override fromItems<T>(items: readonly T[]): Tuple<T> & Size {
    return Object.setPrototypeOf(Tuple.fromItems(items), Size.prototype);
  }
}

/** A Python frozenset. */
export class FrozenSet<T = unknown> extends Set<T> {}

/** A Python `collections.Counter`. (The reader gives a plain `Map`.) */
export class Counter<T = unknown> extends Map<T, number> {}

/** A number that is written as a Python float even when it is integral. (The reader gives plain numbers.) */
export class PyFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }

  toJSON(): number {
    return this.value;
  }
}

/** A Python complex number. */
export class PyComplex {
  readonly real: number;
  readonly imag: number;

  constructor(real: number, imag: number) {
    this.real = real;
    this.imag = imag;
  }
}

/** A `torch.dtype` as a value of its own. */
export class TorchDType {
  readonly dtype: DType;

  constructor(dtype: DType) {
    this.dtype = dtype;
  }

  toString(): string {
    return `torch.${this.dtype}`;
  }
}

/** A `torch.device` as a value of its own, such as `cuda:0`. */
export class TorchDevice {
  readonly device: string;

  constructor(device: string) {
    this.device = device;
  }

  toString(): string {
    return this.device;
  }
}

/** A name on the reader's allow-list that the pickle mentions without calling it. Inert. */
export class PyGlobal {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Implemented by objects under construction that take a `BUILD` instruction's state. */
export const setState = Symbol('setState');

/** Implemented by objects under construction: gives the value that the caller of the reader sees. */
export const finish = Symbol('finish');

/** A value that `BUILD` may be applied to. */
export interface Stateful {
  [setState](state: unknown): void;
}

/** A value that is replaced once the pickle has been read. */
export interface Unfinished {
  [finish](): unknown;
}

/** A dict while the pickle is being read; turns into a plain object or a `Map` at the end. */
export class PyDict extends Map<unknown, unknown> implements Stateful {
  /** Whether attributes are entries, as for `argparse.Namespace`. A dict's own attributes are dropped. */
  readonly #attributesAreEntries: boolean;

  constructor(entries: Iterable<readonly [unknown, unknown]> = [], attributesAreEntries = false) {
    super(entries);
    this.#attributesAreEntries = attributesAreEntries;
  }

  [setState](state: unknown): void {
    if (!this.#attributesAreEntries) return;
    // Python gives either the attributes or the pair (attributes, slots).
    const parts = state instanceof Tuple ? [...state] : [state];
    for (const part of parts) {
      if (part instanceof PyDict) for (const [key, value] of part) this.set(key, value);
    }
  }
}

export function isStateful(value: unknown): value is Stateful {
  return typeof value === 'object' && value !== null && setState in value;
}

export function isUnfinished(value: unknown): value is Unfinished {
  return typeof value === 'object' && value !== null && finish in value;
}

/** `value` where Python could use it as a key: no list, dict or set. */
export function hashable(value: unknown): unknown {
  const isMutable = (Array.isArray(value) && !(value instanceof Tuple)) || value instanceof Map || value instanceof Set;
  if (isMutable && !(value instanceof FrozenSet)) {
    throw new FileFormatError('corrupt: the pickle uses a list, dict or set as a key');
  }
  return value;
}
