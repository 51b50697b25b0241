/**
 * @file What runs in a worker thread of a `DataLoader`: makes its own data set, then builds the batches that it is asked for, in
 * order, and exports their tensors.
 */

import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Generator, useDefaultGenerator } from '../core/generator.ts';
import { Scope } from '../core/scope.ts';
import { setLocalThreads } from '../runtime/settings.ts';
import { type Dataset, type IterableDataset, isIterableDataset } from './dataset.ts';
import { buildBatch, gatherSamples, nothing, startLoad } from './gather.ts';
import { pack, unpack } from './parcel.ts';
import { sampledNames } from './sampled-names.ts';
import { StreamReader } from './stream.ts';
import { setWorkerInfo } from './worker-info.ts';
import { type FromWorker, type PlainError, plainError, type ToWorker, type WorkerStart } from './worker-messages.ts';

/** Samples whose files are read and decoded at the same time; more would only hold more decoded images in memory. */
const LOADS_AHEAD = 8;

interface Task {
  readonly pass: number;
  readonly task: number;
  /** Undefined for the next samples of a stream. */
  readonly indices: readonly number[] | undefined;
  readonly loads: unknown[];
}

class LoaderWorker {
  readonly #start: WorkerStart;
  readonly #dataset: Dataset<unknown> | IterableDataset<unknown>;
  readonly #collate: (samples: unknown[]) => unknown;
  readonly #generator: Generator;
  readonly #post: (message: FromWorker) => void;
  /** A bigint begins an iteration: it is its seed. */
  readonly #tasks: (Task | bigint)[] = [];
  #stream: StreamReader<unknown> | undefined;
  #seed = 0n;
  #busy = false;

  private constructor(
    start: WorkerStart,
    made: { dataset: Dataset<unknown> | IterableDataset<unknown>; collate: (samples: unknown[]) => unknown },
    generator: Generator,
    post: (message: FromWorker) => void,
  ) {
    this.#start = start;
    this.#dataset = made.dataset;
    this.#collate = made.collate;
    this.#generator = generator;
    this.#post = post;
  }

  static async open(start: WorkerStart, post: (message: FromWorker) => void): Promise<LoaderWorker> {
    setLocalThreads(1);
    // Other threads draw from libtorch's own generator at the same time.
    const generator = new Generator();
    useDefaultGenerator(generator);
    const dataset = await unpack<Dataset<unknown> | IterableDataset<unknown>>(start.dataset, (fn) => fn());
    const collate = await unpack<(samples: unknown[]) => unknown>(start.collate, (fn) => fn());
    const init = await unpack<((id: number) => unknown) | undefined>(start.workerInit, (fn) => fn());
    const worker = new LoaderWorker(start, { dataset, collate }, generator, post);
    worker.#announce(0n);
    await init?.(start.id);
    const stream = isIterableDataset(dataset);
    post({ kind: 'ready', length: stream ? undefined : dataset.length, names: stream ? [] : sampledNames(dataset) });
    return worker;
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case 'pass':
        // In its turn: a batch of the iteration before may still be drawing.
        this.#tasks.push(message.seed);
        void this.#work();
        return;
      case 'batch':
      case 'next':
        this.#tasks.push({
          pass: message.pass,
          task: message.task,
          indices: message.kind === 'batch' ? message.indices : undefined,
          loads: [],
        });
        void this.#work();
        return;
      case 'cancel':
        this.#tasks.length = 0;
        return;
      case 'stop':
        this.#tasks.length = 0;
        parentPort?.close();
    }
  }

  /** Serves the tasks one after the other; there is only one of these loops at a time. */
  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      if (typeof task === 'bigint') await this.#begin(task);
      else await this.#serve(task);
      if (this.#tasks[0] === task) this.#tasks.shift();
    }
    this.#busy = false;
  }

  async #begin(seed: bigint): Promise<void> {
    this.#seed = seed;
    this.#announce(seed);
    this.#generator.manualSeed(seed);
    await this.#stream?.close().catch(() => {});
    this.#stream = isIterableDataset(this.#dataset) ? new StreamReader(this.#dataset) : undefined;
  }

  async #serve(task: Task): Promise<void> {
    const { pass, task: number } = task;
    const skipped: PlainError[] = [];
    const owner = new Scope();
    const options = {
      signal: undefined,
      skip: this.#start.skips ? ({ error }: { error: Error }) => skipped.push(plainError(error)) : undefined,
    };
    try {
      if (this.#start.perBatchSeeds) this.#generator.manualSeed(BigInt.asUintN(64, this.#seed + BigInt(number)));
      const batch = await buildBatch(owner, this.#collate, undefined, (makings, samples: unknown[]) => {
        const { indices } = task;
        if (indices !== undefined) {
          const dataset = this.#dataset as Dataset<unknown>;
          return gatherSamples(dataset, indices, (i) => this.#load(task, i), options, makings, samples);
        }
        const { batchSize = 1, dropLast } = this.#start;
        return (this.#stream as StreamReader<unknown>).gather(batchSize, dropLast, options, makings, samples);
      });
      const over = task.indices === undefined && (batch === nothing || this.#stream?.exhausted === true);
      const packed = batch === nothing ? undefined : owner.run(() => ({ batch: pack(batch, 'batch', pass) }));
      this.#post({ kind: 'result', pass, task: number, over, skipped, ...packed });
    } catch (error) {
      const over = task.indices === undefined;
      this.#post({ kind: 'result', pass, task: number, over, skipped, error: plainError(error) });
    } finally {
      owner.dispose();
    }
  }

  /** What loads sample `position` of a task; starts the loads of the samples that follow, into the next tasks. */
  #load(task: Task, position: number): unknown {
    let left = LOADS_AHEAD;
    let from = position;
    for (let i = Math.max(this.#tasks.indexOf(task), 0); i < this.#tasks.length && left > 0; i++, from = 0) {
      const ahead = this.#tasks[i];
      if (typeof ahead !== 'object') break;
      const { indices = [], loads } = ahead;
      for (let k = from; k < indices.length && left > 0; k++, left--) {
        if (!(k in loads)) loads[k] = startLoad(this.#dataset as Dataset<unknown>, indices[k] as number);
      }
    }
    // A task that was cancelled meanwhile is in the list no more.
    if (!(position in task.loads)) {
      task.loads[position] = startLoad(this.#dataset as Dataset<unknown>, task.indices?.[position] as number);
    }
    const load = task.loads[position];
    task.loads[position] = undefined;
    return load;
  }

  #announce(seed: bigint): void {
    const { id, numWorkers } = this.#start;
    setWorkerInfo({ id, numWorkers, seed, dataset: this.#dataset });
  }
}

const port = parentPort;
if (!isMainThread && port !== null) {
  const post = (message: FromWorker) => port.postMessage(message);
  const early: ToWorker[] = [];
  let receive = (message: ToWorker): void => {
    if (message.kind === 'stop') port.close();
    else early.push(message);
  };
  port.on('message', (message: ToWorker) => receive(message));
  try {
    const worker = await LoaderWorker.open((workerData as { start: WorkerStart }).start, post);
    receive = (message) => worker.receive(message);
    for (const message of early) receive(message);
  } catch (error) {
    post({ kind: 'failed', error: plainError(error) });
    port.close();
  }
}
