/** @file One pass of a loader with worker threads: hands out tasks, takes their batches in order, owns each until the next one. */

import { Scope } from '../core/scope.ts';
import { dropExports } from '../runtime/memory.ts';
import type { SkippedSample } from './gather.ts';
import { unpack } from './parcel.ts';
import { pinBatch } from './pin.ts';
import { SampleError } from './sample-error.ts';
import type { BatchIndices } from './samplers.ts';
import { restoreError, type TaskResult, WorkerError } from './worker-messages.ts';
import type { PoolListener, WorkerPool } from './worker-pool.ts';

export interface WorkerRunOptions {
  readonly seed: bigint;
  readonly perBatchSeeds: boolean;
  /** Batches in preparation by each worker. */
  readonly prefetch: number;
  /** Longest wait for a batch, in ms; 0 for no limit. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly skip: ((sample: SkippedSample) => void) | undefined;
  readonly pin: boolean;
}

/**
 * The batches that `pool` makes, in an order that does not depend on which worker is faster.
 *
 * @param batches undefined for a stream, of which each worker reads its own
 */
export async function* workerBatches<B>(
  pool: WorkerPool,
  batches: BatchIndices | undefined,
  options: WorkerRunOptions,
): AsyncGenerator<B, void, undefined> {
  const { signal } = options;
  const inbox = new Inbox(signal, options.timeout);
  const pass = pool.begin(options.seed, options.perBatchSeeds, inbox);
  const plan = batches === undefined ? new StreamPlan(pool, pass) : new IndexPlan(pool, pass, batches);
  let owner: Scope | undefined;
  try {
    for (;;) {
      signal?.throwIfAborted();
      plan.handOut(options.prefetch);
      const next = plan.pending.shift();
      if (next === undefined) return;
      const result = await inbox.take(next);
      for (const plain of result.skipped) {
        const error = restoreError(plain);
        if (error instanceof SampleError) options.skip?.({ index: error.index, description: error.description, error });
      }
      if (result.error !== undefined) throw restoreError(result.error);
      if (result.over) plan.over(next.worker);
      if (result.batch === undefined) continue;
      const mine = new Scope();
      owner = mine;
      const batch = await unpack<B>(result.batch, (fn) => {
        const box: { batch?: B } = {};
        mine.run(() => {
          box.batch = fn();
        });
        return box.batch as B;
      });
      yield options.pin ? pinBatch(batch) : batch;
      mine.dispose();
    }
  } finally {
    owner?.dispose();
    plan.close();
    pool.end();
    dropExports(pass);
  }
}

/** A task that was handed out. */
interface Pending {
  readonly task: number;
  readonly worker: number;
}

/** Which worker does what. `pending` is in the order in which the batches are wanted. */
interface Plan {
  readonly pending: Pending[];
  /** Gives every worker up to `prefetch` tasks. */
  handOut(prefetch: number): void;
  /** A worker's stream has ended. */
  over(worker: number): void;
  close(): void;
}

/** Batch k goes to worker k modulo their number, as in PyTorch. */
class IndexPlan implements Plan {
  readonly pending: Pending[] = [];
  readonly #pool: WorkerPool;
  readonly #pass: number;
  readonly #order: Iterator<number[]>;
  #count = 0;
  #exhausted = false;

  constructor(pool: WorkerPool, pass: number, batches: BatchIndices) {
    this.#pool = pool;
    this.#pass = pass;
    this.#order = batches[Symbol.iterator]();
  }

  handOut(prefetch: number): void {
    while (!this.#exhausted && this.pending.length < prefetch * this.#pool.size) {
      const next = this.#order.next();
      if (next.done === true) {
        this.#exhausted = true;
        return;
      }
      const task = this.#count++;
      const worker = task % this.#pool.size;
      this.#pool.post(worker, { kind: 'batch', pass: this.#pass, task, indices: next.value });
      this.pending.push({ task, worker });
    }
  }

  over(): void {}

  close(): void {
    if (!this.#exhausted) this.#order.return?.();
  }
}

/** The workers in turn, without those whose stream has ended. */
class StreamPlan implements Plan {
  readonly pending: Pending[] = [];
  readonly #pool: WorkerPool;
  readonly #pass: number;
  readonly #active: number[];
  #count = 0;
  #turn = 0;

  constructor(pool: WorkerPool, pass: number) {
    this.#pool = pool;
    this.#pass = pass;
    this.#active = Array.from({ length: pool.size }, (_, id) => id);
  }

  handOut(prefetch: number): void {
    while (this.pending.length < prefetch * this.#active.length) {
      const worker = this.#active[this.#turn % this.#active.length] as number;
      this.#turn++;
      const task = this.#count++;
      this.#pool.post(worker, { kind: 'next', pass: this.#pass, task });
      this.pending.push({ task, worker });
    }
  }

  over(worker: number): void {
    const at = this.#active.indexOf(worker);
    if (at < 0) return;
    this.#active.splice(at, 1);
  }

  close(): void {}
}

/** What has come back, by task; a failure, an abort and a timeout end the waiting. */
class Inbox implements PoolListener {
  readonly #results = new Map<number, TaskResult>();
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(signal: AbortSignal | undefined, timeout: number) {
    this.#signal = signal;
    this.#timeout = timeout;
  }

  result(result: TaskResult): void {
    this.#results.set(result.task, result);
    this.#wake();
  }

  failure(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  async take({ task, worker }: Pending): Promise<TaskResult> {
    const wake = () => this.#wake();
    this.#signal?.addEventListener('abort', wake, { once: true });
    let late = false;
    const timer =
      this.#timeout > 0
        ? setTimeout(() => {
            late = true;
            this.#wake();
          }, this.#timeout)
        : undefined;
    try {
      for (;;) {
        this.#signal?.throwIfAborted();
        const result = this.#results.get(task);
        if (result !== undefined) {
          this.#results.delete(task);
          return result;
        }
        if (this.#failure !== undefined) throw this.#failure;
        if (late)
          throw new WorkerError(
            'WORKER_TIMEOUT',
            worker,
            `gave no batch within the timeout of ${this.#timeout} ms; a slow disk, or a sample that never comes`,
          );
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener('abort', wake);
    }
  }
}
