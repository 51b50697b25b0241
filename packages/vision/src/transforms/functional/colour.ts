/** @file Brightness, contrast, saturation, hue and gamma of images, by torchvision's arithmetic of tensors or by Pillow's. */

import { ArgumentError, isFloatingPoint, scope, stack, type Tensor, zerosLike } from '@edgeai/torch';
import {
  byteTable,
  pillowBrightness,
  pillowContrast,
  pillowHue,
  pillowPoint,
  pillowSaturation,
} from '../pillow-colour.ts';
import { mapPixels } from '../pixels.ts';
import { getDimensions } from '../size.ts';
import { type BackendOptions, chooseBackend } from './backend.ts';
import { convertImageDtype, maxValue, rgbToGrayscale } from './values.ts';

/** @internal `ratio · first + (1 − ratio) · second`, limited to the range of the first's dtype and cut to it. */
export function blend(first: Tensor, second: Tensor, ratio: number): Tensor {
  return scope(() =>
    first
      .mul(ratio)
      .add(second.mul(1 - ratio))
      .clamp(0, maxValue(first.dtype))
      .to(first.dtype),
  );
}

/** @internal @throws {ArgumentError} for factors below 0 */
export function checkFactor(name: string, factor: number): void {
  if (!(factor >= 0)) throw ArgumentError.expected(name, 'a number of at least 0', factor);
}

/** @internal @throws {ArgumentError} for images of other than 1 or 3 channels */
export function checkColours(image: Tensor): number {
  const { channels } = getDimensions(image);
  if (image.ndim < 3 || (channels !== 1 && channels !== 3)) {
    throw new ArgumentError(
      'image',
      `Expected an image of 1 or 3 channels but received shape [${image.shape.join(', ')}]`,
    );
  }
  return channels;
}

/** Brighter for factors above 1, darker below; black for 0. */
export function adjustBrightness(image: Tensor, brightnessFactor: number, options: BackendOptions = {}): Tensor {
  checkFactor('brightnessFactor', brightnessFactor);
  checkColours(image);
  if (chooseBackend(image, options.backend) === 'pil')
    return mapPixels(image, (pixels) => pillowBrightness(pixels, brightnessFactor));
  return scope(() => blend(image, zerosLike(image), brightnessFactor));
}

/** More contrast for factors above 1, less below; the mean grey for 0. */
export function adjustContrast(image: Tensor, contrastFactor: number, options: BackendOptions = {}): Tensor {
  checkFactor('contrastFactor', contrastFactor);
  const channels = checkColours(image);
  if (chooseBackend(image, options.backend) === 'pil')
    return mapPixels(image, (pixels) => pillowContrast(pixels, contrastFactor));
  return scope(() => {
    const grey = channels === 3 ? rgbToGrayscale(image, 1, { backend: 'tensor' }) : image;
    const values = isFloatingPoint(image.dtype) ? grey : grey.to('float32');
    return blend(image, values.mean([-3, -2, -1], { keepdim: true }), contrastFactor);
  });
}

/** More colourful for factors above 1, less below; grey for 0. */
export function adjustSaturation(image: Tensor, saturationFactor: number, options: BackendOptions = {}): Tensor {
  checkFactor('saturationFactor', saturationFactor);
  if (checkColours(image) === 1) return image;
  if (chooseBackend(image, options.backend) === 'pil')
    return mapPixels(image, (pixels) => pillowSaturation(pixels, saturationFactor));
  return scope(() => blend(image, rgbToGrayscale(image, 1, { backend: 'tensor' }), saturationFactor));
}

/**
 * Turns the hue of an RGB image round the colour circle; grey images stay.
 *
 * @param hueFactor share of the circle, −0.5 … 0.5
 */
export function adjustHue(image: Tensor, hueFactor: number, options: BackendOptions = {}): Tensor {
  if (!(hueFactor >= -0.5 && hueFactor <= 0.5))
    throw ArgumentError.expected('hueFactor', 'a number between -0.5 and 0.5', hueFactor);
  if (checkColours(image) === 1) return image;
  if (chooseBackend(image, options.backend) === 'pil')
    return mapPixels(image, (pixels) => pillowHue(pixels, Math.trunc(hueFactor * 255)));
  return scope(() => {
    const [h, s, v] = toHsv(convertImageDtype(image, isFloatingPoint(image.dtype) ? image.dtype : 'float32'));
    return convertImageDtype(fromHsv(h.add(hueFactor).remainder(1), s, v), image.dtype);
  });
}

function toHsv(image: Tensor): [h: Tensor, s: Tensor, v: Tensor] {
  const [r, g, b] = image.unbind(-3) as [Tensor, Tensor, Tensor];
  const most = image.amax(-3);
  const range = most.sub(image.amin(-3));
  const grey = range.eq(0);
  const s = range.div(most.maskedFill(grey, 1));
  const divisor = range.maskedFill(grey, 1);
  const [rc, gc, bc] = [r, g, b].map((channel) => most.sub(channel).div(divisor)) as [Tensor, Tensor, Tensor];
  const red = most.eq(r);
  const green = most.eq(g).logicalAnd(red.logicalNot());
  const blue = red.logicalOr(most.eq(g)).logicalNot();
  const sixths = red
    .mul(bc.sub(gc))
    .add(green.mul(rc.add(2).sub(bc)))
    .add(blue.mul(gc.add(4).sub(rc)));
  return [sixths.div(6).add(1).fmod(1), s, most];
}

/** Which of v, q, p, t is red, green and blue in each sixth of the circle. */
const SIXTHS = { r: 'vqpptv', g: 'tvvqpp', b: 'pptvvq' } as const;

function fromHsv(h: Tensor, s: Tensor, v: Tensor): Tensor {
  const sixth = h.mul(6).floor();
  const f = h.mul(6).sub(sixth);
  const less = (share: Tensor) => v.mul(share.mul(-1).add(1)).clamp(0, 1);
  const values = { v, p: less(s), q: less(s.mul(f)), t: less(s.mul(f.mul(-1).add(1))) };
  const index = sixth.to('int64').remainder(6).unsqueeze(-3);
  const channel = (order: string) =>
    stack(
      [...order].map((name) => values[name as keyof typeof values]),
      -3,
    ).gather(-3, index);
  return stack(
    [SIXTHS.r, SIXTHS.g, SIXTHS.b].map((order) => channel(order).squeeze(-3)),
    -3,
  );
}

/**
 * `gain · value ^ gamma` of values in 0 … 1: shadows darker for gamma above 1, lighter below.
 *
 * @throws {ArgumentError} for a gamma below 0
 */
export function adjustGamma(image: Tensor, gamma: number, gain = 1, options: BackendOptions = {}): Tensor {
  checkFactor('gamma', gamma);
  checkColours(image);
  if (chooseBackend(image, options.backend) === 'pil') {
    const table = byteTable((byte) => (255 + 1 - 1e-3) * gain * (byte / 255) ** gamma);
    return mapPixels(image, (pixels) => pillowPoint(pixels, [table]));
  }
  return scope(() => {
    const values = isFloatingPoint(image.dtype) ? image : convertImageDtype(image, 'float32');
    return convertImageDtype(values.pow(gamma).mul(gain).clamp(0, 1), image.dtype);
  });
}
