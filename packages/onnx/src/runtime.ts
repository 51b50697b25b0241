/** @file onnxruntime-node, loaded when it is first needed: it is an optional dependency. */

import { ArgumentError, type DType, fromTypedArray, type Tensor, type TypedArray, typedArrayFor } from '@edgeai/torch';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { OnnxRuntimeMissingError } from './errors.ts';

type OnnxRuntime = typeof import('onnxruntime-node');

let loading: Promise<OnnxRuntime> | undefined;

function load(): Promise<OnnxRuntime> {
  loading ??= import('onnxruntime-node').catch((error: unknown) => {
    loading = undefined;
    throw new OnnxRuntimeMissingError(error);
  });
  return loading;
}

/** How onnxruntime names the element types that its JavaScript side can carry. */
const ORT_TYPES: Partial<Record<DType, OrtTensor.Type>> = {
  float32: 'float32',
  float64: 'float64',
  float16: 'float16',
  int8: 'int8',
  uint8: 'uint8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  bool: 'bool',
};

export interface RuntimeOptions {
  /** Threads of one operator. Default: onnxruntime's choice. */
  threads?: number;
}

/** A model loaded in onnxruntime. */
export class OnnxSession {
  readonly #runtime: OnnxRuntime;
  readonly #session: InferenceSession;

  private constructor(runtime: OnnxRuntime, session: InferenceSession) {
    this.#runtime = runtime;
    this.#session = session;
  }

  /** @throws {OnnxRuntimeMissingError} when onnxruntime-node is not there */
  static async open(path: string, options: RuntimeOptions = {}): Promise<OnnxSession> {
    const runtime = await load();
    const session = await runtime.InferenceSession.create(path, {
      executionProviders: ['cpu'],
      // Errors only: warnings about constant folding and unused initialisers help nobody here.
      logSeverityLevel: 3,
      // Without instructions for it (VNNI), x64 kernels saturate sums of two products of 8 bits at 16 bits, unless asked not to.
      extra: { session: { x64quantprecision: '1' } },
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    });
    return new OnnxSession(runtime, session);
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Runs the model on tensors in the order of its inputs. The results are tensors of the caller. */
  async run(inputs: readonly Tensor[]): Promise<Tensor[]> {
    if (inputs.length !== this.inputNames.length) {
      throw new ArgumentError(
        'inputs',
        `Expected ${this.inputNames.length} tensors (${this.inputNames.join(', ')}) but received ${inputs.length}`,
      );
    }
    const feeds = Object.fromEntries(this.inputNames.map((name, i) => [name, this.#toOrt(inputs[i] as Tensor)]));
    const results = await this.#session.run(feeds);
    return this.outputNames.map((name) => fromOrt(results[name] as OrtTensor));
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #toOrt(tensor: Tensor): OrtTensor {
    const type = ORT_TYPES[tensor.dtype];
    if (type === undefined) throw new ArgumentError('inputs', `onnxruntime-node takes no ${tensor.dtype} tensors`);
    return new this.#runtime.Tensor(type, tensor.toTypedArray() as never, tensor.shape);
  }
}

function fromOrt(value: OrtTensor): Tensor {
  const dtype = (Object.keys(ORT_TYPES) as DType[]).find((known) => ORT_TYPES[known] === value.type);
  if (dtype === undefined)
    throw new ArgumentError('output', `onnxruntime returned ${value.type}, which torch does not have`);
  const { buffer, byteOffset, byteLength } = value.data as unknown as ArrayBufferView;
  const view = typedArrayFor(dtype);
  // Newer Node versions have a Float16Array, whose bits are what counts here.
  const array = new view(buffer as ArrayBuffer, byteOffset, byteLength / view.BYTES_PER_ELEMENT) as TypedArray;
  return fromTypedArray(array, value.dims, { dtype });
}
