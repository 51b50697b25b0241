/** @file Blurring and sharpening. */

import { ArgumentError, conv2d, isFloatingPoint, linspace, nn, scope, type Tensor, tensor } from '@edgeai/torch';
import { pillowSharpness } from '../pillow-colour.ts';
import { mapPixels } from '../pixels.ts';
import { getDimensions } from '../size.ts';
import { type BackendOptions, chooseBackend } from './backend.ts';
import { blend, checkColours, checkFactor } from './colour.ts';

/** One number for both directions, or [x, y]. */
export type Pair = number | readonly number[];

/** @internal @returns x and y */
export function axes(name: string, value: Pair): [x: number, y: number] {
  const values = typeof value === 'number' ? [value] : value;
  if (!Array.isArray(values) || values.length < 1 || values.length > 2)
    throw ArgumentError.expected(name, 'a number or [x, y]', value);
  const [x, y = x] = values as [number, number?];
  return [x, y];
}

/** The sigma that belongs to a kernel's size where none is given. */
export function defaultSigma(kernelSize: number): number {
  return kernelSize * 0.15 + 0.35;
}

/** Weights of a Gaussian at `kernelSize` pixels; they add up to 1. */
export function gaussianKernel1d(
  kernelSize: number,
  sigma: number,
  dtype: 'float32' | 'float64' | 'float16' | 'bfloat16' = 'float32',
): Tensor {
  return scope(() => {
    const half = (kernelSize - 1) * 0.5;
    const density = linspace(-half, half, kernelSize, { dtype }).div(sigma).pow(2).mul(-0.5).exp();
    return density.div(density.sum());
  });
}

/** A convolution of each channel with the same kernel, in the image's floating-point type or float32, rounded back. */
function filterChannels(image: Tensor, kernel: Tensor, padding: readonly number[]): Tensor {
  const { dtype, shape } = image;
  const { channels, height, width } = getDimensions(image);
  const batch = image.reshape([-1, channels, height, width]).to(kernel.dtype);
  const padded = padding.some((side) => side > 0) ? nn.functional.pad(batch, padding, { mode: 'reflect' }) : batch;
  const weight = kernel.expand([channels, 1, ...kernel.shape]).to(image.device);
  const result = conv2d(padded, weight, { groups: channels });
  const rounded = isFloatingPoint(dtype) ? result : result.round().to(dtype);
  return rounded.reshape([...shape.slice(0, -2), ...rounded.shape.slice(-2)]);
}

/**
 * Gaussian blur; edges are mirrored. (Pillow images take the same way in torchvision, so there is no backend to choose.)
 *
 * @param image […, channels, height, width]
 * @param kernelSize odd number of pixels, or [x, y]
 * @param sigma standard deviation in pixels, or [x, y]. Default 0.15 · kernelSize + 0.35
 */
export function gaussianBlur(image: Tensor, kernelSize: Pair, sigma?: Pair): Tensor {
  const sizes = axes('kernelSize', kernelSize);
  if (!sizes.every((size) => Number.isInteger(size) && size > 0 && size % 2 === 1))
    throw ArgumentError.expected('kernelSize', 'odd whole numbers above 0', kernelSize);
  const sigmas = sigma === undefined ? sizes.map(defaultSigma) : axes('sigma', sigma);
  if (!sigmas.every((value) => value > 0)) throw ArgumentError.expected('sigma', 'numbers above 0', sigma);
  const [kx, ky] = sizes;
  const [sx, sy] = sigmas as [number, number];
  return scope(() => {
    const dtype = (isFloatingPoint(image.dtype) ? image.dtype : 'float32') as 'float32';
    const x = gaussianKernel1d(kx, sx, dtype).unsqueeze(0);
    const y = gaussianKernel1d(ky, sy, dtype).unsqueeze(1);
    const [px, py] = [Math.floor(kx / 2), Math.floor(ky / 2)];
    return filterChannels(image, y.mm(x), [px, px, py, py]);
  });
}

/** Sharper for factors above 1, smoother below: 0 is a light blur, 1 the image itself. The outermost pixels stay. */
export function adjustSharpness(image: Tensor, sharpnessFactor: number, options: BackendOptions = {}): Tensor {
  checkFactor('sharpnessFactor', sharpnessFactor);
  checkColours(image);
  if (chooseBackend(image, options.backend) === 'pil')
    return mapPixels(image, (pixels) => pillowSharpness(pixels, sharpnessFactor));
  const { height, width } = getDimensions(image);
  if (height <= 2 || width <= 2) return image;
  return scope(() => {
    const kernel = tensor(
      [
        [1, 1, 1],
        [1, 5, 1],
        [1, 1, 1],
      ],
      { dtype: isFloatingPoint(image.dtype) ? image.dtype : 'float32' },
    );
    const smooth = image.clone();
    const inside = smooth.narrow(-2, 1, height - 2).narrow(-1, 1, width - 2);
    inside.copy_(filterChannels(image, kernel.div(kernel.sum()), [0, 0, 0, 0]));
    return blend(image, smooth, sharpnessFactor);
  });
}
