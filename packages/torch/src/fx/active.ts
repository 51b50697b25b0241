/** @file Lets an interpreter tell a running capture where in the module tree the operators that it calls came from. */

type Within = <T>(modulePath: string, fn: () => T) => T;

let active: Within | undefined;

/** @internal Installs the capture that is running and returns the one before. */
export function setActiveCapture(next: Within | undefined): Within | undefined {
  const before = active;
  active = next;
  return before;
}

/** @internal Runs `fn` as if module `modulePath` called it. */
export function within<T>(modulePath: string, fn: () => T): T {
  return active === undefined ? fn() : active(modulePath, fn);
}
