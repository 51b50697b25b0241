/** @file The file formats of this package: PyTorch checkpoints, safetensors and numpy's files, on plain records. */

export { FileWriteError, writeFileAtomic, writeFully } from './atomic.ts';
export { decodeNpy, encodeNpy, readNpy, readNpz, writeNpy, writeNpz } from './npy.ts';
export {
  PickleConstant,
  type PickleFunction,
  type PickleGlobals,
  type UnpickleOptions,
  UnsafePickleError,
  unpickle,
} from './pickle-reader.ts';
export {
  Counter,
  FrozenSet,
  PyComplex,
  PyFloat,
  PyGlobal,
  Size,
  TorchDevice,
  TorchDType,
  Tuple,
} from './pickle-values.ts';
export { type PickledValue, pickle } from './pickle-writer.ts';
export { readTorchFile, writeTorchFile } from './pth.ts';
export {
  boundsProblem,
  contiguousBytes,
  contiguousStrides,
  isContiguous,
  numelOf,
  type StorageRecord,
  TensorRecord,
  type TensorRecordInit,
} from './records.ts';
export { readSafetensors, type SafetensorsContent, writeSafetensors } from './safetensors.ts';
export { type ZipEntry, ZipReader, type ZipReadOptions } from './zip.ts';
export { type ZipWriteOptions, ZipWriter } from './zip-writer.ts';
