/** @file The preprocessing of weights that look at whole images, videos or pairs of images, each as one transform. */

import { data, isFloatingPoint, nn, scope, type Tensor } from '@edgeai/torch';
import { centerCrop } from './functional/geometry.ts';
import { resize } from './functional/resize.ts';
import { convertImageDtype, normalize } from './functional/values.ts';
import type { Interpolation } from './pillow-filters.ts';
import { IMAGENET_MEAN, IMAGENET_STD } from './presets.ts';
import type { Size } from './size.ts';

function toFloat(image: Tensor): Tensor {
  return isFloatingPoint(image.dtype) ? image : convertImageDtype(image, 'float32');
}

export interface SemanticSegmentationOptions {
  /** Length of the shorter side, or [height, width]; `null` leaves the size. */
  resizeSize: Size | null;
  /** Default ImageNet's. */
  mean?: readonly number[];
  /** Default ImageNet's. */
  std?: readonly number[];
  /** Default 'bilinear'. */
  interpolation?: Interpolation;
  /** Default true. */
  antialias?: boolean;
}

/** Resize, conversion to float32, normalisation. An image [channels, height, width], or a batch of them. */
@data.portable(import.meta.url)
export class SemanticSegmentation extends nn.Module<[Tensor], Tensor> {
  readonly resizeSize: Size | null;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly interpolation: Interpolation;
  readonly antialias: boolean | undefined;

  constructor(options: SemanticSegmentationOptions) {
    super();
    this.resizeSize = options.resizeSize;
    this.mean = options.mean ?? IMAGENET_MEAN;
    this.std = options.std ?? IMAGENET_STD;
    this.interpolation = options.interpolation ?? 'bilinear';
    this.antialias = options.antialias;
  }

  forward(image: Tensor): Tensor {
    const { resizeSize, interpolation, antialias } = this;
    const resized = resizeSize === null ? image : resize(image, resizeSize, { interpolation, antialias });
    return normalize(toFloat(resized), this.mean, this.std);
  }

  override extraRepr(): string {
    return `resizeSize=${this.resizeSize}, mean=[${this.mean.join(', ')}], std=[${this.std.join(', ')}], interpolation=${this.interpolation}`;
  }
}

export interface VideoClassificationOptions {
  cropSize: Size;
  /** Length of the shorter side, or [height, width]. */
  resizeSize: Size;
  /** Default Kinetics-400's. */
  mean?: readonly number[];
  /** Default Kinetics-400's. */
  std?: readonly number[];
  /** Default 'bilinear'. */
  interpolation?: Interpolation;
}

/**
 * Resize without smoothing, centre crop, conversion to float32, normalisation of each frame; then channels before time.
 * [frames, channels, height, width] to [channels, frames, cropped height, cropped width], or a batch of both.
 */
@data.portable(import.meta.url)
export class VideoClassification extends nn.Module<[Tensor], Tensor> {
  readonly cropSize: Size;
  readonly resizeSize: Size;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly interpolation: Interpolation;

  constructor(options: VideoClassificationOptions) {
    super();
    this.cropSize = options.cropSize;
    this.resizeSize = options.resizeSize;
    this.mean = options.mean ?? [0.43216, 0.394666, 0.37645];
    this.std = options.std ?? [0.22803, 0.22145, 0.216989];
    this.interpolation = options.interpolation ?? 'bilinear';
  }

  forward(frames: Tensor): Tensor {
    // The networks were trained on frames resized so.
    const options = { interpolation: this.interpolation, antialias: false };
    const cropped = centerCrop(resize(frames, this.resizeSize, options), this.cropSize);
    return normalize(toFloat(cropped), this.mean, this.std).transpose(-4, -3).contiguous();
  }

  override extraRepr(): string {
    return `cropSize=${this.cropSize}, resizeSize=${this.resizeSize}, mean=[${this.mean.join(', ')}], std=[${this.std.join(', ')}], interpolation=${this.interpolation}`;
  }
}

/** An image as float32 in 0 … 1: detectors resize and normalise by themselves. */
@data.portable(import.meta.url)
export class ObjectDetection extends nn.Module<[Tensor], Tensor> {
  forward(image: Tensor): Tensor {
    return toFloat(image);
  }
}

/** Both images as float32 in -1 … 1. */
@data.portable(import.meta.url)
export class OpticalFlow extends nn.Module<[Tensor, Tensor], [Tensor, Tensor]> {
  forward(first: Tensor, second: Tensor): [Tensor, Tensor] {
    return [toSigned(first), toSigned(second)];
  }
}

function toSigned(image: Tensor): Tensor {
  return scope(() => {
    const half = new Array<number>(image.size(-3)).fill(0.5);
    return normalize(toFloat(image), half, half).contiguous();
  });
}
