/** @file Operations on the values of pixels: only images and videos change. */

import { isFloatingPoint, scope, type Tensor } from '@edgeai/torch';
import * as F from '../../functional/index.ts';
import { operation } from './operation.ts';

/** Images only, with the arguments of the function of images. */
const onPixels = <Args extends unknown[]>(image: (image: Tensor, ...args: Args) => Tensor) =>
  operation<Args>({ image });

export const adjustBrightness = onPixels(F.adjustBrightness);
export const adjustContrast = onPixels(F.adjustContrast);
export const adjustGamma = onPixels(F.adjustGamma);
export const adjustHue = onPixels(F.adjustHue);
export const adjustSaturation = onPixels(F.adjustSaturation);
export const adjustSharpness = onPixels(F.adjustSharpness);
export const autocontrast = onPixels(F.autocontrast);
export const convertDtype = onPixels(F.convertImageDtype);
/** Makes each channel's histogram flat; floats are cut to 256 levels. */
export const equalize = onPixels((image) =>
  isFloatingPoint(image.dtype)
    ? scope(() => F.convertImageDtype(F.equalize(F.convertImageDtype(image, 'uint8')), image.dtype))
    : F.equalize(image),
);
export const erase = onPixels(F.erase);
export const gaussianBlur = onPixels(F.gaussianBlur);
export const invert = onPixels(F.invert);
export const normalize = onPixels(F.normalize);
/** Keeps the highest bits of each byte; floats are cut to as many levels. */
export const posterize = onPixels((image, bits: number) => {
  if (!isFloatingPoint(image.dtype)) return F.posterize(image, bits);
  const levels = 2 ** bits;
  return scope(() =>
    image
      .mul(levels)
      .floor()
      .clamp(0, levels - 1)
      .mul(1 / levels),
  );
});
export const rgbToGrayscale = onPixels(F.rgbToGrayscale);
export const solarize = onPixels(F.solarize);

/** torchvision's other name. */
export { convertDtype as convertImageDtype };
