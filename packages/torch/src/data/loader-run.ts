/** @file One pass of a loader in its own thread: reads ahead, finishes samples in order, owns the batch until the next one. */

import type { Generator } from '../core/generator.ts';
import { Scope } from '../core/scope.ts';
import type { Dataset, IterableDataset } from './dataset.ts';
import { buildBatch, type GatherOptions, gatherSamples, nothing, startLoad } from './gather.ts';
import type { BatchIndices } from './samplers.ts';
import { StreamReader } from './stream.ts';

interface RunOptions<T, B> extends GatherOptions<T, B> {
  /** The generator of batch number `batch`, if it has one of its own. */
  readonly generatorOf: (batch: number) => Generator | undefined;
}

/** A batch on its way: `load` has been called for its samples. */
interface Ahead {
  readonly number: number;
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
  let count = 0;
  let owner: Scope | undefined;
  try {
    for (;;) {
      signal?.throwIfAborted();
      while (!exhausted && ahead.length <= options.prefetch) {
        const next = order.next();
        if (next.done === true) exhausted = true;
        else {
          const loads = next.value.map((index) => startLoad(dataset, index));
          ahead.push({ number: count++, indices: next.value, loads });
        }
      }
      const current = ahead.shift();
      if (current === undefined) return;
      owner = new Scope();
      const batch = await buildBatch(
        owner,
        options.collate,
        options.generatorOf(current.number),
        (makings, samples: T[]) =>
          gatherSamples(dataset, current.indices, (i) => current.loads[i], options, makings, samples),
      );
      if (batch !== nothing) yield batch as B;
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
  const { batchSize, dropLast, signal } = options;
  const stream = new StreamReader(dataset);
  let owner: Scope | undefined;
  try {
    for (let number = 0; !stream.exhausted; number++) {
      signal?.throwIfAborted();
      owner = new Scope();
      const batch = await buildBatch(owner, options.collate, options.generatorOf(number), (makings, samples: T[]) =>
        stream.gather(batchSize, dropLast, options, makings, samples),
      );
      if (batch === nothing) return;
      yield batch as B;
      owner.dispose();
    }
  } finally {
    owner?.dispose();
    await stream.close();
  }
}
