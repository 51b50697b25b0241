/** @file Layers that only rearrange: flatten and unflatten, fold and unfold. */

import { callOp } from '../core/dispatch.ts';
import { flatten$using_ints } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { type BlockOptions, fold, unfold } from './functional/sampling.ts';
import { Module } from './module.ts';
import { repr } from './repr.ts';
import type { Size2 } from './sizes.ts';

/** Joins the dimensions from `startDim` to `endDim`; by default all but the batch. */
export class Flatten extends Module {
  startDim: number;
  endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(input: Tensor): Tensor {
    return callOp(flatten$using_ints, input, this.startDim, this.endDim) as Tensor;
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Splits a dimension into several, one of whose sizes may be −1. */
export class Unflatten extends Module {
  dimension: number;
  unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dimension = dim;
    this.unflattenedSize = [...unflattenedSize];
  }

  forward(input: Tensor): Tensor {
    const { shape } = input;
    const dim = this.dimension < 0 ? this.dimension + shape.length : this.dimension;
    return input.unflatten(dim, [...this.unflattenedSize]);
  }

  override extraRepr(): string {
    return `dim=${this.dimension}, unflattened_size=${repr(this.unflattenedSize)}`;
  }
}

abstract class Blocks extends Module {
  kernelSize: Size2;
  dilation: Size2;
  padding: Size2;
  stride: Size2;

  constructor(kernelSize: Size2, options: BlockOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.dilation = options.dilation ?? 1;
    this.padding = options.padding ?? 0;
    this.stride = options.stride ?? 1;
  }

  override extraRepr(): string {
    return `kernel_size=${repr(this.kernelSize)}, dilation=${repr(this.dilation)}, padding=${repr(this.padding)}, stride=${repr(this.stride)}`;
  }
}

/** The blocks under a sliding window of `(N, C, H, W)`, as columns: `(N, C · window, blocks)`. */
export class Unfold extends Blocks {
  forward(input: Tensor): Tensor {
    return unfold(input, this.kernelSize, this);
  }
}

/** Adds columns of blocks up to an image: the reverse of `Unfold` where blocks do not overlap. */
export class Fold extends Blocks {
  outputSize: Size2;

  constructor(outputSize: Size2, kernelSize: Size2, options: BlockOptions = {}) {
    super(kernelSize, options);
    this.outputSize = outputSize;
  }

  forward(input: Tensor): Tensor {
    return fold(input, this.outputSize, this.kernelSize, this);
  }

  override extraRepr(): string {
    return `output_size=${repr(this.outputSize)}, ${super.extraRepr()}`;
  }
}
