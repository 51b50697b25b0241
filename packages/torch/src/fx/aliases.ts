/** @file Which tensors share memory during a capture, and which of them an in-place write has made out of date. */

import type { Tensor } from '../core/tensor.ts';

/** Why a tensor no longer has the value of its node. */
export interface Staleness {
  /** Name of the operator that wrote. */
  readonly operator: string;
  /** The value written depends on the inputs or on the network's state. */
  readonly dynamic: boolean;
}

/**
 * Tensors are grouped by the memory that they were made from. A write through one of them leaves the others of its group
 * holding a value that no node of the graph has: they are stale, and using one must be refused.
 */
export class Aliases {
  readonly #groups = new Map<Tensor, Set<Tensor>>();
  readonly #stale = new Map<Tensor, Staleness>();

  /** Notes a result of an operator: a view when it shares memory with one of the arguments. */
  note(result: Tensor, args: Iterable<Tensor>): void {
    for (const arg of args) {
      if (arg === result || !result.sharesStorageWith(arg)) continue;
      const group = this.#groups.get(arg) ?? new Set([arg]);
      this.#groups.set(arg, group);
      group.add(result);
      this.#groups.set(result, group);
      return;
    }
  }

  /** An operator wrote to `target`. */
  write(target: Tensor, operator: string, dynamic = true): void {
    for (const other of this.#groups.get(target) ?? []) if (other !== target) this.#mark(other, operator, dynamic);
  }

  /** `tensor` itself was written to, and what it holds now is not known to the graph. */
  invalidate(tensor: Tensor, operator: string): void {
    this.#mark(tensor, operator, true);
    this.write(tensor, operator);
  }

  /** The graph knows the tensor's value again. */
  restore(tensor: Tensor): void {
    this.#stale.delete(tensor);
  }

  staleBecause(tensor: Tensor): Staleness | undefined {
    return this.#stale.get(tensor);
  }

  #mark(tensor: Tensor, operator: string, dynamic: boolean): void {
    const before = this.#stale.get(tensor);
    this.#stale.set(tensor, before?.dynamic === true ? before : { operator, dynamic });
  }
}
