/** @file Layers that change the spatial size by resampling or by moving channels. */

import { callOp } from '../core/dispatch.ts';
import { channelShuffle$, pixelShuffle$, pixelUnshuffle$ } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { type InterpolateOptions, type InterpolationMode, interpolate } from './functional/interpolate.ts';
import { Module } from './module.ts';
import { float, repr } from './repr.ts';
import type { Size2, SizeN } from './sizes.ts';

export type UpsampleOptions = Omit<InterpolateOptions, 'antialias'>;

/** Resamples `(N, C, …)` to a size or by a factor; see `functional.interpolate`. */
export class Upsample extends Module {
  size: SizeN | null;
  scaleFactor: SizeN | null;
  mode: InterpolationMode;
  alignCorners: boolean | null;
  recomputeScaleFactor: boolean | null;

  constructor(options: UpsampleOptions) {
    super();
    this.size = options.size ?? null;
    this.scaleFactor = options.scaleFactor ?? null;
    this.mode = options.mode ?? 'nearest';
    this.alignCorners = options.alignCorners ?? null;
    this.recomputeScaleFactor = options.recomputeScaleFactor ?? null;
  }

  forward(input: Tensor): Tensor {
    return interpolate(input, this);
  }

  override extraRepr(): string {
    const { scaleFactor } = this;
    const factors =
      typeof scaleFactor === 'number' ? float(scaleFactor) : `(${(scaleFactor ?? []).map(float).join(', ')})`;
    return `${scaleFactor === null ? `size=${repr(this.size)}` : `scale_factor=${factors}`}, mode=${this.mode}`;
  }
}

export interface Upsampling2dOptions {
  /** Either this or `scaleFactor`. */
  size?: Size2 | null;
  scaleFactor?: Size2 | null;
}

/** Repeats the elements of `(N, C, H, W)`. */
export class UpsamplingNearest2d extends Upsample {
  constructor({ size, scaleFactor }: Upsampling2dOptions) {
    super({ size, scaleFactor, mode: 'nearest' });
  }
}

/** Bilinear resampling of `(N, C, H, W)` with aligned corners. */
export class UpsamplingBilinear2d extends Upsample {
  constructor({ size, scaleFactor }: Upsampling2dOptions) {
    super({ size, scaleFactor, mode: 'bilinear', alignCorners: true });
  }
}

/** `(…, C · r², H, W)` to `(…, C, H · r, W · r)`. */
export class PixelShuffle extends Module {
  upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  forward(input: Tensor): Tensor {
    return callOp(pixelShuffle$, input, this.upscaleFactor) as Tensor;
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/** `(…, C, H · r, W · r)` to `(…, C · r², H, W)`. */
export class PixelUnshuffle extends Module {
  downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  forward(input: Tensor): Tensor {
    return callOp(pixelUnshuffle$, input, this.downscaleFactor) as Tensor;
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/** Interleaves the channels of `groups` groups. */
export class ChannelShuffle extends Module {
  groups: number;

  constructor(groups: number) {
    super();
    this.groups = groups;
  }

  forward(input: Tensor): Tensor {
    return callOp(channelShuffle$, input, this.groups) as Tensor;
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}
