/**
 * @file Values on their way between threads: structure and plain data are copied, tensors handed over by ticket, objects with
 * code made again at the other side.
 */

import { Tensor } from '../core/tensor.ts';
import { ArgumentError, describeValue } from '../errors.ts';
import { adoptTensor, exportTensor } from '../runtime/memory.ts';
import { make, sourceOf, type WorkerSource } from './portable.ts';

/** What stands for something that cannot be copied. */
const MARK = 'edgeai:parcel';

interface TensorMark {
  readonly [MARK]: 'tensor';
  readonly ticket: number;
}

interface MadeMark {
  readonly [MARK]: 'made';
  readonly source: WorkerSource;
}

/** A value that can be posted to another thread. */
export type Parcel = { readonly parcel: unknown };

/**
 * Makes a value ready for another thread. Its tensors are exported as members of `group`, whose rest `dropExports` releases.
 *
 * @param name what to call the value in errors
 * @throws {ArgumentError} naming the member that is code which the other thread has no way to get
 */
export function pack(value: unknown, name: string, group: number): Parcel {
  return { parcel: packValue(value, name, group, new Set()) };
}

function packValue(value: unknown, path: string, group: number, above: Set<object>): unknown {
  if (typeof value === 'symbol') throw notPortable(value, path);
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
  if (value instanceof Tensor) return { [MARK]: 'tensor', ticket: exportTensor(value, group) } satisfies TensorMark;
  if (above.has(value)) throw new ArgumentError(path, `${path} contains itself and cannot be handed to another thread`);
  above.add(value);
  try {
    const source = sourceOf(value);
    if (source !== undefined) {
      const args = source.args.map((arg, i) => packValue(arg, `argument ${i} of ${source.name}`, group, above));
      return { [MARK]: 'made', source: { ...source, args } } satisfies MadeMark;
    }
    return packMembers(value, path, (member, key) => packValue(member, `${path}.${key}`, group, above));
  } finally {
    above.delete(value);
  }
}

function packMembers(value: object, path: string, pack_: (member: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((member, i) => pack_(member, String(i)));
  if (value instanceof Map) return new Map(Array.from(value, ([key, member]) => [key, pack_(member, String(key))]));
  if (value instanceof Set) return new Set(Array.from(value, (member, i) => pack_(member, String(i))));
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return value;
  if (value instanceof Date || value instanceof RegExp || value instanceof Error) return value;
  const prototype: unknown = typeof value === 'function' ? undefined : Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notPortable(value, path);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, pack_(member, key)]));
}

function notPortable(value: unknown, path: string): ArgumentError {
  const what =
    typeof value === 'function'
      ? `a function${value.name === '' ? '' : ` (${value.name})`}`
      : describeValue(value).replace(/^an object of type /, 'an object of class ');
  return new ArgumentError(
    path,
    `${path} is ${what}, which cannot be copied to a worker thread. Export it from a module and mark it there: ` +
      'data.portable(import.meta.url)(…); or make the data set in a module of its own: data.fromModule(url, name, args); or use workers: 0',
  );
}

/**
 * The value at the other side. Its tensors join the current scope of `enter`, which runs the synchronous last step.
 *
 * @throws whatever a module throws that is imported for it
 */
export async function unpack<T>({ parcel }: Parcel, enter: (fn: () => T) => T): Promise<T> {
  const made = new Map<object, unknown>();
  await makeAll(parcel, made);
  return enter(() => unpackValue(parcel, made) as T);
}

async function makeAll(value: unknown, made: Map<object, unknown>): Promise<void> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  const mark = (value as Partial<MadeMark | TensorMark>)[MARK];
  if (mark === 'tensor') return;
  if (mark === 'made') {
    const { source } = value as MadeMark;
    await makeAll(source.args, made);
    made.set(value, await make(source, unpackValue(source.args, made) as unknown[]));
    return;
  }
  for (const member of membersOf(value)) await makeAll(member, made);
}

function unpackValue(value: unknown, made: ReadonlyMap<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const mark = (value as Partial<MadeMark | TensorMark>)[MARK];
  if (mark === 'tensor') return adoptTensor((value as TensorMark).ticket);
  if (mark === 'made') return made.get(value);
  if (Array.isArray(value)) return value.map((member) => unpackValue(member, made));
  if (value instanceof Map) return new Map(Array.from(value, ([key, member]) => [key, unpackValue(member, made)]));
  if (value instanceof Set) return new Set(Array.from(value, (member) => unpackValue(member, made)));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, unpackValue(member, made)]));
}

function membersOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  if (value instanceof Map) return value.values();
  return Object.getPrototypeOf(value) === Object.prototype ? Object.values(value) : [];
}

/** Addresses of the modules that the other side will import. */
export function modulesOf(parcel: Parcel): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    const mark = (value as Partial<MadeMark | TensorMark>)[MARK];
    if (mark === 'tensor') return;
    if (mark === 'made') {
      found.add((value as MadeMark).source.module);
      visit((value as MadeMark).source.args);
    } else for (const member of membersOf(value)) visit(member);
  };
  visit(parcel.parcel);
  return [...found];
}
