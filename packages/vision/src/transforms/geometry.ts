/** @file Transforms that always move pixels the same way: resize, crops, pad. */

import { data, nn, type Tensor } from '@edgeai/torch';
import { fiveCrop, tenCrop } from './functional/crops.ts';
import { centerCrop, type PadOptions, pad } from './functional/geometry.ts';
import { type ResizeOptions, resize, resizesBytes } from './functional/resize.ts';
import { contribute, type PhotoDraft } from './photo-draft.ts';
import { centreOf, type Padding, pairOf, resizedSize, type Size, sidesOf } from './size.ts';

/**
 * Resizes: to [height, width], or so that the shorter side gets the given length. uint8 images are resized with Pillow's
 * arithmetic, see {@link ResizeOptions}.
 */
@data.portable(import.meta.url)
export class Resize extends nn.Module<[Tensor], Tensor> {
  readonly size: Size;
  readonly options: ResizeOptions;

  constructor(size: Size, options: ResizeOptions = {}) {
    super();
    pairOf(size);
    this.size = size;
    this.options = options;
  }

  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    const { interpolation = 'bilinear', maxSize } = this.options;
    if (!draft.isWhole || !resizesBytes(this.options)) return false;
    const size = resizedSize(draft.height, draft.width, this.size, maxSize);
    draft.resize([0, 0, draft.height, draft.width], size, interpolation);
    return true;
  }

  forward(image: Tensor): Tensor {
    return resize(image, this.size, this.options);
  }

  override extraRepr(): string {
    return `size=${this.size}, interpolation=${this.options.interpolation ?? 'bilinear'}`;
  }
}

/** The middle of the image, padded with zeros where the image is smaller. */
@data.portable(import.meta.url)
export class CenterCrop extends nn.Module<[Tensor], Tensor> {
  readonly size: readonly [number, number];

  constructor(size: Size) {
    super();
    this.size = pairOf(size);
  }

  /** @internal */
  [contribute](draft: PhotoDraft): boolean {
    const [height, width] = this.size;
    return draft.crop(...centreOf(draft, height, width), height, width);
  }

  forward(image: Tensor): Tensor {
    return centerCrop(image, this.size);
  }

  override extraRepr(): string {
    return `size=${this.size}`;
  }
}

/** The four corners and the middle of the image. */
@data.portable(import.meta.url)
export class FiveCrop extends nn.Module<[Tensor], Tensor[]> {
  readonly size: readonly [number, number];

  constructor(size: Size) {
    super();
    this.size = pairOf(size);
  }

  forward(image: Tensor): Tensor[] {
    return fiveCrop(image, this.size);
  }

  override extraRepr(): string {
    return `size=${this.size}`;
  }
}

export interface TenCropOptions {
  /** Turn upside down for the second five crops, rather than mirror left to right. Default false. */
  verticalFlip?: boolean;
}

/** The four corners and the middle of the image, and of its mirror image. */
@data.portable(import.meta.url)
export class TenCrop extends nn.Module<[Tensor], Tensor[]> {
  readonly size: readonly [number, number];
  readonly verticalFlip: boolean;

  constructor(size: Size, options: TenCropOptions = {}) {
    super();
    this.size = pairOf(size);
    this.verticalFlip = options.verticalFlip ?? false;
  }

  forward(image: Tensor): Tensor[] {
    return tenCrop(image, this.size, this.verticalFlip);
  }

  override extraRepr(): string {
    return `size=${this.size}, verticalFlip=${this.verticalFlip}`;
  }
}

/** Adds pixels at the sides: one number, [x, y] or [left, top, right, bottom]. */
@data.portable(import.meta.url)
export class Pad extends nn.Module<[Tensor], Tensor> {
  readonly padding: Padding;
  readonly options: PadOptions;

  constructor(padding: Padding, options: PadOptions = {}) {
    super();
    sidesOf(padding);
    this.padding = padding;
    this.options = options;
  }

  forward(image: Tensor): Tensor {
    return pad(image, this.padding, this.options);
  }

  override extraRepr(): string {
    return `padding=${this.padding}, mode=${this.options.paddingMode ?? 'constant'}`;
  }
}
