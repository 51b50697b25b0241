/** @file Pooling to a given output size, whatever the input's. */

import { callOp, type Operator } from '../core/dispatch.ts';
import {
  adaptiveAvgPool1d$,
  adaptiveAvgPool2d$,
  adaptiveAvgPool3d$,
  adaptiveMaxPool1d$,
  adaptiveMaxPool2d$,
  adaptiveMaxPool3d$,
} from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { completeOutputSize, type OutputSizeN } from './functional/pooling.ts';
import { Module } from './module.ts';
import type { MaxPoolOutput } from './pooling.ts';
import { repr } from './repr.ts';

/** A size, or one for each spatial dimension; `null` keeps the input's. */
export type OutputSize1 = number | null | readonly [number | null];
export type OutputSize2 = number | null | readonly [number | null, number | null];
export type OutputSize3 = number | null | readonly [number | null, number | null, number | null];

export interface AdaptiveMaxPoolOptions<R extends boolean = boolean> {
  /** Return `[maxima, indices]`. Default `false`. */
  returnIndices?: R;
}

abstract class AdaptivePool<Out> extends Module<[Tensor], Out> {
  outputSize: OutputSizeN;

  constructor(outputSize: OutputSizeN) {
    super();
    this.outputSize = outputSize;
  }

  protected abstract readonly dims: number;
  protected abstract readonly operator: Operator;

  override extraRepr(): string {
    return `output_size=${repr(this.outputSize)}`;
  }
}

abstract class AdaptiveAvgPool extends AdaptivePool<Tensor> {
  forward(input: Tensor): Tensor {
    return callOp(this.operator, input, completeOutputSize(input, this.outputSize, this.dims)) as Tensor;
  }
}

abstract class AdaptiveMaxPool<R extends boolean> extends AdaptivePool<MaxPoolOutput<R>> {
  returnIndices: boolean;

  constructor(outputSize: OutputSizeN, options: AdaptiveMaxPoolOptions<R>) {
    super(outputSize);
    this.returnIndices = options.returnIndices ?? false;
  }

  forward(input: Tensor): MaxPoolOutput<R> {
    const both = callOp(this.operator, input, completeOutputSize(input, this.outputSize, this.dims)) as [
      Tensor,
      Tensor,
    ];
    return (this.returnIndices ? both : both[0]) as MaxPoolOutput<R>;
  }
}

/** Averages of `(N, C, L)` over as many windows as the output size asks for. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool {
  constructor(outputSize: OutputSize1) {
    super(outputSize);
  }

  protected override get dims(): number {
    return 1;
  }

  protected override get operator(): Operator {
    return adaptiveAvgPool1d$;
  }
}

/** Maxima of `(N, C, L)` over as many windows as the output size asks for. */
export class AdaptiveMaxPool1d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  constructor(outputSize: OutputSize1, options: AdaptiveMaxPoolOptions<R> = {}) {
    super(outputSize, options);
  }

  protected override get dims(): number {
    return 1;
  }

  protected override get operator(): Operator {
    return adaptiveMaxPool1d$;
  }
}

/** Averages of `(N, C, H, W)` over as many windows as the output size asks for. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPool {
  constructor(outputSize: OutputSize2) {
    super(outputSize);
  }

  protected override get dims(): number {
    return 2;
  }

  protected override get operator(): Operator {
    return adaptiveAvgPool2d$;
  }
}

/** Maxima of `(N, C, H, W)` over as many windows as the output size asks for. */
export class AdaptiveMaxPool2d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  constructor(outputSize: OutputSize2, options: AdaptiveMaxPoolOptions<R> = {}) {
    super(outputSize, options);
  }

  protected override get dims(): number {
    return 2;
  }

  protected override get operator(): Operator {
    return adaptiveMaxPool2d$;
  }
}

/** Averages of `(N, C, D, H, W)` over as many windows as the output size asks for. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPool {
  constructor(outputSize: OutputSize3) {
    super(outputSize);
  }

  protected override get dims(): number {
    return 3;
  }

  protected override get operator(): Operator {
    return adaptiveAvgPool3d$;
  }
}

/** Maxima of `(N, C, D, H, W)` over as many windows as the output size asks for. */
export class AdaptiveMaxPool3d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  constructor(outputSize: OutputSize3, options: AdaptiveMaxPoolOptions<R> = {}) {
    super(outputSize, options);
  }

  protected override get dims(): number {
    return 3;
  }

  protected override get operator(): Operator {
    return adaptiveMaxPool3d$;
  }
}
