/** @file Turns the tree that the unpickler built into the values that callers see, and bounds what it may look like. */

import { FileFormatError } from '../errors.ts';
import { finish, isUnfinished, PyDict } from './pickle-values.ts';

/** Callers walk the result recursively; no checkpoint nests deeper than a few dozen levels. */
const MAX_DEPTH = 500;
/** Values on all paths: a small pickle of shared lists of shared lists can mean more than any walk would survive. */
const MAX_PATHS = 20_000_000;

type Container = unknown[] | PyDict | Set<unknown>;

/** A finished container: what it became, its levels, and the number of values on all paths below it. */
interface Done {
  result: unknown;
  height: number;
  paths: number;
}

interface Frame {
  value: Container;
  children: unknown[];
  next: number;
  height: number;
  paths: number;
}

/**
 * Replaces dicts by plain objects (every key a string) or `Map`s and finishes what is under construction, in place.
 *
 * @throws FileFormatError for a value that contains itself, nests too deep, or is too large when written out in full.
 */
export function finishTree(root: unknown): unknown {
  if (!isContainer(root)) return finishLeaf(root);
  const done = new Map<object, Done>();
  const open = new Set<object>();
  const stack: Frame[] = [];
  const enter = (value: Container): void => {
    if (open.has(value)) throw new FileFormatError('the pickle holds a value that contains itself');
    if (stack.length >= MAX_DEPTH) throw tooDeep();
    open.add(value);
    stack.push({ value, children: childrenOf(value), next: 0, height: 1, paths: 1 });
  };
  enter(root);
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    if (frame.next === frame.children.length) {
      done.set(frame.value, { result: build(frame.value, done), height: frame.height, paths: frame.paths });
      open.delete(frame.value);
      stack.pop();
      const parent = stack.at(-1);
      if (parent !== undefined) account(parent, frame.height, frame.paths);
      continue;
    }
    const child = frame.children[frame.next++];
    if (!isContainer(child)) {
      account(frame, 0, 1);
      continue;
    }
    const known = done.get(child);
    if (known === undefined) enter(child);
    else account(frame, known.height, known.paths);
  }
  return done.get(root)?.result;
}

function account(frame: Frame, childHeight: number, childPaths: number): void {
  frame.height = Math.max(frame.height, childHeight + 1);
  frame.paths += childPaths;
  if (frame.height > MAX_DEPTH) throw tooDeep();
  if (frame.paths > MAX_PATHS) throw new FileFormatError(`the pickle stands for more than ${MAX_PATHS} values`);
}

function tooDeep(): FileFormatError {
  return new FileFormatError(`the pickle nests deeper than ${MAX_DEPTH} levels`);
}

function isContainer(value: unknown): value is Container {
  return Array.isArray(value) || value instanceof PyDict || value instanceof Set;
}

function childrenOf(value: Container): unknown[] {
  return value instanceof PyDict ? [...value.keys(), ...value.values()] : [...value];
}

function finishLeaf(value: unknown): unknown {
  return isUnfinished(value) ? value[finish]() : value;
}

function build(value: Container, done: ReadonlyMap<object, Done>): unknown {
  const resultOf = (child: unknown): unknown => (isContainer(child) ? done.get(child)?.result : finishLeaf(child));
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = resultOf(value[i]);
    return value;
  }
  if (value instanceof Set) {
    const items = [...value].map(finishLeaf);
    value.clear();
    for (const item of items) value.add(item);
    return value;
  }
  // An own `__proto__` would change the prototype of whatever the object is later assigned to.
  const isObject = [...value.keys()].every((key) => typeof key === 'string' && key !== '__proto__');
  if (isObject) return Object.fromEntries([...value].map(([key, item]) => [key, resultOf(item)]));
  return new Map([...value].map(([key, item]) => [resultOf(key), resultOf(item)]));
}
