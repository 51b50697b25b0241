/** @file PyTorch's engine for TypeScript: tensors, autograd, layers, optimisers, data loading, files. */

export { customFunction, FunctionContext, type CustomFunction } from './autograd/function.ts';
export { backward, grad, type GradOptions } from './autograd/grad.ts';
export { gradcheck, GradcheckError, type GradcheckOptions } from './autograd/gradcheck.ts';
export {
  autocast,
  type AutocastOptions,
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
  rand,
  randint,
  randn,
  type RandomOptions,
  randperm,
  tensor,
  type TensorData,
  zeros,
} from './core/creation.ts';
export { Operator, UnknownOperatorError } from './core/dispatch.ts';
// Generated, one function an operator: the list is the schemas of libtorch.
export * from './core/generated/functions.ts';
export { defaultGenerator, Generator, getRngState, manualSeed, setRngState } from './core/generator.ts';
export { type Index, type Slice, slice } from './core/indexing.ts';
export { ops } from './core/ops.ts';
export { dispose, eachTensor, keep, Scope, scope } from './core/scope.ts';
export { type BackwardOptions, type NestedArray, Tensor, type ToOptions } from './core/tensor.ts';
export type { Complex, Device, Layout, MemoryFormat, Scalar, Shape } from './core/types.ts';
export {
  type DType,
  dtypeFromCode,
  dtypeOfTypedArray,
  dtypes,
  dtypeSize,
  isComplex,
  isDType,
  isFloatingPoint,
  type TypedArray,
  typedArrayFor,
} from './dtype.ts';
export { ArgumentError, describeValue, EdgeAIError, FileFormatError, TensorDisposedError, TorchError } from './errors.ts';
export { AddonLoadError, type BuildInfo } from './native.ts';
export { adoptTensor, expectNoLeaks, exportTensor, memory, type MemoryStatistics, TensorLeakError } from './runtime/memory.ts';
export {
  buildInfo,
  cuda,
  type DeterministicOptions,
  getNumThreads,
  setNumThreads,
  useDeterministicAlgorithms,
} from './runtime/settings.ts';
export * as data from './data/index.ts';
export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';
