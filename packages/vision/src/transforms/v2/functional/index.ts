/**
 * @file `transforms.v2.functional`: operations on images, videos, masks, boxes and key points alike. Each takes a datapoint, or
 * a plain tensor as an image, and gives the same kind back.
 */

export {
  adjustBrightness,
  adjustContrast,
  adjustGamma,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  convertDtype,
  convertImageDtype,
  equalize,
  erase,
  gaussianBlur,
  invert,
  normalize,
  posterize,
  rgbToGrayscale,
  solarize,
} from './colour.ts';
export {
  affine,
  centerCrop,
  crop,
  elastic,
  elasticTransform,
  hflip,
  horizontalFlip,
  pad,
  perspective,
  resize,
  resizedCrop,
  rotate,
  verticalFlip,
  vflip,
} from './geometry.ts';
export {
  clampBoundingBox,
  convertFormatBoundingBox,
  getNumChannels,
  getNumFrames,
  getSpatialSize,
  uniformTemporalSubsample,
} from './meta.ts';
export { type Kernels, type Operand, type Operation, operation, type Placement } from './operation.ts';
