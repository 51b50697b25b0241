/** @file Enlarging feature maps by a whole factor: interpolation alone, or with the convolutions that `interpolationType` names. */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type Activation, ConvDWSepNormAct2d, ConvNormAct2d, relu } from './conv.ts';

/** How maps are enlarged. */
export const INTERPOLATION_TYPES = [
  'upsample',
  'deconv',
  'upsample_conv',
  'upsample_dwconv',
  'upsample_dwconv3_dil3',
  'subpixel_conv',
  'pixel_shuffle',
] as const;
export type InterpolationType = (typeof INTERPOLATION_TYPES)[number];

/** Whether the convolutions of an enlargement may also change the number of channels. */
export function changesChannels(type: InterpolationType): boolean {
  return type !== 'upsample' && !type.startsWith('upsample_dwconv');
}

/** Interpolation by a factor. `(N, C, H, W)` to `(N, C, factor · H, factor · W)`. */
export class ResizeWith extends nn.Module {
  readonly scaleFactor: number;
  readonly mode: 'bilinear' | 'nearest';

  constructor(scaleFactor: number, mode: 'bilinear' | 'nearest' = 'bilinear') {
    super();
    this.scaleFactor = scaleFactor;
    this.mode = mode;
  }

  forward(x: Tensor): Tensor {
    return nn.functional.interpolate(x, { scaleFactor: this.scaleFactor, mode: this.mode });
  }

  override extraRepr(): string {
    return `scaleFactor=${this.scaleFactor}, mode=${this.mode}`;
  }
}

export interface UpsampleOptions {
  /** Default `'upsample'`. */
  type?: InterpolationType;
  /** Default `'bilinear'`. */
  mode?: 'bilinear' | 'nearest';
  /** The last layer of a network: no norm and no activation at its end. Default `false`. */
  isFinal?: boolean;
  /** What ends the last layer, such as a limit of the range. Default none. */
  finalActivation?: Activation | null;
}

/** An odd kernel about one and a half times the factor; an even one would change the size. */
function kernelFor(factor: number): number {
  const kernel = Math.trunc(1.5 * factor + 1);
  return kernel % 2 === 0 ? kernel + 1 : kernel;
}

/**
 * A layer that enlarges `(N, inChannels, H, W)` to `(N, outChannels, factor · H, factor · W)`.
 *
 * @throws {ArgumentError} for types that keep the channels, when `inChannels` and `outChannels` differ
 */
export function upsampleWith(
  inChannels: number,
  outChannels: number,
  factor: number,
  options: UpsampleOptions = {},
): nn.Module {
  const { type = 'upsample', mode = 'bilinear', isFinal = false, finalActivation = null } = options;
  if (!changesChannels(type) && inChannels !== outChannels)
    throw ArgumentError.expected('outChannels', `${inChannels}, as interpolation type ${type} keeps them`, outChannels);
  const end = isFinal ? finalActivation : relu;
  const separable = (out: number, kernel: number) =>
    new ConvDWSepNormAct2d(inChannels, out, kernel, { norm: [true, !isFinal], activation: [null, end] });
  switch (type) {
    case 'upsample':
      return new ResizeWith(factor, mode);
    case 'deconv':
      return new nn.Sequential(
        new nn.Sequential(
          new nn.Sequential(
            new nn.ConvTranspose2d(inChannels, inChannels, 2 * factor, {
              stride: factor,
              padding: Math.floor(factor / 2),
              groups: inChannels,
              bias: false,
            }),
            new nn.BatchNorm2d(inChannels),
          ),
          new ConvNormAct2d(inChannels, outChannels, 1, { norm: !isFinal, activation: end }),
        ),
      );
    case 'upsample_conv':
      return new nn.Sequential(new ResizeWith(factor, mode), separable(outChannels, kernelFor(factor)));
    case 'upsample_dwconv':
    case 'upsample_dwconv3_dil3': {
      const wide = type === 'upsample_dwconv' && isFinal;
      const spatial = new ConvNormAct2d(inChannels, outChannels, wide ? kernelFor(factor) : 3, {
        dilation: wide ? 1 : 3,
        groups: inChannels,
        bias: true,
        norm: false,
        activation: end,
      });
      return new nn.Sequential(new ResizeWith(factor, mode), spatial);
    }
    case 'subpixel_conv':
    case 'pixel_shuffle':
      return new nn.Sequential(
        separable(outChannels * factor * factor, factor % 2 === 0 ? factor + 1 : factor),
        new nn.PixelShuffle(factor),
      );
  }
}
