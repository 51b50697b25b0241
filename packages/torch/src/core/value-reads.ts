/** @file Tells a running capture when values of tensors become numbers of JavaScript, which no graph can follow. */

import type { Tensor } from './tensor.ts';

type Watcher = (tensor: Tensor, method: string) => void;

let watcher: Watcher | undefined;

/** @internal Installs a watcher and returns the one before. */
export function setReadWatcher(next: Watcher | undefined): Watcher | undefined {
  const before = watcher;
  watcher = next;
  return before;
}

/** @internal A method is about to read the values of a tensor. */
export function noteRead(tensor: Tensor, method: string): void {
  if (watcher !== undefined) watcher(tensor, method);
}
