/** @file Changes of the pixels' values alone: normalisation, order of channels, grey. */

import { type Tensor, tensor } from '@edgeai/torch';
import { transforms } from '@edgeai/vision';
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
 * `(x − mean) · scale`, channel by channel.
 *
 * @param mean one number for all channels, or one each
 */
export function normalizeMeanScale(mean: readonly number[], scale: readonly number[]): DenseTransform {
  const column = (values: readonly number[]) => tensor([...values], { dtype: 'float32' }).reshape([-1, 1, 1]);
  return onImages((image) => image.to('float32').sub(column(mean)).mul(column(scale)));
}

/** Red, green, blue to blue, green, red, and back. */
export const reverseImageChannels: DenseTransform = onImages((image) => image.flip([0]));

/** Grey with this probability, all images of a sample alike. */
export function randomGrayscale(probability: number): DenseTransform {
  const gray = onImages((image) => transforms.functional.rgbToGrayscale(image, 3, { backend: 'tensor' }));
  return (sample) => (uniform() < probability ? gray(sample) : sample);
}

/** One after the other. */
export function compose(steps: readonly (DenseTransform | null)[]): DenseTransform {
  return (sample: DenseSample) => steps.reduce((current, step) => (step === null ? current : step(current)), sample);
}
