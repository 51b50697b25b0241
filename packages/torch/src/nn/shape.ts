/** @file Layers that only rearrange: flatten and unflatten. */

import { callOp } from '../core/dispatch.ts';
import { flatten$using_ints } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { Module } from './module.ts';
import { repr } from './repr.ts';

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
