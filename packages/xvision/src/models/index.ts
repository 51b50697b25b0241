/** @file The edgeailite networks. Importing this registers all of them. */

export type { Backbone, BackboneOptions, Strides, Tap } from './backbone.ts';
export { MobileNetV1, type MobileNetV1Options, mobileNetV1Features } from './classification/mobilenetv1.ts';
export { MobileNetV2, type MobileNetV2Options, mobileNetV2Features } from './classification/mobilenetv2.ts';
export { MobileNetV3, type MobileNetV3Options, type MobileNetV3Variant } from './classification/mobilenetv3.ts';
export { edgeailiteClassifiers } from './classification/register.ts';
export { RegNet, type RegNetLayout, type RegNetOptions, regNetFeatures } from './classification/regnet.ts';
export { ResNet, type ResNetLayout, type ResNetOptions, resNetFeatures } from './classification/resnet.ts';
export { ShuffleNetV2, type ShuffleNetV2Options } from './classification/shufflenetv2.ts';
export {
  loadRenamed,
  loadWhatFits,
  type RenamedLoadOptions,
  type RenamedLoadReport,
  type RenameRules,
} from './load-renamed.ts';
export type { DecoderContext, DecoderDescription, Shortcuts } from './pixel2pixel/decoder.ts';
export { type EncoderOutput, MultiInputEncoder } from './pixel2pixel/encoder.ts';
export { type FeatureSplit, type Pixel2PixelDescription, Pixel2PixelNet } from './pixel2pixel/net.ts';
export type { OutputType, Pixel2PixelOptions } from './pixel2pixel/options.ts';
export { pixel2PixelNetworks, pixel2PixelRenames } from './pixel2pixel/register.ts';
