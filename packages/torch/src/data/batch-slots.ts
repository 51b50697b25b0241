/**
 * @file Samples that are made where they will be needed: in the memory of their batch.
 *
 * While a loader gathers a batch, a kernel that makes a sample asks for a slot: a tensor like any other, but one over a part of
 * the batch's memory. When all samples of the batch are slots, one after the other, stacking them has nothing to copy.
 */

import { empty } from '../core/creation.ts';
import { handleOf } from '../core/dispatch.ts';
import { type Scope, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { native } from '../native.ts';

/** The slots of the batch that is being made in the current synchronous stretch. */
let current: BatchSlots | undefined;

/** @internal Memory for the samples of one batch, taken when the first of them is made. */
export class BatchSlots {
  readonly #capacity: number;
  /** Owns the slots; what has left it may be seen by others. */
  readonly #makings: Scope;
  readonly #slots: Tensor[] = [];
  #shape: readonly number[] = [];
  #block: Tensor | undefined;

  /** @param capacity samples in the batch */
  constructor(capacity: number, makings: Scope) {
    this.#capacity = capacity;
    this.#makings = makings;
  }

  /** Runs `fn` with these slots as those that kernels are given. */
  run<T>(fn: () => T): T {
    const outer = current;
    current = this;
    try {
      return fn();
    } finally {
      current = outer;
    }
  }

  /** The next slot; undefined where they have another shape, or are used up. */
  take(shape: readonly number[]): Tensor | undefined {
    if (this.#block === undefined) {
      this.#shape = shape;
      this.#makings.run(() => {
        this.#block = new Tensor(native.newBlock([this.#capacity, ...shape]), 'batch');
      });
    }
    const position = this.#slots.length;
    if (position === this.#capacity || String(shape) !== String(this.#shape)) return undefined;
    const slot = (this.#block as Tensor).select(0, position);
    this.#slots.push(slot);
    return slot;
  }

  /** The batch that these samples are, if they are its slots and nobody else looks at its memory. */
  whole(samples: readonly Tensor[]): Tensor | undefined {
    const block = this.#block;
    const given = this.#slots;
    if (block === undefined || samples.length > given.length) return undefined;
    if (!samples.every((sample, i) => sample === given[i] && sample._scope === this.#makings)) return undefined;
    if (given.some((slot) => slot.isAlive && slot.requiresGrad)) return undefined;
    const alive = given.reduce((count, slot) => count + (slot.isAlive ? 1 : 0), 1);
    if (native.storageUses(handleOf(block)) !== alive) return undefined;
    return block.narrow(0, 0, samples.length);
  }
}

/** @internal A float32 tensor of any values: a part of the batch in the making where there is one. */
export function batchSlot(shape: readonly number[]): Tensor {
  return current?.take(shape) ?? empty([...shape], { dtype: 'float32' });
}

/** @internal The batch of which `samples` are the slots, if they are. */
export function wholeBatch(samples: readonly Tensor[]): Tensor | undefined {
  return current === undefined ? undefined : scope(() => current?.whole(samples));
}
