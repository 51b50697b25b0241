/** @file Images in memory as decoders give them (rows of interleaved bytes), and the way to and from tensors. */

import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';

/** An image as plain bytes: no tensor, so it can wait in a queue or travel between threads. */
export interface DecodedImage {
  /** Row after row, the channels of a pixel side by side; 0 … 255. */
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: number;
}

/** What the channels of an image shall be; torchvision's names. */
export type ImageReadMode = 'UNCHANGED' | 'GRAY' | 'GRAY_ALPHA' | 'RGB' | 'RGB_ALPHA';

/** The modes as constants: `ImageReadMode.RGB`. */
export const ImageReadMode = {
  UNCHANGED: 'UNCHANGED',
  GRAY: 'GRAY',
  GRAY_ALPHA: 'GRAY_ALPHA',
  RGB: 'RGB',
  RGB_ALPHA: 'RGB_ALPHA',
} as const satisfies Record<ImageReadMode, ImageReadMode>;

const CHANNELS: Record<Exclude<ImageReadMode, 'UNCHANGED'>, number> = { GRAY: 1, GRAY_ALPHA: 2, RGB: 3, RGB_ALPHA: 4 };

/** @throws {ArgumentError} naming the modes there are */
export function checkMode(mode: ImageReadMode): void {
  if (!Object.hasOwn(ImageReadMode, mode))
    throw ArgumentError.expected('mode', `one of ${Object.keys(ImageReadMode).join(', ')}`, mode);
}

/** The image as a uint8 tensor [channels, height, width], over a copy of its bytes and in their order (a view of [H, W, C]). */
export function imageToTensor(image: DecodedImage): Tensor {
  const { data, height, width, channels } = image;
  return scope(() => fromTypedArray(data, [height, width, channels]).permute([2, 0, 1]));
}

/**
 * The bytes of a uint8 tensor [channels, height, width], copied into rows of interleaved pixels.
 *
 * @param into memory to use; a new array when it is too small
 */
export function tensorToImage(image: Tensor, into?: Uint8Array): DecodedImage {
  const { shape } = image;
  const [channels = 0, height = 0, width = 0] = shape;
  if (image.dtype !== 'uint8' || shape.length !== 3 || channels < 1 || channels > 4) {
    throw new ArgumentError(
      'image',
      `Expected a uint8 image of shape [1…4 channels, height, width] but received ${image.dtype} [${shape.join(', ')}]`,
    );
  }
  const size = channels * height * width;
  const data = into !== undefined && into.length >= size ? into.subarray(0, size) : new Uint8Array(size);
  scope(() => image.permute([1, 2, 0]).copyTo(data));
  return { data, height, width, channels };
}

/** Pillow's weights for luma (ITU-R 601-2) in 16-bit fixed point. */
export function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/** The image with the channels that `mode` names. Missing alpha is opaque; alpha that is not wanted is dropped, not blended. */
export function toMode(image: DecodedImage, mode: ImageReadMode): DecodedImage {
  if (mode === 'UNCHANGED' || image.channels === CHANNELS[mode]) return image;
  const { height, width, channels: from } = image;
  const to = CHANNELS[mode];
  const source = image.data;
  const data = new Uint8Array(height * width * to);
  const colour = from >= 3;
  const hasAlpha = from === 2 || from === 4;
  for (let pixel = 0; pixel < height * width; pixel++) {
    const i = pixel * from;
    const o = pixel * to;
    const first = source[i] as number;
    if (to >= 3) {
      data[o] = first;
      data[o + 1] = colour ? (source[i + 1] as number) : first;
      data[o + 2] = colour ? (source[i + 2] as number) : first;
    } else {
      data[o] = colour ? luma(first, source[i + 1] as number, source[i + 2] as number) : first;
    }
    if (to === 2 || to === 4) data[o + to - 1] = hasAlpha ? (source[i + from - 1] as number) : 255;
  }
  return { data, height, width, channels: to };
}
