/** @file Less usual pooling layers: power-average, unpooling, and fractional max pooling. */

import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import {
  type FractionalMaxPoolOptions,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3dWithIndices,
  type LPPoolOptions,
  lpPool1d,
  lpPool2d,
  type MaxUnpoolOptions,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from './functional/pooling.ts';
import { Module } from './module.ts';
import { Buffer } from './parameter.ts';
import type { MaxPoolOutput } from './pooling.ts';
import { repr } from './repr.ts';
import { expandSize, type Size1, type Size2, type Size3, type SizeN } from './sizes.ts';

abstract class LPPool<S extends SizeN> extends Module {
  normType: number;
  kernelSize: S;
  stride: S | null;
  ceilMode: boolean;

  constructor(normType: number, kernelSize: S, options: LPPoolOptions<S> = {}) {
    super();
    this.normType = normType;
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? null;
    this.ceilMode = options.ceilMode ?? false;
  }

  override extraRepr(): string {
    return `norm_type=${repr(this.normType)}, kernel_size=${repr(this.kernelSize)}, stride=${repr(this.stride)}, ceil_mode=${repr(this.ceilMode)}`;
  }
}

/** The p-norm of windows of `(N, C, L)`. */
export class LPPool1d extends LPPool<Size1> {
  forward(input: Tensor): Tensor {
    return lpPool1d(input, this.normType, this.kernelSize, this);
  }
}

/** The p-norm of windows of `(N, C, H, W)`. */
export class LPPool2d extends LPPool<Size2> {
  forward(input: Tensor): Tensor {
    return lpPool2d(input, this.normType, this.kernelSize, this);
  }
}

export interface MaxUnpoolLayerOptions<S extends SizeN> {
  /** Default: the kernel size. */
  stride?: S | null;
  /** Default 0. */
  padding?: S;
}

type Unpool = (input: Tensor, indices: Tensor, kernelSize: SizeN, options: MaxUnpoolOptions) => Tensor;

abstract class MaxUnpool<S extends SizeN> extends Module<[Tensor, Tensor, (readonly number[])?], Tensor> {
  kernelSize: readonly number[];
  stride: readonly number[];
  padding: readonly number[];

  constructor(kernelSize: S, options: MaxUnpoolLayerOptions<S>, dims: number) {
    super();
    this.kernelSize = expandSize('kernelSize', kernelSize, dims);
    this.stride = expandSize('stride', options.stride ?? kernelSize, dims);
    this.padding = expandSize('padding', options.padding ?? 0, dims);
  }

  protected abstract get unpool(): Unpool;

  /**
   * @param indices where the max pool found the values
   * @param outputSize spatial size (or whole shape) of the result, where several sizes pool to the input's
   */
  forward(input: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    const { kernelSize, stride, padding } = this;
    return this.unpool(input, indices, kernelSize, { stride, padding, outputSize });
  }

  override extraRepr(): string {
    return `kernel_size=${repr(this.kernelSize)}, stride=${repr(this.stride)}, padding=${repr(this.padding)}`;
  }
}

/** Undoes `MaxPool1d` as far as possible. */
export class MaxUnpool1d extends MaxUnpool<Size1> {
  constructor(kernelSize: Size1, options: MaxUnpoolLayerOptions<Size1> = {}) {
    super(kernelSize, options, 1);
  }

  protected override get unpool(): Unpool {
    return maxUnpool1d;
  }
}

/** Undoes `MaxPool2d` as far as possible. */
export class MaxUnpool2d extends MaxUnpool<Size2> {
  constructor(kernelSize: Size2, options: MaxUnpoolLayerOptions<Size2> = {}) {
    super(kernelSize, options, 2);
  }

  protected override get unpool(): Unpool {
    return maxUnpool2d;
  }
}

/** Undoes `MaxPool3d` as far as possible. */
export class MaxUnpool3d extends MaxUnpool<Size3> {
  constructor(kernelSize: Size3, options: MaxUnpoolLayerOptions<Size3> = {}) {
    super(kernelSize, options, 3);
  }

  protected override get unpool(): Unpool {
    return maxUnpool3d;
  }
}

export interface FractionalMaxPoolLayerOptions<R extends boolean> extends FractionalMaxPoolOptions {
  /** Return `[maxima, indices]`. Default `false`. */
  returnIndices?: R;
}

abstract class FractionalMaxPool<R extends boolean> extends Module<[Tensor], MaxPoolOutput<R>> {
  kernelSize: readonly number[];
  outputSize: readonly number[] | null;
  outputRatio: readonly number[] | null;
  returnIndices: boolean;
  _random_samples: Buffer | null;

  constructor(kernelSize: SizeN, options: FractionalMaxPoolLayerOptions<R>, dims: number) {
    super();
    const { outputSize, outputRatio, randomSamples } = options;
    if ((outputSize == null) === (outputRatio == null)) {
      throw new ArgumentError('outputSize', 'Expected either outputSize or outputRatio');
    }
    this.kernelSize = expandSize('kernelSize', kernelSize, dims);
    this.outputSize = outputSize == null ? null : expandSize('outputSize', outputSize, dims);
    this.outputRatio = outputRatio == null ? null : expandSize('outputRatio', outputRatio, dims);
    this.returnIndices = options.returnIndices ?? false;
    this._random_samples = randomSamples == null ? null : new Buffer(randomSamples);
    if (this.outputRatio?.some((ratio) => !(ratio > 0 && ratio < 1))) {
      throw ArgumentError.expected('outputRatio', 'ratios between 0 and 1', repr(this.outputRatio));
    }
  }

  protected abstract pool(input: Tensor, options: FractionalMaxPoolOptions): [Tensor, Tensor];

  forward(input: Tensor): MaxPoolOutput<R> {
    const { outputSize, outputRatio, _random_samples: randomSamples } = this;
    const both = this.pool(input, { outputSize, outputRatio, randomSamples });
    return (this.returnIndices ? both : both[0]) as MaxPoolOutput<R>;
  }
}

/** Maxima of `(N, C, H, W)` over windows of random places. */
export class FractionalMaxPool2d<R extends boolean = false> extends FractionalMaxPool<R> {
  constructor(kernelSize: Size2, options: FractionalMaxPoolLayerOptions<R>) {
    super(kernelSize, options, 2);
  }

  protected override pool(input: Tensor, options: FractionalMaxPoolOptions): [Tensor, Tensor] {
    return fractionalMaxPool2dWithIndices(input, this.kernelSize, options);
  }
}

/** Maxima of `(N, C, D, H, W)` over windows of random places. */
export class FractionalMaxPool3d<R extends boolean = false> extends FractionalMaxPool<R> {
  constructor(kernelSize: Size3, options: FractionalMaxPoolLayerOptions<R>) {
    super(kernelSize, options, 3);
  }

  protected override pool(input: Tensor, options: FractionalMaxPoolOptions): [Tensor, Tensor] {
    return fractionalMaxPool3dWithIndices(input, this.kernelSize, options);
  }
}
