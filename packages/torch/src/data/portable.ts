/**
 * @file How objects with code in them reach worker threads: not as copies, which JavaScript cannot make of functions, but as
 * recipes: the module that exports them and the arguments that they were made with.
 */

import { ArgumentError, EdgeAIError } from '../errors.ts';

/**
 * How a worker thread gets an object of its own: by importing `module` and there taking the export `name` (`as: 'value'`),
 * constructing it (`as: 'class'`) or calling it (`as: 'function'`) with `args`.
 */
export interface WorkerSource {
  /** Address of the module, as `import.meta.url` gives it. */
  readonly module: string;
  readonly name: string;
  readonly as: 'value' | 'class' | 'function';
  readonly args: readonly unknown[];
}

/**
 * Method of an object that says how to make it again in a worker thread, for objects that are not simply constructed by a
 * {@link portable} class.
 */
export const workerSource: unique symbol = Symbol.for('edgeai.workerSource');

/** An object that says how to make it again in a worker thread. */
export interface HasWorkerSource {
  [workerSource](): WorkerSource;
}

type Class = abstract new (...args: never[]) => object;

const sources = new WeakMap<object, WorkerSource>();
const classes = new WeakSet<object>();

/**
 * Marks an exported class or function as one that worker threads can import, so that a `DataLoader` with workers takes it.
 * Give it the module's own address. Of a class, the constructor's arguments are remembered for each object: a worker
 * constructs its own with the same ones, so they must be plain data, tensors, or portable themselves.
 *
 * ```ts
 * @data.portable(import.meta.url)
 * export class Photos implements data.Dataset<Tensor> {
 *   constructor(folder: string) { … }
 * }
 *
 * export const collate = data.portable(import.meta.url, 'collate')((samples: Sample[]) => …);
 * ```
 *
 * A subclass needs the mark of its own.
 *
 * @param name what the module calls the export; default: the name of the class or function
 */
export function portable(
  module: string,
  name?: string,
): // biome-ignore lint/suspicious/noExplicitAny: any function or class, whose type comes back unchanged.
<F extends (new (...args: any[]) => object) | ((...args: any[]) => unknown)>(target: F, context?: unknown) => F {
  return (target) => {
    const known = name ?? target.name;
    if (known === '')
      throw new ArgumentError('name', 'portable() of something without a name needs the name of the export');
    if (!isClass(target)) {
      sources.set(target, { module, name: known, as: 'value', args: [] });
      return target;
    }
    const remembering: typeof target = new Proxy(target, {
      construct(constructed, args, newTarget) {
        const instance = Reflect.construct(constructed as never, args, newTarget) as object;
        if (newTarget === remembering) sources.set(instance, { module, name: known, as: 'class', args });
        return instance;
      },
    });
    classes.add(remembering);
    return remembering;
  };
}

/**
 * Marks an exported function whose results worker threads can make for themselves: each result remembers the arguments of its
 * call. For transforms and data sets that contain closures:
 *
 * ```ts
 * export const brighten = data.portableFactory(import.meta.url, 'brighten')(
 *   (factor: number) => (image: Tensor) => image.mul(factor).clamp(0, 255),
 * );
 * ```
 *
 * @param name what the module calls the export
 */
export function portableFactory(
  module: string,
  name: string,
): <Args extends unknown[], R extends object>(factory: (...args: Args) => R) => (...args: Args) => R {
  return (factory) =>
    (...args) => {
      const source: WorkerSource = { module, name, as: 'function', args };
      const made = factory(...args);
      if (made instanceof Promise) {
        return made.then((value: object) => {
          sources.set(value, source);
          return value;
        }) as unknown as typeof made;
      }
      sources.set(made, source);
      return made;
    };
}

/**
 * Calls an exported function of a module and remembers how, so that each worker of a `DataLoader` makes its own by the same
 * call. For data sets that need closures or time to open:
 *
 * ```ts
 * // photos.ts: export async function openPhotos(folder: string) { … }
 * const photos = await data.fromModule<data.Dataset<Photo>>(new URL('./photos.ts', import.meta.url), 'openPhotos', [folder]);
 * ```
 */
export async function fromModule<T extends object>(
  module: string | URL,
  name: string,
  args: readonly unknown[] = [],
): Promise<T> {
  const source: WorkerSource = { module: String(module), name, as: 'function', args };
  const made = (await make(source, args)) as T;
  if ((typeof made !== 'object' && typeof made !== 'function') || made === null)
    throw ArgumentError.expected('name', `a function that returns an object (${name} of ${module})`, made);
  sources.set(made, source);
  return made;
}

/** Whether worker threads can construct objects of this class. */
export function isPortable(target: unknown): boolean {
  return typeof target === 'function' && classes.has(target);
}

/** @internal How to make `value` again, where that is known. */
export function sourceOf(value: object): WorkerSource | undefined {
  const known = sources.get(value);
  if (known !== undefined) return known;
  const method = (value as Partial<HasWorkerSource>)[workerSource];
  return typeof method === 'function' ? method.call(value) : undefined;
}

/** @internal Follows a source, with arguments that have been unpacked. */
export async function make(source: WorkerSource, args: readonly unknown[]): Promise<unknown> {
  const { module, name, as } = source;
  const exported: unknown = name
    .split('.')
    .reduce((value, key) => (value as Record<string, unknown> | undefined)?.[key], await import(module));
  if (typeof exported !== 'function') {
    throw new EdgeAIError(
      'NOT_EXPORTED',
      `${module} exports no ${as} ${name}: worker threads can only use what is exported`,
    );
  }
  if (as === 'value') return exported;
  return as === 'class' ? Reflect.construct(exported, args) : exported(...args);
}

function isClass(target: unknown): target is Class {
  return typeof target === 'function' && /^class\b/.test(Function.prototype.toString.call(target));
}
