/** @file What a loader and its workers say to each other. */

import { EdgeAIError } from '../errors.ts';
import type { Parcel } from './parcel.ts';
import { SampleError } from './sample-error.ts';

/** Given to a worker when it starts. */
export interface WorkerStart {
  readonly id: number;
  readonly numWorkers: number;
  readonly dataset: Parcel;
  readonly collate: Parcel;
  readonly workerInit: Parcel;
  readonly skips: boolean;
  readonly batchSize: number | undefined;
  readonly dropLast: boolean;
  readonly perBatchSeeds: boolean;
}

/** From the loader. Tasks carry the number of the iteration (`pass`), whose batches are exported as that group. */
export type ToWorker =
  | { readonly kind: 'pass'; readonly pass: number; readonly seed: bigint }
  | { readonly kind: 'batch'; readonly pass: number; readonly task: number; readonly indices: readonly number[] }
  | { readonly kind: 'next'; readonly pass: number; readonly task: number }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'stop' };

/** From a worker. */
export type FromWorker =
  | { readonly kind: 'ready'; readonly length: number | undefined; readonly names: readonly string[] }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | ({ readonly kind: 'result' } & TaskResult);

export interface TaskResult {
  readonly pass: number;
  readonly task: number;
  /** The batch; absent where there is none (a stream is over, all samples were left out, or it failed). */
  readonly batch?: Parcel;
  /** A stream has no more. */
  readonly over: boolean;
  readonly skipped: readonly PlainError[];
  readonly error?: PlainError;
}

/** An error that can be posted: structured cloning would lose its class, code and cause. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly cause: PlainError | undefined;
  /** Of a {@link SampleError}. */
  readonly sample?: { readonly index: number; readonly description: string | undefined };
}

export function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), stack: undefined, code: undefined, cause: undefined };
  }
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: typeof code === 'string' ? code : undefined,
    cause: error.cause === undefined ? undefined : plainError(error.cause),
    ...(error instanceof SampleError ? { sample: { index: error.index, description: error.description } } : {}),
  };
}

/** The error as this thread's; `cause` has the worker's stack. */
export function restoreError(plain: PlainError): Error {
  const cause = plain.cause === undefined ? undefined : restoreError(plain.cause);
  if (plain.sample !== undefined) return new SampleError(plain.sample.index, plain.sample.description, cause);
  const error =
    plain.code === undefined
      ? new Error(plain.message, { cause })
      : new EdgeAIError(plain.code, plain.message, { cause });
  error.name = plain.name;
  if (plain.stack !== undefined) error.stack = plain.stack;
  return error;
}

/** A worker could not start, has ended, or does not answer. */
export class WorkerError extends EdgeAIError {
  /** Which worker, counted from 0. */
  readonly worker: number;

  constructor(
    code: 'WORKER_FAILED' | 'WORKER_EXITED' | 'WORKER_TIMEOUT',
    worker: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, `Worker ${worker}: ${message}`, options);
    this.worker = worker;
  }
}
