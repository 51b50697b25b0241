/** @file The capture that is running, for those who tell it something: an interpreter where operators came from, a function that it is one step. */

/** What a running capture offers. */
export interface ActiveCapture {
  /** Runs `fn` as if the module of this path called it. */
  within<T>(modulePath: string, fn: () => T): T;
  /** Runs `fn` as one step of this name with these arguments. */
  wrapped<T>(name: string, args: readonly unknown[], fn: () => T): T;
}

let active: ActiveCapture | undefined;

/** @internal Installs the capture that is running and returns the one before. */
export function setActiveCapture(next: ActiveCapture | undefined): ActiveCapture | undefined {
  const before = active;
  active = next;
  return before;
}

/** @internal Runs `fn` as if module `modulePath` called it. */
export function within<T>(modulePath: string, fn: () => T): T {
  return active === undefined ? fn() : active.within(modulePath, fn);
}

/**
 * Makes a function one step of a capture: whoever watches the steps (feature extraction) sees its name and its result instead
 * of the operators inside. The graph has the operators all the same.
 *
 * ```ts
 * export const pad = fx.wrap('pad', (x: Tensor, sides: number[]) => …);
 * ```
 */
export function wrap<Args extends unknown[], Out>(name: string, fn: (...args: Args) => Out): (...args: Args) => Out {
  return (...args) => (active === undefined ? fn(...args) : active.wrapped(name, args, () => fn(...args)));
}
