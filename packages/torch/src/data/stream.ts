/** @file Reads a stream of samples in batches. */

import type { IterableDataset } from './dataset.ts';
import { type GatherOptions, type Makings, untilAborted } from './gather.ts';
import { SampleError } from './sample-error.ts';

/** Where one reading of a stream stands. */
export class StreamReader<T> {
  readonly #items: Iterator<T> | AsyncIterator<T>;
  #position = 0;
  /** The stream has ended, failed, or hangs: there is nothing left to tell it. */
  exhausted = false;

  constructor(dataset: IterableDataset<T>) {
    this.#items = Symbol.asyncIterator in dataset ? dataset[Symbol.asyncIterator]() : dataset[Symbol.iterator]();
  }

  /** Appends the next samples. @returns false where there are none, or too few of them with `dropLast` */
  async gather(
    batchSize: number,
    dropLast: boolean,
    { signal, skip }: Pick<GatherOptions<T, unknown>, 'signal' | 'skip'>,
    makings: Makings,
    samples: T[],
  ): Promise<boolean> {
    while (samples.length < batchSize) {
      let next: IteratorResult<T>;
      try {
        next = await untilAborted(
          makings.run((): IteratorResult<T> | Promise<IteratorResult<T>> => this.#items.next()),
          signal,
        );
      } catch (cause) {
        if (signal?.aborted === true) {
          this.exhausted = true;
          throw cause;
        }
        const error = new SampleError(this.#position, undefined, cause);
        // A generator that has thrown is over; other iterators may go on behind the broken sample.
        if (skip === undefined) {
          this.exhausted = true;
          throw error;
        }
        skip({ index: this.#position++, description: undefined, error });
        continue;
      }
      if (next.done === true) {
        this.exhausted = true;
        return samples.length > 0 && !dropLast;
      }
      this.#position++;
      samples.push(next.value);
    }
    return true;
  }

  /** Tells the stream that no more is wanted. */
  async close(): Promise<void> {
    if (!this.exhausted) await this.#items.return?.();
  }
}
