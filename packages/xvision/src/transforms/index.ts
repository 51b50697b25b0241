/** @file The `transforms` namespace: joint transforms of images, flow, depth and classes. */

export {
  align,
  cropAll,
  randomCrop,
  randomHorizontalFlip,
  randomRotation,
  randomScaleCrop,
  resizeMap,
  resizeTo,
  rotateAll,
  type Size,
} from './geometry.ts';
export { type DensePipelineOptions, denseEvaluationTransform, denseTrainingTransform } from './pipelines.ts';
export { type DenseMap, type DenseSample, type DenseTransform, type MapKind, unknownValue } from './sample.ts';
export { compose, normalizeMeanScale, onImages, randomGrayscale, reverseImageChannels } from './values.ts';
