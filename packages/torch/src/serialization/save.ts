/** @file Saving tensors and what goes with them: PyTorch checkpoints, safetensors, numpy's files. All writes are atomic. */

import { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { writeNpy, writeNpz } from './npy.ts';
import { writeTorchFile } from './pth.ts';
import type { TensorRecord } from './records.ts';
import { writeSafetensors } from './safetensors.ts';
import { contiguousRecord, type ToRecordsOptions, toRecords } from './tensor-records.ts';

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>;

/**
 * Writes a value with tensors anywhere in it, in the format of `torch.save`: Python's `torch.load` reads it. Plain objects
 * become dicts, `Map`s dicts with keys of any type, arrays lists; tensors that share memory still do after loading.
 *
 * ```ts
 * save({ model: model.stateDict(), optimizer: optimizer.stateDict(), epoch: 3 }, 'checkpoint.pth', { detach: true });
 * ```
 *
 * @throws {ArgumentError} naming the place of a value that Python has no equal for
 * @throws {FileWriteError} when the system refuses; the file that was there stays as it was
 */
export function save(value: unknown, path: string, options: ToRecordsOptions = {}): void {
  if (typeof value === 'function') {
    throw new ArgumentError(
      'value',
      'Expected tensors and plain values for value but received a module or function; save its stateDict()',
    );
  }
  writeTorchFile(path, toRecords(value, options));
}

/**
 * Writes tensors by name as a safetensors file, each row-major and on its own.
 *
 * @throws {ArgumentError} for element types that the format lacks; {FileWriteError} when the system refuses
 */
export function saveSafetensors(
  tensors: NamedTensors,
  path: string,
  options: { metadata?: Readonly<Record<string, string>> } = {},
): void {
  writeSafetensors(path, namedRecords(tensors), new Map(Object.entries(options.metadata ?? {})));
}

/** Writes one tensor as a `.npy` file. bfloat16 becomes float32. */
export function saveNpy(tensor: Tensor, path: string): void {
  writeNpy(path, contiguousRecord(requireTensor(tensor, 'tensor')));
}

/** Writes tensors by name as a `.npz` archive. bfloat16 becomes float32. */
export function saveNpz(tensors: NamedTensors, path: string): void {
  writeNpz(path, namedRecords(tensors));
}

function namedRecords(tensors: NamedTensors): Map<string, TensorRecord> {
  const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  return new Map(
    entries.map(([name, tensor]) => [name, contiguousRecord(requireTensor(tensor, `tensors['${name}']`))]),
  );
}

function requireTensor(value: unknown, name: string): Tensor {
  if (!(value instanceof Tensor)) throw ArgumentError.expected(name, 'a Tensor', value);
  return value;
}
