/** @file The worker threads of a loader: started, asked, watched, stopped. */

import { Worker } from 'node:worker_threads';
import { EdgeAIError } from '../errors.ts';
import { dropExports } from '../runtime/memory.ts';
import { modulesOf } from './parcel.ts';
import {
  type FromWorker,
  restoreError,
  type TaskResult,
  type ToWorker,
  WorkerError,
  type WorkerStart,
} from './worker-messages.ts';

/** How long a worker that was asked to stop may finish what it is doing, in ms. */
const GRACE = 2000;

/** Numbers of iterations and of groups of exported tensors, the same for all loaders of this process's main thread. */
let groups = 0;

/** A new number for tensors on their way. */
export function nextGroup(): number {
  groups = (groups % 0xffff_fff0) + 1;
  return groups;
}

/** Hears what comes back during one iteration. */
export interface PoolListener {
  result(result: TaskResult): void;
  failure(error: Error): void;
}

/** What the workers' data sets must look like. */
export interface ExpectedDataset {
  readonly length: number;
  readonly names: readonly string[];
}

export class WorkerPool {
  readonly #workers: readonly Worker[];
  readonly #exited: readonly Promise<unknown>[];
  readonly #startGroup: number;
  #listener: PoolListener | undefined;
  #pass = 0;
  #failure: Error | undefined;
  #closing = false;

  /** @param group of the tensors that the starts hold */
  constructor(starts: readonly WorkerStart[], group: number, expected: ExpectedDataset | undefined) {
    this.#startGroup = group;
    this.#workers = starts.map((start) => startThread(start));
    this.#exited = this.#workers.map(
      (worker, id) =>
        new Promise<void>((resolve) => {
          worker.on('message', (message: FromWorker) => this.#receive(id, message, expected));
          worker.on('error', (error) => this.#fail(died(id, error)));
          worker.on('messageerror', (error) => this.#fail(died(id, error)));
          worker.on('exit', (code) => {
            this.#fail(new WorkerError('WORKER_EXITED', id, `ended with exit code ${code} before its work was done`));
            resolve();
          });
        }),
    );
  }

  get size(): number {
    return this.#workers.length;
  }

  /** False after a worker has failed: a pool is not mended but replaced. */
  get usable(): boolean {
    return this.#failure === undefined && !this.#closing;
  }

  /** Begins an iteration. Worker `i` is seeded with `seed + i`, or all with `seed` where each batch has its own. @returns its number */
  begin(seed: bigint, perBatchSeeds: boolean, listener: PoolListener): number {
    this.#listener = listener;
    this.#pass = nextGroup();
    for (const [id, worker] of this.#workers.entries()) {
      worker.ref();
      this.post(id, {
        kind: 'pass',
        pass: this.#pass,
        seed: perBatchSeeds ? seed : BigInt.asUintN(64, seed + BigInt(id)),
      });
    }
    if (this.#failure !== undefined) listener.failure(this.#failure);
    return this.#pass;
  }

  post(id: number, message: ToWorker): void {
    this.#workers[id]?.postMessage(message);
  }

  /** Ends an iteration: what is still under way will be dropped. Idle workers do not keep the process alive. */
  end(): void {
    this.#listener = undefined;
    const pass = this.#pass;
    this.#pass = 0;
    for (const [id, worker] of this.#workers.entries()) {
      this.post(id, { kind: 'cancel' });
      worker.unref();
    }
    dropExports(pass);
  }

  /** Stops the threads, gently at first, and waits until they are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const [id, worker] of this.#workers.entries()) {
      worker.ref();
      this.post(id, { kind: 'stop' });
    }
    const patience = setTimeout(() => {
      for (const worker of this.#workers) void worker.terminate();
    }, GRACE);
    await Promise.all(this.#exited);
    clearTimeout(patience);
    dropExports(this.#startGroup);
  }

  #receive(id: number, message: FromWorker, expected: ExpectedDataset | undefined): void {
    switch (message.kind) {
      case 'ready':
        if (expected !== undefined) this.#compare(id, message, expected);
        return;
      case 'failed': {
        const cause = restoreError(message.error);
        this.#fail(new WorkerError('WORKER_FAILED', id, `could not start: ${cause.message}`, { cause }));
        return;
      }
      case 'result':
        if (message.pass === this.#pass) this.#listener?.result(message);
        else dropExports(message.pass);
    }
  }

  #compare(id: number, theirs: { length: number | undefined; names: readonly string[] }, ours: ExpectedDataset): void {
    const odd = ours.names.findIndex((name, i) => name !== theirs.names[i]);
    if (theirs.length === ours.length && odd < 0) return;
    const difference =
      theirs.length === ours.length
        ? `sample ${Math.floor((odd * ours.length) / ours.names.length)} is ${theirs.names[odd]} there and ${ours.names[odd]} here`
        : `it has ${theirs.length} samples there and ${ours.length} here`;
    this.#fail(
      new WorkerError(
        'WORKER_FAILED',
        id,
        `made another data set than the main thread has: ${difference}. Were files added or removed meanwhile? Open the data set again`,
      ),
    );
  }

  #fail(error: Error): void {
    if (this.#closing || this.#failure !== undefined) return;
    this.#failure = error;
    this.#listener?.failure(error);
  }
}

function died(id: number, cause: unknown): WorkerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WorkerError('WORKER_EXITED', id, `died: ${reason}`, { cause });
}

const isTypeScript = (url: string) => /\.[cm]?tsx?$/.test(url);

function startThread(start: WorkerStart): Worker {
  const extension = isTypeScript(import.meta.url) ? 'ts' : 'js';
  const entry = new URL(`./loader-worker.${extension}`, import.meta.url).href;
  const modules = [entry, ...[start.dataset, start.collate, start.workerInit].flatMap(modulesOf)];
  const tsx = modules.some(isTypeScript) ? typeScriptLoader() : undefined;
  const code = `
    const { tsx, entry } = require('node:worker_threads').workerData;
    (async () => {
      if (tsx) (await import(tsx)).register();
      await import(entry);
    })();
  `;
  return new Worker(code, { eval: true, workerData: { start, tsx, entry } });
}

/** The module that lets a worker thread run TypeScript; undefined where Node does so by itself. */
function typeScriptLoader(): string | undefined {
  if ((process.features as { typescript?: unknown }).typescript) return undefined;
  try {
    return import.meta.resolve('tsx/esm/api');
  } catch (cause) {
    throw new EdgeAIError(
      'NO_TYPESCRIPT_IN_WORKERS',
      'The data set comes from a TypeScript file, which worker threads of this Node can only run with the package tsx: install it, compile the file, or use workers: 0',
      { cause },
    );
  }
}
