/** @file Tensors as the records that file formats read and write, and back: shared memory stays shared, nothing is copied twice. */

import { noGrad } from '../autograd/modes.ts';
import { callOp, handleOf, Operator } from '../core/dispatch.ts';
import { currentScope, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import type { Device } from '../core/types.ts';
import { dtypeSize, isComplex } from '../dtype.ts';
import { ArgumentError, EdgeAIError, FileFormatError } from '../errors.ts';
import { native } from '../native.ts';
import { Parameter } from '../nn/parameter.ts';
import { type StorageRecord, TensorRecord } from './records.ts';
import { mapLeaves } from './walk.ts';

const AS_STRIDED = new Operator('aten::as_strided');
const VIEW_DTYPE = new Operator('aten::view', 'dtype');
const RESOLVE_CONJ = new Operator('aten::resolve_conj');
const RESOLVE_NEG = new Operator('aten::resolve_neg');
const PERMUTE = new Operator('aten::permute');

export interface ToRecordsOptions {
  /** Write parameters as plain tensors that need no gradient, as Python's `state_dict()` holds them. Default `false`. */
  detach?: boolean;
}

/**
 * `value` with every tensor replaced by a record. Views of one storage become records of one storage.
 *
 * The records of CPU tensors look at the tensors' own memory: write them before the tensors change.
 */
export function toRecords(value: unknown, options: ToRecordsOptions = {}): unknown {
  const users = new Map<number, Set<Tensor>>();
  mapLeaves(value, (leaf, place) => {
    if (!(leaf instanceof Tensor)) return leaf;
    const id = describing(place, () => native.storageId(handleOf(leaf)));
    const sharing = users.get(id) ?? new Set();
    users.set(id, sharing.add(leaf));
    return leaf;
  });
  const storages = new Map<number, StorageRecord>();
  const records = new Map<Tensor, TensorRecord>();
  return noGrad(() =>
    scope(() =>
      mapLeaves(value, (leaf, place) => {
        if (!(leaf instanceof Tensor)) return leaf;
        const known = records.get(leaf);
        if (known !== undefined) return known;
        const alone = users.get(native.storageId(handleOf(leaf)))?.size === 1;
        const made = describing(
          place,
          () => (alone ? ownRecord(leaf, options) : undefined) ?? sharedRecord(leaf, storages, options),
        );
        records.set(leaf, made);
        return made;
      }),
    ),
  );
}

/** The elements of one tensor, row after row, on the CPU: for formats without strides. */
export function contiguousRecord(tensor: Tensor): TensorRecord {
  return noGrad(() =>
    scope(() => {
      const plain = resolved(tensor).to({ device: 'cpu' }).contiguous();
      return TensorRecord.of(plain.dtype, plain.shape, bytesOf(plain));
    }),
  );
}

/** What a record says of its tensor apart from where the elements are. */
function traits(tensor: Tensor, { detach = false }: ToRecordsOptions): { requiresGrad: boolean; isParameter: boolean } {
  return { requiresGrad: !detach && tensor.requiresGrad, isParameter: !detach && tensor instanceof Parameter };
}

/** For a tensor whose memory no other tensor of the value uses: where its elements lie without gaps, only they are written. */
function ownRecord(tensor: Tensor, options: ToRecordsOptions): TensorRecord | undefined {
  const source = resolved(tensor);
  const { dtype, shape, device } = source;
  const strides = source.stride();
  // Memory order: channels-last weights and transposed matrices lie without gaps too, in another order.
  const order = shape.map((_, axis) => axis).sort((a, b) => (strides[b] ?? 0) - (strides[a] ?? 0) || a - b);
  const inMemoryOrder = callOp(PERMUTE, source, order) as Tensor;
  if (inMemoryOrder.isContiguous()) {
    const bytes = bytesOf(inMemoryOrder.to({ device: 'cpu' }));
    return new TensorRecord({ dtype, shape, strides, storage: { dtype, bytes, device }, ...traits(tensor, options) });
  }
  return undefined;
}

/** A view of memory with gaps, or that several tensors of the value use: all of the memory is written, once. */
function sharedRecord(tensor: Tensor, storages: Map<number, StorageRecord>, options: ToRecordsOptions): TensorRecord {
  // Memory of its own where lazy bits had to be resolved.
  const handle = handleOf(resolved(tensor));
  const id = native.storageId(handle);
  const { dtype, device } = tensor;
  const storage = storages.get(id) ?? { dtype, bytes: new Uint8Array(native.storageBytes(handle)), device };
  storages.set(id, storage);
  return new TensorRecord({
    dtype,
    shape: native.sizes(handle),
    strides: native.strides(handle),
    storageOffset: native.storageOffset(handle),
    storage,
    ...traits(tensor, options),
  });
}

/** Without the lazy conjugation and negation bits that complex views carry; the tensor itself where it has none. */
function resolved(tensor: Tensor): Tensor {
  const plain = tensor.detach();
  if (!isComplex(tensor.dtype)) return plain;
  return callOp(RESOLVE_NEG, callOp(RESOLVE_CONJ, plain)) as Tensor;
}

function bytesOf(contiguous: Tensor): Uint8Array {
  return contiguous.numel() === 0 ? new Uint8Array(0) : new Uint8Array(native.shareBytes(handleOf(contiguous)));
}

function describing<T>(place: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (!(cause instanceof EdgeAIError)) throw cause;
    throw new ArgumentError('value', `${place} cannot be saved: ${cause.message}`, { cause });
  }
}

/** Where tensors go that were saved on a device: one device for all, or a function from the old to the new. */
export type MapLocation = Device | ((device: string) => Device);

/**
 * `value` with every record replaced by a tensor. Tensors live in the records' own memory, which must not change afterwards.
 *
 * @throws {FileFormatError} for tensors of a device that is not there
 */
export function fromRecords(value: unknown, mapLocation: MapLocation | undefined, path: string): unknown {
  const flats = new Map<StorageRecord, Tensor>();
  const tensors = new Map<TensorRecord, Tensor>();
  return noGrad(() =>
    scope(() =>
      mapLeaves(value, (leaf) => {
        if (!(leaf instanceof TensorRecord)) return leaf;
        const known = tensors.get(leaf);
        if (known !== undefined) return known;
        const flat = flats.get(leaf.storage) ?? flatTensor(leaf.storage, mapLocation, path);
        flats.set(leaf.storage, flat);
        const made = viewOf(flat, leaf);
        tensors.set(leaf, made);
        return made;
      }),
    ),
  );
}

/** A record's storage as a tensor of one dimension, in the same memory, on the device where it belongs. */
function flatTensor(
  { dtype, bytes, device }: StorageRecord,
  mapLocation: MapLocation | undefined,
  path: string,
): Tensor {
  if (dtype.startsWith('q'))
    throw new FileFormatError(`holds a quantised storage (${dtype}), which is not supported`, path);
  const target = typeof mapLocation === 'function' ? mapLocation(device) : (mapLocation ?? device);
  const count = Math.floor(bytes.length / dtypeSize(dtype));
  // A part of a larger buffer may be unaligned, and something else may use the rest.
  const owned = bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
  const made = new Tensor(native.fromBytes(owned.subarray(0, count * dtypeSize(dtype)), dtype, [count], true), 'load');
  if (target === 'cpu') return made;
  if (target.startsWith('cuda') && native.buildInfo().cudaDevices === 0) {
    throw new FileFormatError(
      `holds tensors of ${device}, but there is no CUDA device here; pass { mapLocation: 'cpu' }`,
      path,
    );
  }
  return made.to({ device: target });
}

function viewOf(flat: Tensor, record: TensorRecord): Tensor {
  const typed = record.dtype === flat.dtype ? flat : (callOp(VIEW_DTYPE, flat, record.dtype) as Tensor);
  const view = callOp(AS_STRIDED, typed, record.shape, record.strides, record.storageOffset) as Tensor;
  if (!record.isParameter) return view.requiresGrad_(record.requiresGrad);
  const parameter = new Parameter(view, { requiresGrad: record.requiresGrad });
  // Like any other result it belongs to the scope around, until a module takes it.
  currentScope?.adopt(parameter);
  return parameter;
}
