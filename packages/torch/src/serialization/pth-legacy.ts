/** @file Reads the checkpoints that PyTorch wrote before 1.6: a row of pickles with the storages behind them. */

import { dtypeSize } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import type { InputFile } from './input-file.ts';
import { UnsafePickleError, unpickle } from './pickle-reader.ts';
import { Tuple } from './pickle-values.ts';
import { boundsProblem, type StorageRecord, type TensorRecord } from './records.ts';
import { parseStorageId, type StorageId, StorageReference, torchGlobals } from './torch-globals.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const TAR_MAGIC_OFFSET = 257;

interface Pending {
  storage: StorageRecord;
  id: StorageId;
  filled: boolean;
}

/** Reads the whole checkpoint: pickles through a small window, each storage straight into its own memory. */
export function readLegacy(file: InputFile): unknown {
  refuseOtherFormats(file);
  const reader = new ByteReader(file);
  if (readMagic(reader, file.path) !== MAGIC) throw notACheckpoint(file.path);
  const protocol = unpickle(reader);
  if (protocol !== PROTOCOL) {
    throw new FileFormatError(
      `unknown version ${String(protocol)} of the legacy format, expected ${PROTOCOL}`,
      file.path,
    );
  }
  // The writer's machine: storages are little-endian whatever it says.
  unpickle(reader);
  const storages = new Map<string, Pending>();
  const tensors: TensorRecord[] = [];
  const onTensor = (tensor: TensorRecord): void => {
    tensors.push(tensor);
  };
  const value = unpickle(reader, {
    globals: torchGlobals(onTensor),
    persistentLoad: (saved) => referTo(storages, saved, onTensor),
  });
  fillStorages(reader, storages, unpickle(reader), file.path);
  for (const tensor of tensors) {
    const problem = boundsProblem(tensor);
    if (problem !== undefined)
      throw new FileFormatError(`corrupt: a tensor does not fit its storage: ${problem}`, file.path);
  }
  return value;
}

function referTo(
  storages: Map<string, Pending>,
  saved: unknown,
  onTensor: (tensor: TensorRecord) => void,
): StorageReference {
  const id = parseStorageId(saved);
  let pending = storages.get(id.key);
  if (pending === undefined) {
    pending = { storage: { dtype: id.dtype, bytes: new Uint8Array(0), device: id.device }, id, filled: false };
    storages.set(id.key, pending);
  }
  let offset = 0;
  let numel = id.numel;
  if (id.view !== null) {
    // A view is named (key, offset, length) in elements; it shares the record of the storage that it looks at.
    const [, start, length] = id.view instanceof Tuple ? id.view : [];
    if (!isCount(start) || !isCount(length)) throw new FileFormatError('corrupt: invalid view of a storage');
    offset = start;
    numel = length;
  }
  return new StorageReference(pending.storage, id.dtype, offset, numel, onTensor);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function fillStorages(reader: ByteReader, storages: Map<string, Pending>, keys: unknown, path: string): void {
  if (!Array.isArray(keys)) throw new FileFormatError('corrupt: no list of storages after the pickle', path);
  for (const key of keys) {
    const pending = storages.get(String(key));
    if (pending === undefined || pending.filled) {
      throw new FileFormatError(`corrupt: storage '${String(key)}' belongs to no tensor or comes twice`, path);
    }
    const numel = reader.u64();
    if (numel === undefined) throw new FileFormatError(`corrupt: invalid length of storage '${String(key)}'`, path);
    pending.storage.bytes = reader.bytes(numel * dtypeSize(pending.id.dtype), `storage '${String(key)}'`);
    pending.filled = true;
  }
  for (const [key, { filled }] of storages) {
    if (!filled) throw new FileFormatError(`corrupt: the data of storage '${key}' is missing`, path);
  }
}

/** The first pickle of another kind of file may be anything, a plain pickle that would run code included. */
function readMagic(reader: ByteReader, path: string): unknown {
  try {
    return unpickle(reader, { globals: torchGlobals(() => {}) });
  } catch (cause) {
    if (cause instanceof FileFormatError && /truncated/.test(cause.message)) throw cause;
    // Text that happens to start with the instruction for a global does not go on with a Python name.
    if (cause instanceof UnsafePickleError && /^[\w.]+$/.test(cause.global)) throw cause;
    throw notACheckpoint(path, { cause });
  }
}

function notACheckpoint(path: string, options?: ErrorOptions): FileFormatError {
  return new FileFormatError(
    'not a PyTorch checkpoint: it is neither a zip archive nor starts with the number of the legacy format',
    path,
    options,
  );
}

function refuseOtherFormats(file: InputFile): void {
  if (file.size === 0) throw new FileFormatError('is empty, expected a PyTorch checkpoint', file.path);
  const head = Buffer.from(file.read(0, Math.min(file.size, 512), 'the start of the file')).toString('latin1');
  if (head.slice(TAR_MAGIC_OFFSET).startsWith('ustar')) {
    throw new FileFormatError(
      'is in the tar format of PyTorch before 0.1.10, which is not supported: load it in Python and save it again',
      file.path,
    );
  }
  if (/^\s*<(!doctype|html)/i.test(head)) {
    throw new FileFormatError('is a web page, not a checkpoint: the download went wrong', file.path);
  }
}
