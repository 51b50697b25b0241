/** @file Finds the state dict in what a checkpoint holds, and brings its keys into the form of the model at hand. */

import { Tensor } from '../core/tensor.ts';
import { ArgumentError, describeValue } from '../errors.ts';

/** Replaces what matches at any place in a key, as `String.replace` does: `[/^features\./, 'backbone.']`. */
export type KeyRename = readonly [pattern: RegExp, replacement: string];

export interface UnwrapOptions {
  /** Names under which a checkpoint may hold the state dict; the first that is there is taken. Default `model`, `state_dict`. */
  names?: readonly string[];
  /** Applied to each key, in order, after the `module.` prefix has gone. */
  renames?: readonly KeyRename[];
}

export interface UnwrappedStateDict {
  /** Tensors by key, in the order of the file. */
  readonly state: Record<string, Tensor>;
  /** Where in the loaded value the state dict was, such as `['state_dict']`. */
  readonly path: readonly string[];
  /** The prefix that every key had and that was taken off; empty where there was none. */
  readonly prefix: string;
  /** Keys that patterns changed, without that prefix: old and new. */
  readonly renamed: readonly (readonly [from: string, to: string])[];
  /** Entries that are not part of a model: the counter of averaged weights, and values that are no tensors. */
  readonly dropped: readonly string[];
}

const WRAPPER = 'module.';
/** The counter that averaged models keep beside their weights. */
const AVERAGE_COUNTER = 'n_averaged';

/**
 * The state dict in a loaded checkpoint: the value itself, or what it holds under one of `names` (nested too). The prefix
 * `module.`, which wrappers for data-parallel training and averaging add, is taken off where every key has it, as often as
 * every key has it.
 *
 * @throws {ArgumentError} when there is no state dict, or two keys become one
 */
export function unwrapStateDict(loaded: unknown, options: UnwrapOptions = {}): UnwrappedStateDict {
  const { names = ['model', 'state_dict'], renames = [] } = options;
  const path: string[] = [];
  let current = loaded;
  for (let name = nextName(current, names); name !== undefined; name = nextName(current, names)) {
    path.push(name);
    current = (current as Record<string, unknown>)[name];
  }
  if (!isPlainObject(current)) {
    throw new ArgumentError(
      'loaded',
      `Expected a state dict${path.length > 0 ? ` under '${path.join('.')}'` : ''} but received ${describeValue(current)}`,
    );
  }
  const dropped = Object.entries(current).flatMap(([key, value]) => (value instanceof Tensor ? [] : [key]));
  let entries = Object.entries(current).filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor);
  if (entries.length === 0) {
    const found = Object.keys(current).slice(0, 10).join(', ');
    throw new ArgumentError(
      'loaded',
      `Expected tensors by name, or a checkpoint with one of ${names.join(', ')}; found: ${found || 'nothing'}`,
    );
  }
  let prefix = '';
  for (;;) {
    const weights = entries.filter(([key]) => key !== AVERAGE_COUNTER);
    if (weights.length === 0 || !weights.every(([key]) => key.startsWith(WRAPPER))) break;
    if (weights.length < entries.length) dropped.push(AVERAGE_COUNTER);
    entries = weights.map(([key, tensor]) => [key.slice(WRAPPER.length), tensor]);
    prefix += WRAPPER;
  }
  const renamed: [string, string][] = [];
  const state = new Map<string, Tensor>();
  for (const [key, tensor] of entries) {
    const target = renames.reduce((name, [pattern, replacement]) => name.replace(pattern, replacement), key);
    if (target !== key) renamed.push([key, target]);
    if (state.has(target)) throw new ArgumentError('renames', `Two keys of the state dict become '${target}'`);
    state.set(target, tensor);
  }
  return { state: Object.fromEntries(state), path, prefix, renamed, dropped };
}

function nextName(value: unknown, names: readonly string[]): string | undefined {
  if (!isPlainObject(value)) return undefined;
  return names.find((name) => Object.hasOwn(value, name) && isPlainObject(value[name]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
