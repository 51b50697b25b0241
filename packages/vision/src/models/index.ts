/** @file The `models` namespace: builders, network classes, weights, the registry. Importing it registers every model. */

export { AlexNet, type AlexNetOptions, alexnet } from './alexnet.ts';
export { AlexNet_Weights } from './alexnet-weights.ts';
export { registerClassifier } from './classifier.ts';
export {
  CNBlock,
  type CNBlockConfig,
  ConvNeXt,
  type ConvNeXtOptions,
  convnext_base,
  convnext_large,
  convnext_small,
  convnext_tiny,
} from './convnext.ts';
export {
  ConvNeXt_Base_Weights,
  ConvNeXt_Large_Weights,
  ConvNeXt_Small_Weights,
  ConvNeXt_Tiny_Weights,
} from './convnext-weights.ts';
export {
  DenseNet,
  type DenseNetOptions,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
} from './densenet.ts';
export {
  DenseNet121_Weights,
  DenseNet161_Weights,
  DenseNet169_Weights,
  DenseNet201_Weights,
} from './densenet-weights.ts';
export {
  type BackboneOptions,
  BackboneWithFPN,
  type BackboneWithFPNOptions,
  type ResnetFpnOptions,
  resnetFpnBackbone,
  resnetFpnExtractor,
  trainableBackboneLayers,
} from './detection/backbone-utils.ts';
export {
  type MobileNetFpnOptions,
  MobileNetSingleMap,
  mobileNetBackbone,
  mobileNetExtractor,
  mobileNetFpnBackbone,
  mobileNetFpnExtractor,
} from './detection/mobilenet-backbone.ts';
export {
  EfficientNet,
  type EfficientNetBuilderOptions,
  type EfficientNetOptions,
  efficientnet_b0,
  efficientnet_b1,
  efficientnet_b2,
  efficientnet_b3,
  efficientnet_b4,
  efficientnet_b5,
  efficientnet_b6,
  efficientnet_b7,
  efficientnet_v2_l,
  efficientnet_v2_m,
  efficientnet_v2_s,
} from './efficientnet.ts';
export { efficientNetV1, efficientNetV2, type StageConfig } from './efficientnet-config.ts';
export {
  EfficientNet_B0_Weights,
  EfficientNet_B1_Weights,
  EfficientNet_B2_Weights,
  EfficientNet_B3_Weights,
  EfficientNet_B4_Weights,
  EfficientNet_B5_Weights,
  EfficientNet_B6_Weights,
  EfficientNet_B7_Weights,
  EfficientNet_V2_L_Weights,
  EfficientNet_V2_M_Weights,
  EfficientNet_V2_S_Weights,
} from './efficientnet-weights.ts';
export {
  createFeatureExtractor,
  FeatureExtractor,
  type FeatureExtractorOptions,
  getGraphNodeNames,
  type NodeNameOptions,
  type ReturnNodes,
} from './feature-extraction.ts';
export {
  type FineTuningOptions,
  type FineTuningReport,
  freeze,
  loadForFineTuning,
  type NamePattern,
  unfreeze,
} from './fine-tune.ts';
export { GoogLeNet, type GoogLeNetOptions, type GoogLeNetOutputs, googlenet } from './googlenet.ts';
export { GoogLeNet_Weights } from './googlenet-weights.ts';
export { Inception3, type InceptionOptions, type InceptionOutputs, inception_v3 } from './inception.ts';
export { Inception_V3_Weights } from './inception-weights.ts';
export { initialiseLayers, kaimingFanOut, type LayerInitialisation, normalWith } from './initialise.ts';
export { cutAfter, type Features, IntermediateLayerGetter } from './intermediate-layers.ts';
export { MaxVit, type MaxVitOptions, type MaxVitSize, maxvit_t } from './maxvit.ts';
export { MaxVit_T_Weights } from './maxvit-weights.ts';
export { MNASNet, type MNASNetOptions, mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3 } from './mnasnet.ts';
export {
  MNASNet0_5_Weights,
  MNASNet0_75_Weights,
  MNASNet1_0_Weights,
  MNASNet1_3_Weights,
} from './mnasnet-weights.ts';
export { type MobileNetStage, mobileNetStages } from './mobilenet-stages.ts';
export {
  InvertedResidual,
  MobileNetV2,
  type MobileNetV2BuilderOptions,
  type MobileNetV2Options,
  mobilenet_v2,
} from './mobilenetv2.ts';
export { MobileNet_V2_Weights } from './mobilenetv2-weights.ts';
export {
  InvertedResidual as MobileNetV3InvertedResidual,
  type InvertedResidualConfig,
  MobileNetV3,
  type MobileNetV3BuilderOptions,
  type MobileNetV3ConfigOptions,
  type MobileNetV3Options,
  mobileNetV3Config,
  mobilenet_v3_large,
  mobilenet_v3_small,
} from './mobilenetv3.ts';
export { MobileNet_V3_Large_Weights, MobileNet_V3_Small_Weights } from './mobilenetv3-weights.ts';
export { CorrBlock, type CorrelationBlock } from './optical-flow/correlation.ts';
export { RAFT, type RaftOptions, type RaftParts, raft_large, raft_small } from './optical-flow/raft.ts';
export { FeatureEncoder, RaftBottleneckBlock, RaftResidualBlock } from './optical-flow/raft-encoder.ts';
export { FlowHead, MaskPredictor, MotionEncoder, RecurrentBlock, UpdateBlock } from './optical-flow/raft-update.ts';
export { Raft_Large_Weights, Raft_Small_Weights } from './optical-flow/raft-weights.ts';
export { type PublishedModel, registerPublished, type WithWeights } from './published-model.ts';
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
  RegNet,
  type RegNetOptions,
  regnet_x_1_6gf,
  regnet_x_3_2gf,
  regnet_x_8gf,
  regnet_x_16gf,
  regnet_x_32gf,
  regnet_x_400mf,
  regnet_x_800mf,
  regnet_y_1_6gf,
  regnet_y_3_2gf,
  regnet_y_8gf,
  regnet_y_16gf,
  regnet_y_32gf,
  regnet_y_128gf,
  regnet_y_400mf,
  regnet_y_800mf,
} from './regnet.ts';
export { type BlockParams, blockParams, type InitParams } from './regnet-params.ts';
export {
  RegNet_X_1_6GF_Weights,
  RegNet_X_3_2GF_Weights,
  RegNet_X_8GF_Weights,
  RegNet_X_16GF_Weights,
  RegNet_X_32GF_Weights,
  RegNet_X_400MF_Weights,
  RegNet_X_800MF_Weights,
  RegNet_Y_1_6GF_Weights,
  RegNet_Y_3_2GF_Weights,
  RegNet_Y_8GF_Weights,
  RegNet_Y_16GF_Weights,
  RegNet_Y_32GF_Weights,
  RegNet_Y_128GF_Weights,
  RegNet_Y_400MF_Weights,
  RegNet_Y_800MF_Weights,
} from './regnet-weights.ts';
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
export {
  ASPP,
  DeepLabHead,
  DeepLabV3,
  deeplabv3_mobilenet_v3_large,
  deeplabv3_resnet50,
  deeplabv3_resnet101,
} from './segmentation/deeplabv3.ts';
export {
  DeepLabV3_MobileNet_V3_Large_Weights,
  DeepLabV3_ResNet50_Weights,
  DeepLabV3_ResNet101_Weights,
} from './segmentation/deeplabv3-weights.ts';
export { FCN, FCNHead, fcn_resnet50, fcn_resnet101 } from './segmentation/fcn.ts';
export { FCN_ResNet50_Weights, FCN_ResNet101_Weights } from './segmentation/fcn-weights.ts';
export { LRASPP, LRASPPHead, lraspp_mobilenet_v3_large } from './segmentation/lraspp.ts';
export { LRASPP_MobileNet_V3_Large_Weights } from './segmentation/lraspp-weights.ts';
export {
  featureMap,
  resizeLike,
  type SegmentationModel,
  type SegmentationOptions,
  type SegmentationOutputs,
  SimpleSegmentationModel,
} from './segmentation/simple-segmentation.ts';
export {
  channelShuffle,
  InvertedResidual as ShuffleNetInvertedResidual,
  ShuffleNetV2,
  type ShuffleNetV2Options,
  shufflenet_v2_x0_5,
  shufflenet_v2_x1_0,
  shufflenet_v2_x1_5,
  shufflenet_v2_x2_0,
} from './shufflenetv2.ts';
export {
  ShuffleNet_V2_X0_5_Weights,
  ShuffleNet_V2_X1_0_Weights,
  ShuffleNet_V2_X1_5_Weights,
  ShuffleNet_V2_X2_0_Weights,
} from './shufflenetv2-weights.ts';
export { SqueezeNet, type SqueezeNetOptions, squeezenet1_0, squeezenet1_1 } from './squeezenet.ts';
export { SqueezeNet1_0_Weights, SqueezeNet1_1_Weights } from './squeezenet-weights.ts';
export {
  type SwinSize,
  SwinTransformer,
  type SwinTransformerOptions,
  swin_b,
  swin_s,
  swin_t,
  swin_v2_b,
  swin_v2_s,
  swin_v2_t,
} from './swin_transformer.ts';
export {
  Swin_B_Weights,
  Swin_S_Weights,
  Swin_T_Weights,
  Swin_V2_B_Weights,
  Swin_V2_S_Weights,
  Swin_V2_T_Weights,
} from './swin_transformer-weights.ts';
export { makeDivisible, prescribe } from './utils.ts';
export {
  makeLayers as makeVggLayers,
  VGG,
  type VGGLayers,
  type VGGOptions,
  vgg11,
  vgg11_bn,
  vgg13,
  vgg13_bn,
  vgg16,
  vgg16_bn,
  vgg19,
  vgg19_bn,
} from './vgg.ts';
export {
  VGG11_BN_Weights,
  VGG11_Weights,
  VGG13_BN_Weights,
  VGG13_Weights,
  VGG16_BN_Weights,
  VGG16_Weights,
  VGG19_BN_Weights,
  VGG19_Weights,
} from './vgg-weights.ts';
export { type MSBlockConfig, MViT, type MViTOptions, mvit_v1_b, mvit_v2_s } from './video/mvit.ts';
export { MViT_V1_B_Weights, MViT_V2_S_Weights } from './video/mvit-weights.ts';
export {
  Conv2Plus1D,
  Conv3DNoTemporal,
  Conv3DSimple,
  mc3_18,
  r2plus1d_18,
  r3d_18,
  VideoBasicBlock,
  VideoBottleneck,
  VideoResNet,
  type VideoResNetOptions,
} from './video/resnet.ts';
export {
  MC3_18_Weights,
  R2Plus1D_18_Weights,
  R3D_18_Weights,
} from './video/resnet-weights.ts';
export { S3D, type S3DOptions, s3d } from './video/s3d.ts';
export { S3D_Weights } from './video/s3d-weights.ts';
export {
  type Swin3dSize,
  SwinTransformer3d,
  type SwinTransformer3dOptions,
  swin3d_b,
  swin3d_s,
  swin3d_t,
} from './video/swin_transformer.ts';
export { Swin3D_B_Weights, Swin3D_S_Weights, Swin3D_T_Weights } from './video/swin_transformer-weights.ts';
export {
  type ConvStemConfig,
  interpolateEmbeddings,
  VisionTransformer,
  type VisionTransformerOptions,
  type VisionTransformerSize,
  vit_b_16,
  vit_b_32,
  vit_h_14,
  vit_l_16,
  vit_l_32,
} from './vision_transformer.ts';
export {
  ViT_B_16_Weights,
  ViT_B_32_Weights,
  ViT_H_14_Weights,
  ViT_L_16_Weights,
  ViT_L_32_Weights,
} from './vision_transformer-weights.ts';
export {
  type ClassificationPreset,
  defineWeights,
  type OpticalFlowPreset,
  type SegmentationPreset,
  type TransformPreset,
  type VideoPreset,
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
  hashInName,
  WeightsNotDownloadedError,
} from './weights-files.ts';
export { readStateDict, withWeights } from './weights-loading.ts';
