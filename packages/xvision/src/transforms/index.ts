/** @file The `transforms` namespace: joint transforms of images, flow, depth and classes. */

export {
  cropRectangle,
  maskTargets,
  type Rectangle,
  randomCropScale,
  scaleShorterSide,
} from './crops.ts';
export {
  align,
  type Backend,
  centerCrop,
  cropAll,
  randomCrop,
  randomHorizontalFlip,
  randomRotation,
  randomScaleCrop,
  randomVerticalFlip,
  resizeMap,
  resizeTo,
  rotateAll,
  type Size,
} from './geometry.ts';
export { defaultInterpolation, type OpenCvInterpolation, resizeLikeOpenCv } from './opencv-resize.ts';
export { rotateLikeOpenCv } from './opencv-rotate.ts';
export { type DensePipelineOptions, denseEvaluationTransform, denseTrainingTransform } from './pipelines.ts';
export { type DenseMap, type DenseSample, type DenseTransform, type MapKind, unknownValue } from './sample.ts';
export {
  type ColourWarp,
  compose,
  normalizeMeanScale,
  normalizeMeanStd,
  onImages,
  randomColourWarp,
  randomGrayscale,
  reverseImageChannels,
  warpColours,
} from './values.ts';
export { rgbToYv12, yv12ToRgb } from './yv12.ts';
