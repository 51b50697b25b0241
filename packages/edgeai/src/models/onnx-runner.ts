/** @file Runs an ONNX file over the batches of a task, so that the passes of the training loop measure it like any network. */

import { OnnxSession, type RuntimeOptions, readOnnx } from '@edgeai/onnx';
import { ArgumentError, cat, keep, Scope, type Tensor } from '@edgeai/torch';

import { FailureError } from '../errors.ts';
import type { BatchSource, TaskFacts } from '../training/task.ts';
import { factsOf } from './model-facts.ts';

/** A batch, and what the file made of it. */
export interface RunBatch<Batch> {
  readonly batch: Batch;
  /** In the order of the file's outputs; they live until the next batch. */
  readonly outputs: readonly Tensor[];
}

/** An ONNX file in onnxruntime that takes batches of any size: a file of a fixed batch size gets them in pieces. */
export class OnnxRunner {
  /** What the file says of itself; null where it was not written here. */
  readonly facts: TaskFacts | null;
  /** Sizes of the first input; null where the file leaves one open. */
  readonly inputShape: readonly (number | null)[];
  readonly #session: OnnxSession;

  private constructor(session: OnnxSession, facts: TaskFacts | null, inputShape: readonly (number | null)[]) {
    this.#session = session;
    this.facts = facts;
    this.inputShape = inputShape;
  }

  /** Throws onnx's InvalidModelError for another kind of file, a FailureError where onnxruntime does not take the model. */
  static async open(path: string, options: RuntimeOptions = {}): Promise<OnnxRunner> {
    const { graph, metadataProps = [] } = readOnnx(path);
    const initialised = new Set((graph?.initializer ?? []).map(({ name }) => name));
    const input = (graph?.input ?? []).find(({ name }) => !initialised.has(name));
    const dims = input?.type?.tensorType?.shape?.dim ?? [];
    const facts = Object.fromEntries(metadataProps.map(({ key = '', value = '' }) => [key, parsed(value)]));
    let session: OnnxSession;
    try {
      session = await OnnxSession.open(path, options);
    } catch (error) {
      if (error instanceof Error && error.name === 'OnnxRuntimeMissingError') throw error;
      throw new FailureError('ONNX', `${path}: onnxruntime does not run it: ${String(error)}`);
    }
    return new OnnxRunner(
      session,
      factsOf({ edgeai: { facts } }),
      dims.map(({ dimValue }) => dimValue ?? null),
    );
  }

  /** Runs the file on tensors whose first dimension is the batch. The results belong to the caller. */
  async run(inputs: readonly Tensor[]): Promise<Tensor[]> {
    const [first] = inputs;
    if (first === undefined) throw new ArgumentError('inputs', 'Expected at least one input tensor');
    const fixed = this.inputShape[0] ?? null;
    const total = first.size(0);
    if (fixed === null || fixed === total) return this.#session.run(inputs);
    const pieces: Tensor[][] = [];
    using owner = new Scope();
    for (let start = 0; start < total; start += fixed) {
      const piece = owner.run(() => inputs.map((input) => part(input, start, fixed)));
      const results = await this.#session.run(piece);
      for (const result of results) owner.adopt(result);
      pieces.push(results);
    }
    return owner.run(() =>
      (pieces[0] ?? []).map((_, i) =>
        keep(
          cat(
            pieces.map((piece) => piece[i] as Tensor),
            0,
          )
            .narrow(0, 0, total)
            .clone(),
        ),
      ),
    );
  }

  /** The file's results for every batch of `source`. */
  over<Batch>(source: BatchSource<Batch>, inputsOf: (batch: Batch) => readonly Tensor[]): BatchSource<RunBatch<Batch>> {
    const { length } = source;
    const run = (inputs: readonly Tensor[]) => this.run(inputs);
    return {
      length,
      async *[Symbol.asyncIterator]() {
        for await (const batch of source) {
          const outputs = await run(inputsOf(batch));
          try {
            yield { batch, outputs };
          } finally {
            for (const output of outputs) output.dispose();
          }
        }
      },
    };
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** `size` entries of the batch from `start`; where there are fewer, the last is repeated. */
function part(input: Tensor, start: number, size: number): Tensor {
  const length = Math.min(size, input.size(0) - start);
  const piece = input.narrow(0, start, length);
  if (length === size) return piece.contiguous();
  const last = piece.narrow(0, length - 1, 1);
  return cat([piece, ...Array.from({ length: size - length }, () => last)], 0);
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
