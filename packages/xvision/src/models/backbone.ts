/** @file What an encoder is to a decoder: features by stage, and what each stage gives. */

import { ArgumentError, type nn } from '@edgeai/torch';

/** What one stage gives: channels, and how much smaller than the image. */
export interface Tap {
  readonly channels: number;
  readonly stride: number;
}

/** The convolutional part of a network: the children of `features` run one after another. */
export interface Backbone {
  readonly features: nn.Sequential;
  /** One a child of `features`. */
  readonly taps: readonly Tap[];
}

/** Strides of the five places where a network may halve the resolution. */
export type Strides = readonly [number, number, number, number, number];

/** What all backbones take. */
export interface BackboneOptions {
  /** Default 3. */
  inputChannels?: number;
  /** Default 2, 2, 2, 2, 2; a last stride of 1 gives features at a sixteenth of the image, first strides of 1 suit small images. */
  strides?: Strides | readonly number[];
  /** Multiplies all widths. Default 1. */
  widthMult?: number;
  /** Halves the resolution once more, early. Default `false`. */
  fastdown?: boolean;
}

/** @throws {ArgumentError} unless there are five strides of 1 or 2 */
export function checkStrides(strides: readonly number[] = [2, 2, 2, 2, 2]): Strides {
  if (!Array.isArray(strides) || strides.length !== 5 || strides.some((stride) => stride !== 1 && stride !== 2))
    throw ArgumentError.expected('strides', 'five strides, each 1 or 2', strides);
  return strides as unknown as Strides;
}
