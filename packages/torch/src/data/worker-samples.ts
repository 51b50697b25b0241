/** @file For tests: what worker threads import. */

import { readFileSync } from 'node:fs';
import { rand } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { getNumThreads } from '../runtime/settings.ts';
import type { Dataset } from './dataset.ts';
import { portable } from './portable.ts';
import { getWorkerInfo } from './worker-info.ts';

/** Samples that draw a random number each, and misbehave on request. */
@portable(import.meta.url)
export class Drawn implements Dataset<Tensor> {
  readonly length: number;
  readonly #trouble: ReadonlyMap<number, string>;

  constructor(length: number, trouble: ReadonlyMap<number, string> = new Map()) {
    this.length = length;
    this.#trouble = trouble;
  }

  get(index: number): Tensor {
    return this.finish(index);
  }

  load(index: number): number {
    return index;
  }

  finish(loaded: number): Tensor {
    const trouble = this.#trouble.get(loaded);
    if (trouble === 'throw') throw new RangeError(`sample ${loaded} is broken`);
    if (trouble === 'exit') process.exit(3);
    if (trouble === 'hang') return new Promise(() => {}) as unknown as Tensor;
    if (trouble === 'spin') for (;;);
    return scope(() => rand([1]).add(loaded));
  }

  describe(index: number): string {
    return `/photos/${index}.jpg`;
  }
}

/** Which worker made the sample, with how many threads; and what the init function left there. */
@portable(import.meta.url)
export class Whereabouts implements Dataset<object> {
  readonly length = 4;

  get(index: number): object {
    const info = getWorkerInfo();
    return { index, id: info?.id, numWorkers: info?.numWorkers, threads: getNumThreads(), initialised };
  }
}

let initialised = -1;

export const initialise = portable(
  import.meta.url,
  'initialise',
)((id: number): void => {
  initialised = 10 + id;
});

export const asList = portable(import.meta.url, 'asList')(<T>(samples: T[]): T[] => samples);

/** A stream of numbers, each worker its share. */
@portable(import.meta.url)
export class Numbers implements AsyncIterable<number> {
  readonly count: number;

  constructor(count: number) {
    this.count = count;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> {
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    for (let i = id; i < this.count; i += numWorkers) yield i;
  }
}

/** Has a closure inside; opening it takes a moment. */
export async function openSquares(count: number): Promise<Dataset<number>> {
  await Promise.resolve();
  const square = (value: number) => value * value;
  return { length: count, get: square };
}

/** The lines of a file. */
export function openLines(path: string): Dataset<string> {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return { length: lines.length, get: (index) => lines[index] ?? '', describe: (index) => lines[index] };
}
