/** @file The `models` namespace: builders, network classes, weights, the registry. Importing it registers every model. */

export {
  InvertedResidual,
  MobileNetV2,
  type MobileNetV2BuilderOptions,
  type MobileNetV2Options,
  mobilenet_v2,
} from './mobilenetv2.ts';
export { MobileNet_V2_Weights } from './mobilenetv2-weights.ts';
export {
  getModel,
  getModelBuilder,
  getModelInfo,
  getModelWeights,
  getWeight,
  type ListModelsOptions,
  listModels,
  type ModelBuilder,
  type ModelInfo,
  type ModelOptions,
  type ModelTask,
  registerModel,
  UnknownModelError,
} from './registry.ts';
export {
  BasicBlock,
  type BlockOptions,
  Bottleneck,
  type ResidualBlock,
  ResNet,
  type ResNetBuilderOptions,
  type ResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  resnext101_32x8d,
  resnext101_64x4d,
  wide_resnet50_2,
  wide_resnet101_2,
} from './resnet.ts';
export {
  ResNet18_Weights,
  ResNet34_Weights,
  ResNet50_Weights,
  ResNet101_Weights,
  ResNet152_Weights,
  ResNeXt50_32X4D_Weights,
  ResNeXt101_32X8D_Weights,
  ResNeXt101_64X4D_Weights,
  Wide_ResNet50_2_Weights,
  Wide_ResNet101_2_Weights,
} from './resnet-weights.ts';
export { makeDivisible, prescribe } from './utils.ts';
export {
  type ClassificationPreset,
  defineWeights,
  type TransformPreset,
  type Weights,
  WeightsEnum,
  type WeightsMeta,
  type WeightsOf,
  type WeightsOption,
} from './weights.ts';
export {
  checkpointFolder,
  checkpointPath,
  type DownloadWeightsOptions,
  downloadWeights,
  WeightsNotDownloadedError,
} from './weights-files.ts';
export { readStateDict, withWeights } from './weights-loading.ts';
