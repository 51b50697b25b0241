/** @file The `transforms` namespace: what happens to images between the file and the network. */

export {
  AugMix,
  type AugMixOptions,
  type AugmentOptions,
  AutoAugment,
  AutoAugmentPolicy,
  RandAugment,
  type RandAugmentOptions,
  TrivialAugmentWide,
  type TrivialAugmentWideOptions,
} from './auto-augment/index.ts';
export {
  Compose,
  type ComposeStep,
  Lambda,
  RandomApply,
  RandomChoice,
  RandomOrder,
  type Transform,
} from './containers.ts';
export {
  ObjectDetection,
  OpticalFlow,
  SemanticSegmentation,
  type SemanticSegmentationOptions,
  VideoClassification,
  type VideoClassificationOptions,
} from './dense-presets.ts';
export type { Backend, BackendOptions } from './functional/backend.ts';
export type { PaddingMode, PadOptions } from './functional/geometry.ts';
export type { Fill } from './functional/grid.ts';
export * as functional from './functional/index.ts';
export type { ResizeOptions } from './functional/resize.ts';
export type { GrayscaleOptions, ImageMode, NormalizeOptions } from './functional/values.ts';
export type { AffineOptions, RotateOptions, WarpOptions } from './functional/warp.ts';
export type { Point } from './functional/warp-matrix.ts';
export { CenterCrop, FiveCrop, Pad, Resize, TenCrop, type TenCropOptions } from './geometry.ts';
export { type MixedBatch, type MixOptions, RandomCutmix, RandomMixup } from './mix.ts';
export { applyToImage } from './photo-draft.ts';
export { type Interpolation, InterpolationMode } from './pillow-filters.ts';
export { IMAGENET_MEAN, IMAGENET_STD, ImageClassification, type ImageClassificationOptions } from './presets.ts';
export {
  ColorJitter,
  type ColorJitterOptions,
  GaussianBlur,
  type GaussianBlurOptions,
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomEqualize,
  RandomGrayscale,
  RandomInvert,
  RandomPosterize,
  RandomSolarize,
} from './random-colour.ts';
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
export {
  type Degrees,
  ElasticTransform,
  type ElasticTransformOptions,
  RandomAffine,
  type RandomAffineOptions,
  RandomPerspective,
  type RandomPerspectiveOptions,
  RandomRotation,
} from './random-warp.ts';
export type { Padding, Size } from './size.ts';
export * as v2 from './v2/index.ts';
export {
  ConvertImageDtype,
  Grayscale,
  LinearTransformation,
  Normalize,
  PILToTensor,
  RandomErasing,
  type RandomErasingOptions,
  RGB,
  ToPILImage,
  ToTensor,
} from './values.ts';
