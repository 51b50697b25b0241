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
import { repr } from './repr.ts';

/** A size, or one for each spatial dimension; `null` keeps the input's. */
export type OutputSize1 = number | null | readonly [number | null];
export type OutputSize2 = number | null | readonly [number | null, number | null];
export type OutputSize3 = number | null | readonly [number | null, number | null, number | null];

abstract class AdaptivePool extends Module {
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

abstract class AdaptiveAvgPool extends AdaptivePool {
  forward(input: Tensor): Tensor {
    return callOp(this.operator, input, completeOutputSize(input, this.outputSize, this.dims)) as Tensor;
  }
}

abstract class AdaptiveMaxPool extends AdaptivePool {
  forward(input: Tensor): Tensor {
    return this.withIndices(input)[0];
  }

  /** The maxima, and where in its flattened channel each was found. */
  withIndices(input: Tensor): [Tensor, Tensor] {
    return callOp(this.operator, input, completeOutputSize(input, this.outputSize, this.dims)) as [Tensor, Tensor];
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
export class AdaptiveMaxPool1d extends AdaptiveMaxPool {
  constructor(outputSize: OutputSize1) {
    super(outputSize);
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
export class AdaptiveMaxPool2d extends AdaptiveMaxPool {
  constructor(outputSize: OutputSize2) {
    super(outputSize);
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
export class AdaptiveMaxPool3d extends AdaptiveMaxPool {
  constructor(outputSize: OutputSize3) {
    super(outputSize);
  }

  protected override get dims(): number {
    return 3;
  }

  protected override get operator(): Operator {
    return adaptiveMaxPool3d$;
  }
}
