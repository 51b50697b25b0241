/** @file PyTorch's engine for TypeScript: tensors, autograd, layers, optimisers, data loading, files. */

export { type CustomFunction, customFunction, FunctionContext } from './autograd/function.ts';
export { backward, type GradOptions, grad } from './autograd/grad.ts';
export { GradScaler, GradScalerError, type GradScalerOptions } from './autograd/grad-scaler.ts';
export { GradcheckError, type GradcheckOptions, gradcheck } from './autograd/gradcheck.ts';
export {
  type AutocastOptions,
  autocast,
  enableGrad,
  inferenceMode,
  isGradEnabled,
  noGrad,
  setGradEnabled,
} from './autograd/modes.ts';
export {
  arange,
  type CreationOptions,
  empty,
  eye,
  fromBytes,
  fromSharedArray,
  fromTypedArray,
  full,
  linspace,
  ones,
  type RandomOptions,
  rand,
  randint,
  randn,
  randperm,
  type TensorData,
  tensor,
  zeros,
} from './core/creation.ts';
export { Operator, UnknownOperatorError } from './core/dispatch.ts';
// Generated, one function an operator: the list is the schemas of libtorch.
export * from './core/generated/functions.ts';
export {
  defaultGenerator,
  Generator,
  getRngState,
  manualSeed,
  setRngState,
  withDefaultGenerator,
} from './core/generator.ts';
export { type Index, type Slice, slice } from './core/indexing.ts';
export { ops } from './core/ops.ts';
export { dispose, eachTensor, keep, releaseIfOwned, Scope, scope } from './core/scope.ts';
export { type BackwardOptions, type NestedArray, Tensor, type ToOptions } from './core/tensor.ts';
export type { Complex, Device, Layout, MemoryFormat, Scalar, Shape } from './core/types.ts';
export * as data from './data/index.ts';
export {
  type DType,
  dtypeFromCode,
  dtypeOfTypedArray,
  dtypeSize,
  dtypes,
  isComplex,
  isDType,
  isFloatingPoint,
  type TypedArray,
  typedArrayFor,
} from './dtype.ts';
export {
  ArgumentError,
  describeValue,
  EdgeAIError,
  FileFormatError,
  TensorDisposedError,
  TorchError,
} from './errors.ts';
export * as fx from './fx/index.ts';
export { AddonLoadError, type BuildInfo } from './native.ts';
export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';
export {
  bytesToFloats,
  crc32c,
  type DecodedBytes,
  decodeJpeg,
  decodeJpegInBackground,
  decodesJpeg,
  drawInteger,
  drawUniform,
  expFloat,
  inspectJpeg,
  jpegToFloats,
  mapFile,
  mirrorBytes,
  type PhotoFilter,
  type PhotoPlan,
  photoToFloats,
  type ResizeTable,
  resizeBytes,
} from './runtime/kernels.ts';
export {
  adoptTensor,
  dropExports,
  expectNoLeaks,
  exportTensor,
  type MemoryStatistics,
  memory,
  TensorLeakError,
} from './runtime/memory.ts';
export {
  buildInfo,
  cuda,
  type DeterministicOptions,
  getNumThreads,
  setLocalThreads,
  setNumThreads,
  useDeterministicAlgorithms,
} from './runtime/settings.ts';
export { FileWriteError, writeFileAtomic } from './serialization/atomic.ts';
export {
  FileReadError,
  type LoadOptions,
  load,
  loadNpy,
  loadNpz,
  loadPickle,
  loadSafetensors,
} from './serialization/load.ts';
export { UnsafePickleError } from './serialization/pickle-reader.ts';
export { PyFloat, Tuple } from './serialization/pickle-values.ts';
export { type NamedTensors, save, saveNpy, saveNpz, saveSafetensors } from './serialization/save.ts';
export {
  type KeyRename,
  type UnwrapOptions,
  type UnwrappedStateDict,
  unwrapStateDict,
} from './serialization/state-dict-file.ts';
export type { MapLocation, ToRecordsOptions as SaveOptions } from './serialization/tensor-records.ts';
