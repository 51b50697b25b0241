/** @file Max and average pooling with windows of a given size. */

import { callOp, type Operator } from '../core/dispatch.ts';
import {
  avgPool1d$,
  avgPool2d$,
  avgPool3d$,
  maxPool1d$,
  maxPool1dWithIndices$,
  maxPool2d$,
  maxPool2dWithIndices$,
  maxPool3d$,
  maxPool3dWithIndices$,
} from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { Module } from './module.ts';
import { repr } from './repr.ts';
import type { SizeN, SizeOf } from './sizes.ts';

/** What a max pool returns: the maxima, with where they were found if asked for. */
export type MaxPoolOutput<R extends boolean> = R extends true ? [Tensor, Tensor] : Tensor;

export interface MaxPoolOptions<D extends 1 | 2 | 3 = 2, R extends boolean = boolean> {
  /** Default: the kernel size. */
  stride?: SizeOf<D> | null;
  /** −∞ at both ends of each spatial dimension. Default 0. */
  padding?: SizeOf<D>;
  /** Default 1. */
  dilation?: SizeOf<D>;
  /** Round the output size up instead of down. Default `false`. */
  ceilMode?: boolean;
  /** Return `[maxima, indices]`: `MaxUnpool` takes the positions in the flattened channel. Default `false`. */
  returnIndices?: R;
}

export interface AvgPoolOptions<D extends 1 | 2 | 3 = 2> {
  /** Default: the kernel size. */
  stride?: SizeOf<D> | null;
  /** Zeros at both ends of each spatial dimension. Default 0. */
  padding?: SizeOf<D>;
  /** Round the output size up instead of down. Default `false`. */
  ceilMode?: boolean;
  /** Whether the padding counts in the average. Default `true`. */
  countIncludePad?: boolean;
  /** Divides the sum instead of the window's size. Not in `AvgPool1d`. */
  divisorOverride?: number | null;
}

interface AnyMaxPoolOptions {
  stride?: SizeN | null;
  padding?: SizeN;
  dilation?: SizeN;
  ceilMode?: boolean;
  returnIndices?: boolean;
}

abstract class MaxPool<R extends boolean> extends Module<[Tensor], MaxPoolOutput<R>> {
  kernelSize: SizeN;
  stride: SizeN;
  padding: SizeN;
  dilation: SizeN;
  ceilMode: boolean;
  returnIndices: boolean;

  constructor(kernelSize: SizeN, options: AnyMaxPoolOptions) {
    super();
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
    this.returnIndices = options.returnIndices ?? false;
  }

  protected abstract get values(): Operator;
  protected abstract get valuesAndIndices(): Operator;

  forward(input: Tensor): MaxPoolOutput<R> {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    const operator = this.returnIndices ? this.valuesAndIndices : this.values;
    return callOp(operator, input, kernelSize, stride, padding, dilation, ceilMode) as MaxPoolOutput<R>;
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return `kernel_size=${repr(kernelSize)}, stride=${repr(stride)}, padding=${repr(padding)}, dilation=${repr(dilation)}, ceil_mode=${repr(ceilMode)}`;
  }
}

/** Maxima of windows of `(N, C, L)`. */
export class MaxPool1d<R extends boolean = false> extends MaxPool<R> {
  constructor(kernelSize: SizeOf<1>, options: MaxPoolOptions<1, R> = {}) {
    super(kernelSize, options);
  }

  protected override get values(): Operator {
    return maxPool1d$;
  }

  protected override get valuesAndIndices(): Operator {
    return maxPool1dWithIndices$;
  }
}

/** Maxima of windows of `(N, C, H, W)`. */
export class MaxPool2d<R extends boolean = false> extends MaxPool<R> {
  constructor(kernelSize: SizeOf<2>, options: MaxPoolOptions<2, R> = {}) {
    super(kernelSize, options);
  }

  protected override get values(): Operator {
    return maxPool2d$;
  }

  protected override get valuesAndIndices(): Operator {
    return maxPool2dWithIndices$;
  }
}

/** Maxima of windows of `(N, C, D, H, W)`. */
export class MaxPool3d<R extends boolean = false> extends MaxPool<R> {
  constructor(kernelSize: SizeOf<3>, options: MaxPoolOptions<3, R> = {}) {
    super(kernelSize, options);
  }

  protected override get values(): Operator {
    return maxPool3d$;
  }

  protected override get valuesAndIndices(): Operator {
    return maxPool3dWithIndices$;
  }
}

interface AnyAvgPoolOptions {
  stride?: SizeN | null;
  padding?: SizeN;
  ceilMode?: boolean;
  countIncludePad?: boolean;
  divisorOverride?: number | null;
}

abstract class AvgPool extends Module {
  kernelSize: SizeN;
  stride: SizeN;
  padding: SizeN;
  ceilMode: boolean;
  countIncludePad: boolean;
  divisorOverride: number | null;

  constructor(kernelSize: SizeN, options: AnyAvgPoolOptions) {
    super();
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
  }

  protected abstract get operator(): Operator;

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return callOp(
      this.operator,
      input,
      kernelSize,
      stride,
      padding,
      ceilMode,
      countIncludePad,
      divisorOverride,
    ) as Tensor;
  }

  override extraRepr(): string {
    return `kernel_size=${repr(this.kernelSize)}, stride=${repr(this.stride)}, padding=${repr(this.padding)}`;
  }
}

/** Averages of windows of `(N, C, L)`. */
export class AvgPool1d extends AvgPool {
  constructor(kernelSize: SizeOf<1>, options: Omit<AvgPoolOptions<1>, 'divisorOverride'> = {}) {
    const single = (size: SizeOf<1> | undefined | null) => (typeof size === 'number' ? [size] : (size ?? undefined));
    const { stride, padding = 0 } = options;
    super(single(kernelSize) ?? [], { ...options, stride: single(stride), padding: single(padding) });
  }

  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return callOp(avgPool1d$, input, kernelSize, stride, padding, ceilMode, countIncludePad) as Tensor;
  }

  protected override get operator(): Operator {
    return avgPool1d$;
  }
}

/** Averages of windows of `(N, C, H, W)`. */
export class AvgPool2d extends AvgPool {
  constructor(kernelSize: SizeOf<2>, options: AvgPoolOptions<2> = {}) {
    super(kernelSize, options);
  }

  protected override get operator(): Operator {
    return avgPool2d$;
  }
}

/** Averages of windows of `(N, C, D, H, W)`. */
export class AvgPool3d extends AvgPool {
  constructor(kernelSize: SizeOf<3>, options: AvgPoolOptions<3> = {}) {
    super(kernelSize, options);
  }

  protected override get operator(): Operator {
    return avgPool3d$;
  }
}
