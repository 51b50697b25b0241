/** @file From samples to a batch: starts their slow halves, finishes them in order, collates, and keeps the books of tensors. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Generator, withDefaultGenerator } from '../core/generator.ts';
import { eachTensor, Scope, scope } from '../core/scope.ts';
import { BatchSlots } from './batch-slots.ts';
import { type Dataset, finishSample, loadSample } from './dataset.ts';
import { SampleError } from './sample-error.ts';

/** A sample that was left out because it could not be read or made. */
export interface SkippedSample {
  /** Index in the data set; for a stream, the position in it. */
  readonly index: number;
  /** What the data set says about the sample (`describe`), a path for instance. */
  readonly description: string | undefined;
  readonly error: SampleError;
}

/** What gathering asks of its surroundings. */
export interface GatherOptions<T, B> {
  readonly collate: (samples: T[]) => B;
  readonly signal: AbortSignal | undefined;
  /** Called instead of failing, where broken samples are left out. */
  readonly skip: ((sample: SkippedSample) => void) | undefined;
}

/** There was nothing to make a batch of. */
export const nothing: unique symbol = Symbol('no batch');

/**
 * Gathers samples and collates them, unless `gather` returns false. What is in the batch belongs to `owner`; the rest of what
 * was made is released.
 *
 * @param generator where the samples and the collating draw from; default: the default generator
 */
export async function buildBatch<T, B>(
  owner: Scope,
  collate: (samples: T[]) => B,
  generator: Generator | undefined,
  gather: (makings: Makings, samples: T[]) => Promise<boolean>,
): Promise<B | typeof nothing> {
  const makings = new Makings(generator);
  const samples: T[] = [];
  try {
    // Data sets in memory never wait for anything: without this, timers and signals would starve for the whole loop.
    await nextTurn();
    if (!(await gather(makings, samples))) return nothing;
    const batch = makings.draw(() => owner.run(() => scope(() => collate(samples))));
    // A collateFn may hand a sample's own tensors on.
    eachTensor(batch, (tensor) => {
      if (tensor._scope === makings.scope) owner.adopt(tensor);
    });
    return batch;
  } finally {
    makings.scope.dispose();
  }
}

/** Where the tensors of a batch in the making belong, and where its random numbers come from. */
export class Makings {
  readonly scope = new Scope();
  readonly #generator: Generator | undefined;
  #slots: BatchSlots | undefined;

  constructor(generator: Generator | undefined) {
    this.#generator = generator;
  }

  /** From here on, samples may be made in the memory of a batch of so many. */
  expect(samples: number): void {
    this.#slots = new BatchSlots(samples, this.scope);
  }

  /** Runs `fn` with this scope as that of its tensors; unlike `Scope.run`, lets it return a promise. */
  run<T>(fn: () => T): T {
    const box: { result?: T } = {};
    this.scope.run(() => {
      box.result = this.draw(fn);
    });
    return box.result as T;
  }

  /** Runs the synchronous part of `fn` with the batch's memory, and with its generator if it has one. */
  draw<T>(fn: () => T): T {
    const drawn = () => (this.#generator === undefined ? fn() : withDefaultGenerator(this.#generator, fn));
    return this.#slots === undefined ? drawn() : this.#slots.run(drawn);
  }
}

/** Appends the samples at `indices` to `samples`, in order. @returns whether there is any */
export async function gatherSamples<T>(
  dataset: Dataset<T>,
  indices: readonly number[],
  loading: (position: number) => unknown,
  options: Pick<GatherOptions<T, unknown>, 'signal' | 'skip'>,
  makings: Makings,
  samples: T[],
): Promise<boolean> {
  const { signal, skip } = options;
  makings.expect(indices.length);
  for (const [i, index] of indices.entries()) {
    try {
      const loaded = await untilAborted(loading(i), signal);
      samples.push(
        await untilAborted(
          makings.run(() => finishSample(dataset, loaded, index)),
          signal,
        ),
      );
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      const error = new SampleError(index, dataset.describe?.(index), cause);
      if (skip === undefined) throw error;
      skip({ index, description: error.description, error });
    }
  }
  return samples.length > 0;
}

/** Starts the asynchronous part of a sample. A failure is kept until the sample's turn comes. */
export function startLoad<T>(dataset: Dataset<T>, index: number): unknown {
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
export function untilAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): T | Promise<T> {
  if (signal === undefined || !(value instanceof Promise)) return value;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
