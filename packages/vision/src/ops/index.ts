/** @file The `ops` namespace: blocks and operators for vision networks. */

export { checkpoint } from './checkpoint.ts';
export {
  DropBlock2d,
  DropBlock3d,
  type DropBlockCallOptions,
  type DropBlockOptions,
  dropBlock2d,
  dropBlock3d,
} from './drop-block.ts';
export {
  ExtraFPNBlock,
  type FeatureMaps,
  FeaturePyramidNetwork,
  type FeaturePyramidNetworkOptions,
  LastLevelMaxPool,
  LastLevelP6P7,
} from './feature-pyramid-network.ts';
export { FrozenBatchNorm2d } from './frozen-batch-norm.ts';
export { type ActivationLayer, type LayerFactory, makeLayer, type NormLayer } from './layer-factory.ts';
export { LayerNorm2d } from './layer-norm.ts';
export {
  Conv2dNormActivation,
  Conv3dNormActivation,
  type ConvNormActivationOptions,
  MLP,
  type MLPOptions,
  Permute,
  SqueezeExcitation,
  type SqueezeExcitationOptions,
} from './misc.ts';
export { pipe, type Step } from './pipe.ts';
export { StochasticDepth, type StochasticDepthMode, stochasticDepth } from './stochastic-depth.ts';
