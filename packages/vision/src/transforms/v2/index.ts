/**
 * @file The `transforms.v2` namespace: joint transforms of samples, that is of pictures together with their masks, boxes, key points and
 * labels, or of videos.
 */

export { AutoAugmentPolicy } from '../auto-augment/index.ts';
export { InterpolationMode } from '../pillow-filters.ts';
export {
  Compose,
  Identity,
  Lambda,
  RandomApply,
  RandomChoice,
  RandomOrder,
  type Step,
  UniformTemporalSubsample,
} from './containers.ts';
export {
  ClampBoundingBox,
  ConvertBoundingBoxFormat,
  ConvertDtype,
  ConvertDtype as ConvertImageDtype,
  PILToTensor,
  ToDtype,
  ToImageTensor,
  ToPILImage,
  ToPILImage as ToImagePIL,
  ToPureTensor,
  ToTensor,
} from './conversion.ts';
export {
  FixedSizeCrop,
  type FixedSizeCropOptions,
  RandomIoUCrop,
  type RandomIoUCropOptions,
  RandomZoomOut,
  type RandomZoomOutOptions,
  SanitizeBoundingBox,
  SanitizeBoundingBox as SanitizeBoundingBoxes,
  type SanitizeOptions,
} from './detection.ts';
export * as functional from './functional/index.ts';
export {
  CenterCrop,
  ElasticTransform,
  type ElasticTransformOptions,
  Pad,
  RandomAffine,
  type RandomAffineOptions,
  RandomCrop,
  type RandomCropOptions,
  RandomHorizontalFlip,
  RandomPerspective,
  type RandomPerspectiveOptions,
  RandomResize,
  RandomResizedCrop,
  RandomRotation,
  RandomShortestSize,
  type RandomShortestSizeOptions,
  RandomVerticalFlip,
  Resize,
  ScaleJitter,
  type ScaleJitterOptions,
} from './geometry.ts';
export type { LabelsGetter } from './labels.ts';
export {
  type BatchMixOptions,
  CutMix,
  type InstanceTarget,
  MixUp,
  SimpleCopyPaste,
  type SimpleCopyPasteOptions,
} from './mix.ts';
export {
  AugMix,
  AutoAugment,
  ColorJitter,
  FiveCrop,
  GaussianBlur,
  Grayscale,
  LinearTransformation,
  Normalize,
  RandAugment,
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomEqualize,
  RandomErasing,
  RandomGrayscale,
  RandomInvert,
  RandomPhotometricDistort,
  type RandomPhotometricDistortOptions,
  RandomPosterize,
  RandomSolarize,
  TenCrop,
  TrivialAugmentWide,
} from './pixels.ts';
export { type Change, type FillByKind, type Lifted, type LiftedTransform, Transform } from './transform.ts';
export { ToDatapoints, type ToDatapointsOptions } from './wrap.ts';
