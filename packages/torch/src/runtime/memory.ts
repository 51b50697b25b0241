/** @file What is alive: counts of tensors and bytes, and a check that a piece of code leaves nothing behind. */

import { handleOf } from '../core/dispatch.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError, EdgeAIError } from '../errors.ts';
import { native } from '../native.ts';

export interface MemoryStatistics {
  /** Live tensor handles of this thread. */
  readonly tensors: number;
  /** Bytes of the distinct storages behind them. */
  readonly bytes: number;
  /** Most handles alive at once so far. */
  readonly peakTensors: number;
  /** Handles ever made. */
  readonly created: number;
}

/** Tensors that are alive in this thread. Memory that autograd graphs hold by themselves is not counted. */
export function memory(): MemoryStatistics {
  return native.memory();
}

/** More tensors were alive after a piece of code than before. */
export class TensorLeakError extends EdgeAIError {
  constructor(leaked: number) {
    super(
      'TENSOR_LEAK',
      `${leaked} tensor${leaked === 1 ? '' : 's'} left alive; wrap the code in scope(…), dispose() them, or keep() those meant to stay`,
    );
  }
}

/**
 * Runs `fn` and throws when it leaves tensors alive: a test helper.
 *
 * @param allowed how many may stay, for code that fills a cache
 */
export async function expectNoLeaks<T>(fn: () => T | Promise<T>, allowed = 0): Promise<T> {
  const before = native.memory().tensors;
  const result = await fn();
  const leaked = native.memory().tensors - before;
  if (leaked > allowed) throw new TensorLeakError(leaked);
  return result;
}

/**
 * Hands a tensor to another thread: pass the ticket in a message, `adoptTensor` it there once. No copy is made, except of a
 * tensor in a JavaScript array's memory. Until it is adopted, the tensor stays alive.
 *
 * @param group a number of 32 bits by which {@link dropExports} finds it; 0 for none
 * @throws {TorchError} for a tensor with a history of operators: `detach()` it first
 */
export function exportTensor(tensor: Tensor, group = 0): number {
  return native.exportTensor(handleOf(tensor), group);
}

/** Takes over a tensor that another thread exported. @throws {TorchError} for a ticket that was redeemed before */
export function adoptTensor(ticket: number): Tensor {
  if (!Number.isSafeInteger(ticket))
    throw ArgumentError.expected('ticket', 'the number that exportTensor gave', ticket);
  return new Tensor(native.adoptTensor(ticket), 'adoptTensor');
}

/** Releases the exported tensors of a group that nobody has adopted. @returns how many there were */
export function dropExports(group: number): number {
  return native.dropExports(group);
}
