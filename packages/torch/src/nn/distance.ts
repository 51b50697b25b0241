/** @file Layers that measure how far two batches of vectors are apart. */

import { callOp } from '../core/dispatch.ts';
import { cosineSimilarity$, pairwiseDistance$ } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { Module } from './module.ts';

export interface CosineSimilarityOptions {
  /** Default 1. */
  dim?: number;
  /** Least product of norms to divide by. Default 1e-8. */
  eps?: number;
}

/** Cosine of the angle between two tensors along a dimension. */
export class CosineSimilarity extends Module<[Tensor, Tensor], Tensor> {
  dim: number;
  eps: number;

  constructor(options: CosineSimilarityOptions = {}) {
    super();
    this.dim = options.dim ?? 1;
    this.eps = options.eps ?? 1e-8;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return callOp(cosineSimilarity$, x1, x2, this.dim, this.eps) as Tensor;
  }
}

export interface PairwiseDistanceOptions {
  /** Exponent of the norm. Default 2. */
  p?: number;
  /** Added to the differences. Default 1e-6. */
  eps?: number;
  /** Default `false`. */
  keepdim?: boolean;
}

/** p-norm of the difference of two tensors along the last dimension. */
export class PairwiseDistance extends Module<[Tensor, Tensor], Tensor> {
  norm: number;
  eps: number;
  keepdim: boolean;

  constructor(options: PairwiseDistanceOptions = {}) {
    super();
    this.norm = options.p ?? 2;
    this.eps = options.eps ?? 1e-6;
    this.keepdim = options.keepdim ?? false;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return callOp(pairwiseDistance$, x1, x2, this.norm, this.eps, this.keepdim) as Tensor;
  }
}
