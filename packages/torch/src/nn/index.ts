/** @file The `nn` namespace: modules, layers, losses, initialisation. */

export { Hardtanh, InplaceActivation, ReLU, ReLU6 } from './activation.ts';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
} from './adaptive-pooling.ts';
export {
  BatchNorm,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormOptions,
  convertSyncBatchNorm,
  SyncBatchNorm,
} from './batchnorm.ts';
export { ModuleDict, ModuleList, ParameterList, Sequential } from './containers.ts';
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeOptions,
  type PaddingMode,
} from './conv.ts';
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout } from './dropout.ts';
export type { HardtanhOptions, InplaceOptions } from './functional/activation.ts';
export type { CrossEntropyOptions, Reduction, ReductionOptions } from './functional/loss.ts';
export * as init from './init.ts';
export { Bilinear, Identity, Linear, type LinearOptions } from './linear.ts';
export { CrossEntropyLoss } from './loss.ts';
export { type AnyModule, type ForwardHook, type ForwardPreHook, Module } from './module.ts';
export { Buffer, type FactoryOptions, Parameter } from './parameter.ts';
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  type AvgPoolOptions,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type MaxPoolOptions,
} from './pooling.ts';
export { Flatten, Unflatten } from './shape.ts';
export type { Size1, Size2, Size3, SizeN } from './sizes.ts';
export {
  describeReport,
  type LoadReport,
  type LoadStateDictOptions,
  type MismatchedKey,
  type StateDict,
  StateDictError,
} from './state-dict.ts';
