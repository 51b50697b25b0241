/** @file Loading tensors and what goes with them: PyTorch checkpoints, safetensors, numpy's files. No file runs code. */

import type { Tensor } from '../core/tensor.ts';
import { EdgeAIError } from '../errors.ts';
import { withInputFile } from './input-file.ts';
import { readNpy, readNpz } from './npy.ts';
import { NUMPY_GLOBALS } from './numpy-globals.ts';
import { unpickle } from './pickle-reader.ts';
import { PLAIN_GLOBALS } from './plain-globals.ts';
import { readTorchFile } from './pth.ts';
import type { TensorRecord } from './records.ts';
import { readSafetensors } from './safetensors.ts';
import { fromRecords, type MapLocation } from './tensor-records.ts';

export interface LoadOptions {
  /** Where tensors go: a device, or a function from the device they were saved on. Default: that device. */
  mapLocation?: MapLocation;
}

/** The system refused to read. `path` says which file; `cause` is the system's error. */
export class FileReadError extends EdgeAIError {
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super('READ_FAILED', `${path}: ${message}`, options);
    this.path = path;
  }
}

/**
 * Reads what `torch.save` or {@link save} wrote. dicts are plain objects where every key is a string, `Map`s otherwise;
 * parameters are `Parameter`s. Only tensors and plain values are read: a file that asks for any other Python class is
 * refused.
 *
 * The tensors belong to the scope around, like the result of an operator.
 *
 * @throws {UnsafePickleError} for a file that asks for a name that tensors and plain values do not need
 * @throws {FileFormatError} for one that is truncated, corrupt, of another format, or of a device that is not there
 * @throws {FileReadError} when it cannot be opened
 */
export function load(path: string, options: LoadOptions = {}): unknown {
  return reading(path, () => fromRecords(readTorchFile(path), options.mapLocation, path));
}

/** Tensors by name from a safetensors file. @throws {FileFormatError}, {FileReadError} */
export function loadSafetensors(path: string, options: { device?: string } = {}): Record<string, Tensor> {
  return reading(path, () => named(readSafetensors(path).tensors, path, options.device));
}

/** The tensor in a `.npy` file. uint16 becomes int32, uint32 and uint64 int64. @throws {FileFormatError}, {FileReadError} */
export function loadNpy(path: string): Tensor {
  return reading(path, () => fromRecords(readNpy(path), 'cpu', path) as Tensor);
}

/** Tensors by name from a `.npz` archive; see {@link loadNpy}. */
export function loadNpz(path: string): Record<string, Tensor> {
  return reading(path, () => named(readNpz(path), path, 'cpu'));
}

/**
 * What Python's `pickle.dump` wrote: plain values, and numpy's arrays as tensors. Nothing in the file is run; dicts are as in
 * {@link load}. Strings of Python 2 are text where they are valid UTF-8, bytes otherwise.
 *
 * @throws {UnsafePickleError} for a file that asks for any other name
 * @throws {FileFormatError} for one that is truncated or corrupt
 * @throws {FileReadError} when it cannot be opened
 */
export function loadPickle(path: string): unknown {
  return reading(path, () => {
    const bytes = withInputFile(path, (file) => file.read(0, file.size, 'the pickle'));
    const value = unpickle(bytes, { globals: { ...PLAIN_GLOBALS, ...NUMPY_GLOBALS }, source: path });
    return fromRecords(value, 'cpu', path);
  });
}

function named(
  records: ReadonlyMap<string, TensorRecord>,
  path: string,
  device: string | undefined,
): Record<string, Tensor> {
  return fromRecords(Object.fromEntries(records), device ?? 'cpu', path) as Record<string, Tensor>;
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new FileReadError(path, `cannot be read (${reason(error)})`, { cause: error });
  }
}

/** The system's words without the call and the path that they end in. */
function reason(error: Error): string {
  return error.message.replace(/, \w+( '.*')?$/s, '');
}
