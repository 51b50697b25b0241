/** @file The `transforms` namespace: what happens to images between the file and the network. */

export { Compose, Lambda, RandomApply, RandomChoice, type Transform } from './containers.ts';
export {
  OpticalFlow,
  SemanticSegmentation,
  type SemanticSegmentationOptions,
  VideoClassification,
  type VideoClassificationOptions,
} from './dense-presets.ts';
export type { Backend, BackendOptions } from './functional/backend.ts';
export type { PaddingMode, PadOptions } from './functional/geometry.ts';
export * as functional from './functional/index.ts';
export type { ResizeOptions } from './functional/resize.ts';
export type { GrayscaleOptions, NormalizeOptions } from './functional/values.ts';
export { CenterCrop, Pad, Resize } from './geometry.ts';
export { type MixedBatch, type MixOptions, RandomCutmix, RandomMixup } from './mix.ts';
export type { Interpolation } from './pillow-filters.ts';
export { IMAGENET_MEAN, IMAGENET_STD, ImageClassification, type ImageClassificationOptions } from './presets.ts';
export {
  RandomCrop,
  type RandomCropOptions,
  RandomHorizontalFlip,
  RandomResizedCrop,
  type RandomResizedCropOptions,
  RandomVerticalFlip,
  type Range,
  type Region,
} from './random-geometry.ts';
export type { Padding, Size } from './size.ts';
export {
  ConvertImageDtype,
  Grayscale,
  Normalize,
  RandomErasing,
  type RandomErasingOptions,
  ToTensor,
} from './values.ts';
