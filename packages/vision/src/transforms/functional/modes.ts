/** @file Pillow's `Image.convert` of RGB images: other models of colour, grey in several types, black and white. */

import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor, luma } from '../../io/decoded-image.ts';
import { toHsv } from '../pillow-colour.ts';
import { withPixels } from '../pixels.ts';

type Pixel = readonly [r: number, g: number, b: number];

/** Parts of 64, each made whole by adding a half and cutting, as in Pillow's tables. */
const part = (share: number, value: number) => Math.trunc(share * 64 * value + 0.5);

function toYCbCr([r, g, b]: Pixel): number[] {
  return [
    (part(0.299, r) + part(0.587, g) + part(0.114, b)) >> 6,
    ((part(-0.16874, r) + part(-0.33126, g) + part(0.5, b)) >> 6) + 128,
    ((part(0.5, r) + part(-0.41869, g) + part(-0.08131, b)) >> 6) + 128,
  ];
}

/** The bytes of a pixel in each mode. */
const BYTE_MODES = {
  L: ([r, g, b]: Pixel) => [luma(r, g, b)],
  LA: ([r, g, b]: Pixel) => [luma(r, g, b), 255],
  RGB: ([r, g, b]: Pixel) => [r, g, b],
  RGBA: ([r, g, b]: Pixel) => [r, g, b, 255],
  CMYK: ([r, g, b]: Pixel) => [255 - r, 255 - g, 255 - b, 0],
  YCbCr: toYCbCr,
  HSV: (pixel: Pixel) => {
    const hsv = new Uint8Array(3);
    toHsv(Uint8Array.from(pixel), 0, hsv, 0);
    return [...hsv];
  },
} as const satisfies Record<string, (pixel: Pixel) => number[]>;

/** Pillow's names: bytes; '1' black and white, 'I' grey in int32, 'F' grey in float32. */
export type ColourMode = keyof typeof BYTE_MODES | '1' | 'I' | 'F';

/**
 * A uint8 RGB image [3, height, width] in another mode: uint8 channels; bool for '1', which is dithered; int32 for 'I'; float32
 * (0 … 255) for 'F'.
 */
export function convertMode(image: Tensor, mode: ColourMode): Tensor {
  if (image.dtype !== 'uint8' || image.ndim !== 3 || image.size(0) !== 3) {
    throw new ArgumentError(
      'image',
      `Expected a uint8 image [3, height, width] but received ${image.dtype} [${image.shape.join(', ')}]`,
    );
  }
  return withPixels(image, (pixels) => {
    const { height, width } = pixels;
    const shape = [1, height, width];
    switch (mode) {
      case '1':
        return scope(() => fromTypedArray(dither(pixels), shape).to('bool'));
      case 'I':
        return fromTypedArray(Int32Array.from(greys(pixels, luma)), shape);
      case 'F':
        return fromTypedArray(
          Float32Array.from(greys(pixels, (r, g, b) => Math.fround(thousandths(r, g, b)) / 1000)),
          shape,
        );
      default:
        return bytes(pixels, mode);
    }
  });
}

function bytes(image: DecodedImage, mode: keyof typeof BYTE_MODES): Tensor {
  const convert = BYTE_MODES[mode];
  if (convert === undefined)
    throw ArgumentError.expected('mode', `one of ${[...Object.keys(BYTE_MODES), '1', 'I', 'F'].join(', ')}`, mode);
  const channels = convert([0, 0, 0]).length;
  const { data, height, width } = image;
  const target = new Uint8Array(height * width * channels);
  for (let i = 0, o = 0; i < data.length; i += 3, o += channels)
    target.set(convert([data[i] as number, data[i + 1] as number, data[i + 2] as number]), o);
  return imageToTensor({ data: target, height, width, channels });
}

function greys({ data }: DecodedImage, grey: (r: number, g: number, b: number) => number): Float64Array {
  return Float64Array.from({ length: data.length / 3 }, (_, i) =>
    grey(data[3 * i] as number, data[3 * i + 1] as number, data[3 * i + 2] as number),
  );
}

/** Luma in thousandths, with the weights of ITU-R 601-2. */
const thousandths = (r: number, g: number, b: number) => r * 299 + g * 587 + b * 114;

/** Floyd and Steinberg's error diffusion in sixteenths, integer division as in Pillow: 1 for white. */
function dither(image: DecodedImage): Uint8Array {
  const { height, width } = image;
  const grey = greys(image, (r, g, b) => Math.trunc(thousandths(r, g, b) / 1000));
  const target = new Uint8Array(height * width);
  const below = new Int32Array(width + 2);
  for (let y = 0; y < height; y++) {
    let right = 0;
    let left = 0;
    let under = 0;
    for (let x = 0; x < width; x++) {
      const wanted = (grey[y * width + x] as number) + Math.trunc((right + (below[x + 1] as number)) / 16);
      const value = Math.min(255, Math.max(0, wanted));
      const white = value > 128;
      target[y * width + x] = white ? 1 : 0;
      const error = value - (white ? 255 : 0);
      below[x] = 3 * error + left;
      left = 5 * error + under;
      under = error;
      right = 7 * error;
    }
    below[width] = left;
  }
  return target;
}
