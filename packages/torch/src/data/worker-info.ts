/** @file What code that runs in a loader's worker can find out about it. */

/** One worker of a `DataLoader`. */
export interface WorkerInfo {
  /** 0 … numWorkers − 1. */
  readonly id: number;
  readonly numWorkers: number;
  /** What the worker's generator was seeded with for this iteration. */
  readonly seed: bigint;
  /** This worker's own data set. */
  readonly dataset: unknown;
}

let current: WorkerInfo | undefined;

/**
 * The worker that this code runs in; undefined in the main thread. A stream uses it to read only its share:
 *
 * ```ts
 * async *[Symbol.asyncIterator]() {
 *   const { id, numWorkers } = data.getWorkerInfo() ?? { id: 0, numWorkers: 1 };
 *   for (let i = id; i < this.files.length; i += numWorkers) yield await read(this.files[i]);
 * }
 * ```
 */
export function getWorkerInfo(): WorkerInfo | undefined {
  return current;
}

/** @internal */
export function setWorkerInfo(info: WorkerInfo): void {
  current = info;
}
