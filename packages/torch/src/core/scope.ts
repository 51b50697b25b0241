/** @file Scopes: who releases a tensor, and when. V8 does not see tensor memory, so lifetimes are bound to code blocks. */

import { ArgumentError } from '../errors.ts';
import { native, scratch } from '../native.ts';
import type { Tensor } from './tensor.ts';

/** The scope that new tensors join; `null` outside every scope. Written only in this module. */
export let currentScope: Scope | null = null;

/**
 * Owns the tensors that are made while it is current and releases them when it is disposed.
 *
 * `scope(fn)` is enough for synchronous code. Across `await`, hold a `Scope` and enter it for each synchronous part:
 *
 * ```ts
 * using s = new Scope();
 * const batch = s.run(() => collate(samples));
 * await somethingElse();
 * s.run(() => model(batch));
 * ```
 */
export class Scope implements Disposable {
  /** @internal */
  readonly tensors: Tensor[] = [];

  /** Runs `fn` with this scope as the one that new tensors join. `fn` must be synchronous. */
  run<T>(fn: () => T): T {
    const outer = currentScope;
    currentScope = this;
    try {
      const result = fn();
      refusePromise(result, 'Scope.run');
      return result;
    } finally {
      currentScope = outer;
    }
  }

  /** Takes over a tensor from whichever scope owned it. */
  adopt(tensor: Tensor): void {
    moveTo(tensor, this);
  }

  /** Releases every tensor that still belongs to this scope. May be called more than once. */
  dispose(): void {
    releaseAll(this);
  }

  [Symbol.dispose](): void {
    releaseAll(this);
  }
}

/**
 * Runs `fn` and releases every tensor made inside, apart from those in its result (also inside arrays, objects and maps)
 * and those passed to `keep`. The result's tensors join the surrounding scope.
 *
 * @throws {ArgumentError} when `fn` returns a promise: tensors made after an `await` would escape; see {@link Scope}.
 */
export function scope<T>(fn: () => T): T {
  const inner = new Scope();
  const outer = currentScope;
  currentScope = inner;
  let result: T;
  try {
    result = fn();
    refusePromise(result, 'scope');
  } catch (error) {
    currentScope = outer;
    releaseAll(inner);
    throw error;
  }
  currentScope = outer;
  try {
    handOut(result, inner);
  } finally {
    releaseAll(inner);
  }
  return result;
}

/** Lets tensors outlive the scopes they were made in: they live until `dispose()` or until they are collected. */
export function keep<T>(value: T): T {
  eachTensor(value, (tensor) => {
    moveTo(tensor, null);
  });
  return value;
}

/** Releases every tensor found in `value` (a tensor, or arrays, objects and maps of them). */
export function dispose(value: unknown): void {
  eachTensor(value, (tensor) => {
    tensor.dispose();
  });
}

/** @internal Releases `tensor` if the current scope owns it: how `Sequential` lets go of an intermediate result early. */
export function releaseIfOwned(tensor: Tensor): void {
  if (tensor._scope !== null && tensor._scope === currentScope) tensor.dispose();
}

/** @internal Registers a new tensor with the current scope, or with the garbage collector where there is none. */
export function track(tensor: Tensor): void {
  const owner = tensor._scope;
  if (owner !== null) owner.tensors.push(tensor);
  else watch(tensor);
}

/** @internal Forgets a tensor that was disposed by hand. */
export function untrack(tensor: Tensor): void {
  if (tensor._scope === null) registry.unregister(tensor);
  tensor._scope = null;
}

/** Calls `visit` for every tensor in a value made of tensors, arrays, maps and objects. */
export function eachTensor(value: unknown, visit: (tensor: Tensor) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (isTensor(value)) {
    visit(value);
    return;
  }
  // Not recursive: a list linked by its objects may be longer than the stack is deep.
  const seen = new Set<object>([value]);
  for (const container of seen) {
    for (const item of itemsOf(container)) {
      if (typeof item !== 'object' || item === null) continue;
      if (isTensor(item)) visit(item);
      else seen.add(item);
    }
  }
}

function itemsOf(container: object): Iterable<unknown> {
  if (Array.isArray(container) || container instanceof Set) return container;
  if (container instanceof Map) return container.values();
  return ArrayBuffer.isView(container) ? [] : Object.values(container);
}

let tensorClass: (new (...args: never[]) => Tensor) | undefined;

/** @internal Called once by the module that defines `Tensor`, which needs this one first. */
export function setTensorClass(given: new (...args: never[]) => Tensor): void {
  tensorClass = given;
}

function isTensor(value: object): value is Tensor {
  return tensorClass !== undefined && value instanceof tensorClass;
}

function handOut(result: unknown, from: Scope): void {
  if (typeof result !== 'object' || result === null) return;
  eachTensor(result, (tensor) => {
    if (tensor._scope === from) moveTo(tensor, currentScope);
  });
}

function moveTo(tensor: Tensor, owner: Scope | null): void {
  if (tensor._scope === owner || tensor._handle === 0) return;
  if (tensor._scope === null) registry.unregister(tensor);
  tensor._scope = owner;
  if (owner === null) watch(tensor);
  else owner.tensors.push(tensor);
}

function releaseAll(owner: Scope): void {
  const { tensors } = owner;
  let count = 0;
  for (const tensor of tensors) {
    // A tensor that was kept, moved or disposed is still listed, but is no longer this scope's.
    if (tensor._scope !== owner) continue;
    scratch[count++] = tensor._handle;
    tensor._handle = 0;
    tensor._scope = null;
    if (count === scratch.length) {
      native.releaseScratch(count);
      count = 0;
    }
  }
  if (count > 0) native.releaseScratch(count);
  tensors.length = 0;
}

// The safety net for tensors outside every scope. V8 collects only when it knows how much memory is at stake.
const registry = new FinalizationRegistry<number>((handle) => {
  native.release(handle);
});

function watch(tensor: Tensor): void {
  registry.register(tensor, tensor._handle, tensor);
  native.report(tensor._handle);
}

/** @internal Refuses a promise where only synchronous code keeps the books right. */
export function refusePromise(result: unknown, name: string): void {
  if (typeof result === 'object' && result !== null && typeof (result as { then?: unknown }).then === 'function') {
    throw new ArgumentError(
      'fn',
      `${name}() takes a synchronous function but received an asynchronous one; hold a Scope and call scope.run(…) around each synchronous part`,
    );
  }
}
