/**
 * @file `transforms.functional`: what the transforms do, as functions of an image and its parameters.
 *
 * Images are tensors […, channels, height, width]. Functions with a `backend` option do Pillow's arithmetic on uint8 images
 * unless told otherwise: resize, resizedCrop, affine, rotate, perspective, the adjust functions, autocontrast, rgbToGrayscale.
 * All others give Pillow's numbers anyway.
 */

export { type Dimensions, getDimensions, getImageNumChannels, getImageSize } from '../size.ts';
export { type Backend, type BackendOptions, chooseBackend } from './backend.ts';
export { adjustBrightness, adjustContrast, adjustGamma, adjustHue, adjustSaturation } from './colour.ts';
export { fiveCrop, tenCrop } from './crops.ts';
export { adjustSharpness, defaultSigma, gaussianBlur, gaussianKernel1d, type Pair } from './filter.ts';
export { centerCrop, crop, erase, hflip, type PaddingMode, type PadOptions, pad, vflip } from './geometry.ts';
export { affineSamplingGrid, applyGrid, type Fill, identityGrid, perspectiveSamplingGrid } from './grid.ts';
export { type ColourMode, convertMode } from './modes.ts';
export { type ResizeOptions, resize, resizedCrop } from './resize.ts';
export { autocontrast, equalize, invert, posterize, solarize } from './tone.ts';
export {
  convertImageDtype,
  type GrayscaleOptions,
  type ImageMode,
  type NormalizeOptions,
  normalize,
  pilToTensor,
  rgbToGrayscale,
  toGrayscale,
  toPilImage,
  toTensor,
} from './values.ts';
export {
  type AffineOptions,
  affine,
  elasticTransform,
  perspective,
  type RotateOptions,
  rotate,
  type WarpOptions,
} from './warp.ts';
export {
  type AffineMatrix,
  type AffineParameters,
  affineMatrix,
  affineOutputSize,
  inverseAffineMatrix,
  type Point,
  perspectiveCoefficients,
} from './warp-matrix.ts';
