/** @file One pass of a loader: reads ahead, finishes samples in order, collates, and owns the batch until the next one. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { eachTensor, Scope, scope } from '../core/scope.ts';
import { type Dataset, finishSample, type IterableDataset, loadSample } from './dataset.ts';
import { SampleError } from './sample-error.ts';
import type { BatchIndices } from './samplers.ts';

interface RunOptions<T, B> {
  readonly collate: (samples: T[]) => B;
  readonly signal: AbortSignal | undefined;
}

/** A batch on its way: `load` has been called for its samples. */
interface Ahead {
  readonly indices: readonly number[];
  readonly loads: readonly unknown[];
}

/** @internal Batches of a map-style data set. */
export async function* iterateBatches<T, B>(
  dataset: Dataset<T>,
  batches: BatchIndices,
  options: RunOptions<T, B> & { readonly prefetch: number },
): AsyncGenerator<B, void, undefined> {
  const { signal } = options;
  const order = batches[Symbol.iterator]();
  const ahead: Ahead[] = [];
  let exhausted = false;
  let owner: Scope | undefined;
  try {
    for (;;) {
      signal?.throwIfAborted();
      while (!exhausted && ahead.length <= options.prefetch) {
        const next = order.next();
        if (next.done === true) exhausted = true;
        else ahead.push({ indices: next.value, loads: next.value.map((index) => startLoad(dataset, index)) });
      }
      const current = ahead.shift();
      if (current === undefined) return;
      owner = new Scope();
      const batch = await buildBatch(owner, options, async (makings, samples) => {
        for (const [i, index] of current.indices.entries()) {
          try {
            const loaded = await untilAborted(current.loads[i], signal);
            samples.push(
              await untilAborted(
                inScope(makings, () => finishSample(dataset, loaded, index)),
                signal,
              ),
            );
          } catch (error) {
            throw signal?.aborted === true ? error : new SampleError(index, dataset.describe?.(index), error);
          }
        }
        return true;
      });
      yield batch as B;
      owner.dispose();
    }
  } finally {
    owner?.dispose();
    if (!exhausted) order.return?.();
  }
}

/** @internal Batches of a stream. */
export async function* streamBatches<T, B>(
  dataset: IterableDataset<T>,
  options: RunOptions<T, B> & { readonly batchSize: number; readonly dropLast: boolean },
): AsyncGenerator<B, void, undefined> {
  const { signal, batchSize } = options;
  const items = Symbol.asyncIterator in dataset ? dataset[Symbol.asyncIterator]() : dataset[Symbol.iterator]();
  let position = 0;
  // The stream has ended, failed, or hangs: there is nothing left to tell it.
  let exhausted = false;
  let owner: Scope | undefined;
  try {
    while (!exhausted) {
      signal?.throwIfAborted();
      owner = new Scope();
      const batch = await buildBatch(owner, options, async (makings, samples) => {
        while (samples.length < batchSize) {
          let next: IteratorResult<T>;
          try {
            next = await untilAborted(
              inScope(makings, () => items.next()),
              signal,
            );
          } catch (error) {
            exhausted = true;
            throw signal?.aborted === true ? error : new SampleError(position, undefined, error);
          }
          if (next.done === true) {
            exhausted = true;
            return samples.length > 0 && !options.dropLast;
          }
          position++;
          samples.push(next.value);
        }
        return true;
      });
      if (batch === nothing) return;
      yield batch as B;
      owner.dispose();
    }
  } finally {
    owner?.dispose();
    if (!exhausted) await items.return?.();
  }
}

const nothing = Symbol('no batch');

/**
 * Gathers samples and collates them, unless `gather` returns false. What is in the batch belongs to `owner`; the rest of what
 * was made is released.
 */
async function buildBatch<T, B>(
  owner: Scope,
  options: RunOptions<T, B>,
  gather: (makings: Scope, samples: T[]) => Promise<boolean>,
): Promise<B | typeof nothing> {
  const makings = new Scope();
  const samples: T[] = [];
  try {
    // Data sets in memory never wait for anything: without this, timers and signals would starve for the whole loop.
    await nextTurn();
    if (!(await gather(makings, samples))) return nothing;
    const batch = owner.run(() => scope(() => options.collate(samples)));
    // A collateFn may hand a sample's own tensors on.
    eachTensor(batch, (tensor) => {
      if (tensor._scope === makings) owner.adopt(tensor);
    });
    return batch;
  } finally {
    makings.dispose();
  }
}

/** Runs `fn` with `owner` as the scope of its tensors; unlike `Scope.run`, lets it return a promise. */
function inScope<T>(owner: Scope, fn: () => T): T {
  const box: { result?: T } = {};
  owner.run(() => {
    box.result = fn();
  });
  return box.result as T;
}

/** Starts the asynchronous part of a sample. A failure is kept until the sample's turn comes. */
function startLoad<T>(dataset: Dataset<T>, index: number): unknown {
  try {
    const loading = loadSample(dataset, index);
    // Without a handler of its own, a rejection before its turn would end the process.
    if (loading instanceof Promise) loading.catch(() => {});
    return loading;
  } catch (error) {
    const failed = Promise.reject(error);
    failed.catch(() => {});
    return failed;
  }
}

/** The value, once there; rejects as soon as the signal is aborted, even if the value never comes. */
function untilAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): T | Promise<T> {
  if (signal === undefined || !(value instanceof Promise)) return value;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
