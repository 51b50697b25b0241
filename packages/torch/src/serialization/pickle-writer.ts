/** @file Writes values as a protocol-2 pickle in the way of `torch.save`, tensors as references to storages beside it. */

import { type DType, dtypeSize } from '../dtype.ts';
import { ArgumentError, describeValue } from '../errors.ts';
import { OP, PickleSink } from './pickle-sink.ts';
import { decodeLatin1 } from './pickle-text.ts';
import { Counter, FrozenSet, PyComplex, PyFloat, Size, TorchDevice, TorchDType, Tuple } from './pickle-values.ts';
import { boundsProblem, type StorageRecord, TensorRecord } from './records.ts';
import { STORAGE_CLASSES } from './torch-globals.ts';

/** A pickle and the storages that it refers to: storage `i` under the key `String(i)`. */
export interface PickledValue {
  bytes: Uint8Array;
  storages: StorageRecord[];
}

/**
 * Pickles `value`: plain object → dict; `Map` → dict, its keys' types kept; array → list; `Tuple` → tuple; `Set` → set;
 * integral number → int, other numbers and `PyFloat` → float; bigint → int; null → None; `Uint8Array` → bytes;
 * `TensorRecord` → tensor, or parameter. What is shared (a tensor, an object, a storage) stays shared.
 *
 * @throws ArgumentError that names the place of a value that has no equal in Python.
 */
export function pickle(value: unknown): PickledValue {
  const pickler = new Pickler();
  pickler.save(value, 'value', 0);
  return pickler.finish();
}

/** Nesting beyond this is a mistake such as an object that contains a view of the whole program. */
const MAX_DEPTH = 500;
/** Python's pickler too hands over at most this many items at a time. */
const BATCH = 1000;
const TUPLES = [OP.emptyTuple, OP.tuple1, OP.tuple2, OP.tuple3];

class Pickler {
  readonly #out = new PickleSink();
  /** Numbers of stored values: strings by value, objects by identity. */
  readonly #memo = new Map<unknown, number>();
  readonly #globals = new Map<string, number>();
  readonly #storages: StorageRecord[] = [];
  readonly #storageKeys = new Map<StorageRecord, { key: string; dtype: DType; place: string }>();
  /** Objects that are being written, to notice one that contains itself. */
  readonly #open = new Set<object>();

  finish(): PickledValue {
    return { bytes: this.#out.finish(), storages: this.#storages };
  }

  /** @param place where the value stands, for messages. */
  save(value: unknown, place: string, depth: number): void {
    if (value === null) this.#out.op(OP.none);
    else if (typeof value === 'boolean') this.#out.bool(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (typeof value === 'string') this.#string(value, place);
    else if (value instanceof PyFloat) this.#out.float(value.value);
    else if (value instanceof TorchDType) this.#global('torch', value.dtype);
    else if (typeof value === 'object') this.#shared(value, place, depth);
    else throw unsupported(value, place);
  }

  #shared(value: object, place: string, depth: number): void {
    if (this.#open.has(value)) throw new ArgumentError('value', `${place} contains itself`);
    const known = this.#memo.get(value);
    if (known !== undefined) {
      this.#out.get(known);
      return;
    }
    if (depth >= MAX_DEPTH) {
      throw new ArgumentError('value', `${place.slice(0, 80)}… nests deeper than ${MAX_DEPTH} levels`);
    }
    this.#open.add(value);
    this.#object(value, place, depth + 1);
    this.#open.delete(value);
  }

  #object(value: object, place: string, depth: number): void {
    const call = callOf(value);
    if (value instanceof TensorRecord) this.#tensor(value, place);
    else if (call !== undefined) this.#reduce(value, call, place, depth);
    else if (value instanceof Tuple) this.#tuple(value, value, place, depth);
    else if (Array.isArray(value)) this.#list(value, place, depth);
    else if (value instanceof Map) this.#dict(value, [...value], place, depth);
    else if (isPlainObject(value)) this.#dict(value, Object.entries(value), place, depth);
    else throw unsupported(value, place);
  }

  #tuple(memoKey: object | undefined, items: readonly unknown[], place: string, depth: number): void {
    const short = TUPLES[items.length];
    if (short === undefined) this.#out.op(OP.mark);
    for (const [i, item] of items.entries()) this.save(item, `${place}[${i}]`, depth);
    this.#out.op(short ?? OP.tuple);
    if (items.length > 0) this.#remember(memoKey);
  }

  #list(items: readonly unknown[], place: string, depth: number): void {
    this.#out.op(OP.emptyList);
    this.#remember(items);
    for (let start = 0; start < items.length; start += BATCH) {
      const end = Math.min(start + BATCH, items.length);
      const single = end - start === 1;
      if (!single) this.#out.op(OP.mark);
      // By index: a hole in an array is undefined and must not pass unseen.
      for (let i = start; i < end; i++) this.save(items[i], `${place}[${i}]`, depth);
      this.#out.op(single ? OP.append : OP.appends);
    }
  }

  #dict(memoKey: object, entries: readonly (readonly [unknown, unknown])[], place: string, depth: number): void {
    this.#out.op(OP.emptyDict);
    this.#remember(memoKey);
    for (let start = 0; start < entries.length; start += BATCH) {
      const batch = entries.slice(start, start + BATCH);
      if (batch.length > 1) this.#out.op(OP.mark);
      for (const [key, item] of batch) {
        const inner = placeIn(place, key);
        this.#key(key, inner, depth);
        this.save(item, inner, depth);
      }
      this.#out.op(batch.length > 1 ? OP.setItems : OP.setItem);
    }
  }

  #key(key: unknown, place: string, depth: number): void {
    const isMutable = typeof key === 'object' && key !== null && !(key instanceof Tuple) && !(key instanceof FrozenSet);
    const isBytes = key instanceof Uint8Array;
    if (isMutable && !isBytes) throw ArgumentError.expected(`the key of ${place}`, 'a key that Python can hash', key);
    this.save(key, `the key of ${place}`, depth);
  }

  #reduce(memoKey: object | undefined, call: Call, place: string, depth: number): void {
    this.#global(call.module, call.name);
    this.#tuple(undefined, call.args, place, depth);
    this.#out.op(OP.reduce);
    this.#remember(memoKey);
  }

  #tensor(tensor: TensorRecord, place: string): void {
    const problem = boundsProblem(tensor);
    if (problem !== undefined) throw new ArgumentError('value', `${place} does not fit its storage: ${problem}`);
    if (!tensor.isParameter) {
      this.#plainTensor(tensor, tensor, tensor.requiresGrad, place);
      return;
    }
    this.#global('torch._utils', '_rebuild_parameter');
    this.#plainTensor(undefined, tensor, false, place);
    this.#out.bool(tensor.requiresGrad);
    this.#reduce(undefined, NO_HOOKS, place, 0);
    this.#out.op(OP.tuple3);
    this.#remember(undefined);
    this.#out.op(OP.reduce);
    this.#remember(tensor);
  }

  #plainTensor(memoKey: object | undefined, tensor: TensorRecord, requiresGrad: boolean, place: string): void {
    this.#global('torch._utils', '_rebuild_tensor_v2');
    this.#out.op(OP.mark);
    this.#storage(tensor, place);
    this.#out.integer(tensor.storageOffset);
    this.#tuple(undefined, tensor.shape, place, 0);
    this.#tuple(undefined, tensor.strides, place, 0);
    this.#out.bool(requiresGrad);
    this.#reduce(undefined, NO_HOOKS, place, 0);
    this.#out.op(OP.tuple);
    this.#remember(undefined);
    this.#out.op(OP.reduce);
    this.#remember(memoKey);
  }

  /** The persistent id `('storage', class, key, device, numel)`. */
  #storage({ storage, dtype }: TensorRecord, place: string): void {
    let known = this.#storageKeys.get(storage);
    if (known === undefined) {
      known = { key: String(this.#storages.length), dtype, place };
      this.#storageKeys.set(storage, known);
      this.#storages.push(storage);
    }
    if (known.dtype !== dtype) {
      throw new ArgumentError(
        'value',
        `${place} (${dtype}) shares its storage with ${known.place} (${known.dtype}); the format has no place for two views of different dtype: clone one of them`,
      );
    }
    this.#out.op(OP.mark);
    this.#string('storage', place);
    this.#global('torch', STORAGE_CLASSES[dtype]);
    this.#string(known.key, place);
    this.#string(storage.device, place);
    this.#out.integer(Math.floor(storage.bytes.length / dtypeSize(dtype)));
    this.#out.op(OP.tuple);
    this.#remember(undefined);
    this.#out.op(OP.persistentId);
  }

  #global(module: string, name: string): void {
    const full = `${module}.${name}`;
    const known = this.#globals.get(full);
    if (known !== undefined) {
      this.#out.get(known);
      return;
    }
    this.#out.global(module, name);
    this.#globals.set(full, this.#out.put());
  }

  #string(text: string, place: string): void {
    const known = this.#memo.get(text);
    if (known !== undefined) {
      this.#out.get(known);
      return;
    }
    if (/\p{Surrogate}/u.test(text)) {
      throw new ArgumentError('value', `${place} is a string with half a surrogate pair, which has no UTF-8 form`);
    }
    this.#out.unicode(text);
    this.#remember(text);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#out.integer(value);
    else this.#out.float(value);
  }

  #bigint(value: bigint): void {
    const number = Number(value);
    if (Number.isSafeInteger(number)) this.#out.integer(number);
    else this.#out.long(value);
  }

  #remember(key: unknown): void {
    const index = this.#out.put();
    if (key !== undefined) this.#memo.set(key, index);
  }
}

/** `module.name(*args)` */
interface Call {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Each tensor carries an empty dictionary of backward hooks. */
const NO_HOOKS: Call = { module: 'collections', name: 'OrderedDict', args: [] };

/** The call that makes a value in Python, for those that no instruction makes. Names are Python 2's, as protocol 2 asks. */
function callOf(value: object): Call | undefined {
  if (value instanceof Uint8Array) return { module: '_codecs', name: 'encode', args: [decodeLatin1(value), 'latin1'] };
  if (value instanceof Size) return { module: 'torch', name: 'Size', args: [Tuple.fromItems(value)] };
  if (value instanceof FrozenSet) return { module: '__builtin__', name: 'frozenset', args: [[...value]] };
  if (value instanceof Set) return { module: '__builtin__', name: 'set', args: [[...value]] };
  if (value instanceof Counter) return { module: 'collections', name: 'Counter', args: [new Map(value)] };
  if (value instanceof PyComplex) {
    return { module: '__builtin__', name: 'complex', args: [new PyFloat(value.real), new PyFloat(value.imag)] };
  }
  if (value instanceof TorchDevice) {
    const [type = '', index] = value.device.split(':');
    return { module: 'torch', name: 'device', args: index === undefined ? [type] : [type, Number(index)] };
  }
  return undefined;
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function placeIn(place: string, key: unknown): string {
  if (typeof key !== 'string') return `${place}[${String(key)}]`;
  return /^\w+$/.test(key) ? `${place}.${key}` : `${place}[${JSON.stringify(key)}]`;
}

function unsupported(value: unknown, place: string): ArgumentError {
  return new ArgumentError(
    'value',
    `${place} is ${describeValue(value)}, which a checkpoint cannot hold; expected plain objects, Maps, arrays, strings, numbers, booleans, null, Uint8Array or tensors`,
  );
}
