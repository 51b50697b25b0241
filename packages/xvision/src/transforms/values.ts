/** @file Changes of the pixels' values alone: normalisation, order of channels, grey. */

import { randperm, type Tensor, tensor } from '@edgeai/torch';
import { uniform } from './random.ts';
import type { DenseMap, DenseSample, DenseTransform } from './sample.ts';

/** Changes the images and leaves flow and targets alone. */
export function onImages(change: (image: Tensor) => Tensor): DenseTransform {
  return ({ images, targets }) => ({
    images: images.map((image): DenseMap => (image.kind === 'image' ? { ...image, map: change(image.map) } : image)),
    targets,
  });
}

/**
 * `(x − mean) · scale`, channel by channel. Flow among the images has its middle at 0 already and is only scaled.
 *
 * @param mean one number for all channels, or one each
 */
export function normalizeMeanScale(mean: readonly number[], scale: readonly number[]): DenseTransform {
  const column = (values: readonly number[]) => tensor([...values], { dtype: 'float32' }).reshape([-1, 1, 1]);
  return ({ images, targets }) => ({
    images: images.map(({ kind, map }): DenseMap => {
      const values = map.to('float32');
      return { kind, map: (kind === 'flow' ? values : values.sub(column(mean))).mul(column(scale)) };
    }),
    targets,
  });
}

/** Red, green, blue to blue, green, red, and back. */
export const reverseImageChannels: DenseTransform = onImages((image) => image.flip([0]));

/** Parts of red, green and blue in grey: as numbers, and with 14 bits after the point for bytes. */
const GREY = [0.299, 0.587, 0.114];
const GREY_BITS = 14;
const GREY_FIXED = [4899, 9617, 1868];

/** Grey in three equal channels, with OpenCV's weights. @param image uint8 or float32 `(3, H, W)` */
function toGrey(image: Tensor): Tensor {
  const isByte = image.dtype === 'uint8';
  const weights = tensor(isByte ? GREY_FIXED : GREY, { dtype: isByte ? 'int32' : 'float32' }).reshape([3, 1, 1]);
  const sum = image.to(weights.dtype).mul(weights).sum([0], { keepdim: true });
  const half = 1 << (GREY_BITS - 1);
  const grey = isByte ? sum.add(half).bitwiseRightShift(GREY_BITS).to('uint8') : sum;
  return grey.expand([3, -1, -1]).contiguous();
}

/** Grey with this probability, all images of a sample alike. */
export function randomGrayscale(probability: number): DenseTransform {
  const gray = onImages(toGrey);
  return (sample) => (uniform() < probability ? gray(sample) : sample);
}

/** `(x − mean) / std`, channel by channel. */
export function normalizeMeanStd(mean: readonly number[], std: readonly number[]): DenseTransform {
  const column = (values: readonly number[]) => tensor([...values], { dtype: 'float32' }).reshape([-1, 1, 1]);
  return onImages((image) => image.to('float32').sub(column(mean)).div(column(std)));
}

/** How colours are changed: channels are multiplied and added to, then come in another order. */
export interface ColourWarp {
  readonly factors: readonly number[];
  readonly offsets: readonly number[];
  readonly order: readonly number[];
}

/** Changes the colours of a float32 image `(C, H, W)`. */
export function warpColours(image: Tensor, { factors, offsets, order }: ColourWarp): Tensor {
  const column = (values: readonly number[]) => tensor([...values], { dtype: 'float32' }).reshape([-1, 1, 1]);
  const warped = image.to('float32').mul(column(factors)).add(column(offsets));
  return warped.indexSelect(0, tensor([...order], { dtype: 'int64' }));
}

/**
 * With probability ½ multiplies each channel by up to 1 ± `factor`, adds up to ± `offset`, all images of a sample alike, and
 * puts the channels of each image in a random order of its own.
 */
export function randomColourWarp(offset: number, factor: number): DenseTransform {
  return (sample) => {
    if (uniform() >= 0.5) return sample;
    const draw = (most: number) => Array.from({ length: 3 }, () => uniform(-most, most));
    const factors = draw(factor).map((value) => 1 + value);
    const offsets = draw(offset);
    return onImages((image) => {
      const order = randperm(image.size(0)).toArray() as unknown as number[];
      return warpColours(image, { factors, offsets, order: order.map(Number) });
    })(sample);
  };
}

/** One after the other. */
export function compose(steps: readonly (DenseTransform | null)[]): DenseTransform {
  return (sample: DenseSample) => steps.reduce((current, step) => (step === null ? current : step(current)), sample);
}
