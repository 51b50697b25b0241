/** @file PyTorch checkpoints (`.pth`, `.pt`): reads the zip and the legacy format, writes the zip format. */

import { dtypeSize } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { writeFileAtomic } from './atomic.ts';
import { numberSize, swapBytes } from './elements.ts';
import { withInputFile } from './input-file.ts';
import { unpickle } from './pickle-reader.ts';
import { pickle } from './pickle-writer.ts';
import { readLegacy } from './pth-legacy.ts';
import { boundsProblem, type StorageRecord, type TensorRecord } from './records.ts';
import { parseStorageId, StorageReference, torchGlobals } from './torch-globals.ts';
import { ZipReader, type ZipReadOptions } from './zip.ts';
import { ZipWriter } from './zip-writer.ts';

/** The folder inside the archive; readers take whatever name they find. */
const ROOT = 'archive';
/** Version of the zip format that is written, and the highest that is read. */
const WRITTEN_VERSION = '3\n';
const HIGHEST_VERSION = 10;

/**
 * Reads a checkpoint into plain values with {@link TensorRecord}s for tensors; see {@link unpickle} for the rest.
 * Each storage is read once, straight into its own memory. No code in the file is ever run.
 *
 * @throws FileFormatError when the file is truncated, corrupt, of another format, or holds what is not supported.
 * @throws UnsafePickleError when it asks for a Python name that is not on the allow-list.
 */
export function readTorchFile(path: string, options: ZipReadOptions = {}): unknown {
  const isZip = withInputFile(path, (file) => {
    const head = file.read(0, Math.min(4, file.size), 'the start of the file');
    return Buffer.from(head).toString('latin1') === 'PK\x03\x04';
  });
  if (!isZip) return withInputFile(path, readLegacy);
  const zip = new ZipReader(path, options);
  try {
    return readZip(zip);
  } finally {
    zip.close();
  }
}

/**
 * Writes a checkpoint that `torch.load` reads (PyTorch 1.6 and later, `weights_only` included), atomically: a failure
 * leaves the previous file. See {@link pickle} for the values that it can hold.
 *
 * @throws ArgumentError for a value that has no equal in Python; FileWriteError when the system refuses.
 */
export function writeTorchFile(path: string, value: unknown): void {
  const { bytes, storages } = pickle(value);
  writeFileAtomic(path, (fd) => {
    const zip = new ZipWriter(fd);
    zip.add(`${ROOT}/data.pkl`, bytes);
    zip.add(`${ROOT}/byteorder`, Buffer.from('little'));
    for (const [i, storage] of storages.entries()) zip.add(`${ROOT}/data/${i}`, storage.bytes);
    zip.add(`${ROOT}/version`, Buffer.from(WRITTEN_VERSION));
    zip.finish();
  });
}

function readZip(zip: ZipReader): unknown {
  const root = findRoot(zip);
  checkVersion(zip, root);
  const bigEndian = isBigEndian(zip, root);
  const storages = new Map<string, StorageRecord>();
  const onTensor = (tensor: TensorRecord): void => {
    const problem = boundsProblem(tensor);
    if (problem !== undefined) throw new FileFormatError(`corrupt: a tensor does not fit its storage: ${problem}`);
  };
  const persistentLoad = (saved: unknown): StorageReference => {
    const { key, dtype, device, numel, untyped } = parseStorageId(saved);
    let storage = storages.get(key);
    if (storage === undefined) {
      const bytes = zip.read(`${root}/data/${key}`);
      if (bigEndian && untyped) throw new FileFormatError('holds an untyped storage in big-endian order');
      if (bigEndian) swapBytes(bytes, numberSize(dtype));
      storage = { dtype, bytes, device };
      storages.set(key, storage);
    }
    if (storage.bytes.length < numel * dtypeSize(dtype)) {
      throw new FileFormatError(
        `corrupt: storage '${key}' should hold ${numel} elements of ${dtype} but has ${storage.bytes.length} bytes`,
      );
    }
    return new StorageReference(storage, dtype, 0, numel, onTensor);
  };
  return unpickle(zip.read(`${root}/data.pkl`), { globals: torchGlobals(onTensor), persistentLoad, source: zip.path });
}

/** The folder that holds `data.pkl`. */
function findRoot(zip: ZipReader): string {
  const names = [...zip.entries.keys()];
  const pickleName = names.find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickleName === undefined) {
    throw new FileFormatError('is a zip archive but not a PyTorch checkpoint: it has no <name>/data.pkl', zip.path);
  }
  const root = pickleName.slice(0, -'/data.pkl'.length);
  if (zip.entries.has(`${root}/constants.pkl`)) {
    throw new FileFormatError(
      'is a TorchScript program, not a checkpoint: load it in Python with torch.jit.load and save its state_dict()',
      zip.path,
    );
  }
  return root;
}

function checkVersion(zip: ZipReader, root: string): void {
  if (!zip.entries.has(`${root}/version`)) return;
  const text = Buffer.from(zip.read(`${root}/version`))
    .toString('latin1')
    .trim();
  if (!/^\d{1,3}$/.test(text) || Number(text) > HIGHEST_VERSION) {
    throw new FileFormatError(
      `has version '${text.slice(0, 20)}' of the format; up to ${HIGHEST_VERSION} are known`,
      zip.path,
    );
  }
}

/** The entry was added in PyTorch 2.1; before, every writer was little-endian. */
function isBigEndian(zip: ZipReader, root: string): boolean {
  if (!zip.entries.has(`${root}/byteorder`)) return false;
  const order = Buffer.from(zip.read(`${root}/byteorder`)).toString('latin1');
  if (order !== 'little' && order !== 'big') {
    throw new FileFormatError(`corrupt: unknown byte order '${order.slice(0, 20)}'`, zip.path);
  }
  return order === 'big';
}
