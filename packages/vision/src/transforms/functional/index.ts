/** @file `transforms.functional`: what the transforms do, as functions of an image and its parameters. */

export { type Dimensions, getDimensions } from '../size.ts';
export { centerCrop, crop, erase, hflip, type PaddingMode, type PadOptions, pad, vflip } from './geometry.ts';
export { type Backend, type ResizeOptions, resize, resizedCrop } from './resize.ts';
export {
  convertImageDtype,
  type GrayscaleOptions,
  type NormalizeOptions,
  normalize,
  rgbToGrayscale,
  toTensor,
} from './values.ts';
