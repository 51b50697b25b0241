/** @file The `nn` namespace: modules, layers, losses, initialisation, utilities. */

export {
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  PReLU,
  type PReLUOptions,
  ReLU,
  ReLU6,
  RReLU,
  Softshrink,
  Threshold,
} from './activation.ts';
export {
  CELU,
  ELU,
  GELU,
  GLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softmax2d,
  Softmin,
  Softplus,
  Softsign,
  Tanh,
  Tanhshrink,
} from './activation-smooth.ts';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  type AdaptiveMaxPoolOptions,
  type OutputSize1,
  type OutputSize2,
  type OutputSize3,
} from './adaptive-pooling.ts';
export { MultiheadAttention, type MultiheadAttentionOptions } from './attention.ts';
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
  ConvNd,
  type ConvOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeOptions,
  type PaddingMode,
} from './conv.ts';
export { cloneModule, copyModuleWith } from './copy.ts';
export {
  CosineSimilarity,
  type CosineSimilarityOptions,
  PairwiseDistance,
  type PairwiseDistanceOptions,
} from './distance.ts';
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout } from './dropout.ts';
export { Embedding, type EmbeddingOptions } from './embedding.ts';
export type {
  GeluOptions,
  HardtanhOptions,
  InplaceOptions,
  RReluOptions,
  SoftplusOptions,
} from './functional/activation.ts';
export type { AttentionMasks } from './functional/attention.ts';
export * as functional from './functional/index.ts';
export type { InterpolateOptions, InterpolationMode } from './functional/interpolate.ts';
export type {
  BinaryCrossEntropyOptions,
  BinaryCrossEntropyWithLogitsOptions,
  CrossEntropyOptions,
  CTCOptions,
  KLDivOptions,
  MultiMarginOptions,
  Reduction,
  ReductionOptions,
} from './functional/loss.ts';
export type {
  DistanceFunction,
  GaussianNLLOptions,
  HuberOptions,
  MarginOptions,
  PoissonNLLOptions,
  SmoothL1Options,
  TripletMarginOptions,
  TripletMarginWithDistanceOptions,
} from './functional/loss-regression.ts';
export * as init from './init.ts';
export { Bilinear, Identity, Linear, type LinearOptions } from './linear.ts';
export {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  CTCLoss,
  KLDivLoss,
  Loss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  NLLLoss,
  WeightedLoss,
} from './loss.ts';
export {
  CosineEmbeddingLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  L1Loss,
  MarginRankingLoss,
  MSELoss,
  PoissonNLLLoss,
  SmoothL1Loss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
} from './loss-regression.ts';
export { type AnyModule, type ForwardHook, type ForwardPreHook, Module } from './module.ts';
export {
  GroupNorm,
  type GroupNormOptions,
  InstanceNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LayerNorm,
  type LayerNormOptions,
  LocalResponseNorm,
} from './norm.ts';
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  type Padding1d,
  type Padding2d,
  type Padding3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from './padding.ts';
export { Buffer, type BufferOptions, type FactoryOptions, Parameter } from './parameter.ts';
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  type AvgPoolOptions,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type MaxPoolOptions,
  type MaxPoolOutput,
} from './pooling.ts';
export {
  FractionalMaxPool2d,
  FractionalMaxPool3d,
  type FractionalMaxPoolLayerOptions,
  LPPool1d,
  LPPool2d,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
  type MaxUnpoolLayerOptions,
} from './pooling-special.ts';
export { Flatten, Fold, Unflatten, Unfold } from './shape.ts';
export type { Size1, Size2, Size3, SizeN } from './sizes.ts';
export {
  describeReport,
  type LoadReport,
  type LoadStateDictOptions,
  type MismatchedKey,
  renameStateKeys,
  type StateDict,
  StateDictError,
} from './state-dict.ts';
export {
  ChannelShuffle,
  PixelShuffle,
  PixelUnshuffle,
  Upsample,
  type UpsampleOptions,
  type Upsampling2dOptions,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from './upsampling.ts';
export * as utils from './utils.ts';
