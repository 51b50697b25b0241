/** @file Multi-head attention as a layer. */

import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { type AttentionMasks, multiHeadAttentionForward } from './functional/attention.ts';
import { constant_, xavierNormal_, xavierUniform_ } from './init.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';
import { type FactoryOptions, Parameter } from './parameter.ts';

export interface MultiheadAttentionOptions extends FactoryOptions {
  /** Dropout of the attention weights while training. Default 0. */
  dropout?: number;
  /** Bias of the projections. Default `true`. */
  bias?: boolean;
  /** Append a learnt key and value. Default `false`. */
  addBiasKv?: boolean;
  /** Append a key and a value of zeros. Default `false`. */
  addZeroAttn?: boolean;
  /** Width of keys. Default: `embedDim`. */
  kdim?: number;
  /** Width of values. Default: `embedDim`. */
  vdim?: number;
  /** Inputs are `(N, L, E)` rather than `(L, N, E)`. Default `false`. */
  batchFirst?: boolean;
}

/** Attention of queries to keys in several heads; returns the result and the weights. */
export class MultiheadAttention extends Module<[Tensor, Tensor, Tensor, AttentionMasks?], [Tensor, Tensor | null]> {
  embedDim: number;
  kdim: number;
  vdim: number;
  numHeads: number;
  dropout: number;
  batchFirst: boolean;
  addZeroAttn: boolean;
  /** Separate projections, where keys or values have a width of their own. */
  q_proj_weight: Parameter | null;
  k_proj_weight: Parameter | null;
  v_proj_weight: Parameter | null;
  /** `(3 · embedDim, embedDim)`: the three projections in one. */
  in_proj_weight: Parameter | null;
  in_proj_bias: Parameter | null;
  out_proj: Linear;
  bias_k: Parameter | null;
  bias_v: Parameter | null;

  /** @throws {ArgumentError} unless the heads share `embedDim` evenly */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const { bias = true, addBiasKv = false, dtype, device } = options;
    if (embedDim % numHeads !== 0) {
      throw new ArgumentError(
        'embedDim',
        `Expected a multiple of numHeads (${numHeads}) for embedDim but received ${embedDim}`,
      );
    }
    const make = (...shape: number[]) => Parameter.empty(shape, { dtype, device });
    this.embedDim = embedDim;
    this.kdim = options.kdim ?? embedDim;
    this.vdim = options.vdim ?? embedDim;
    this.numHeads = numHeads;
    this.dropout = options.dropout ?? 0;
    this.batchFirst = options.batchFirst ?? false;
    this.addZeroAttn = options.addZeroAttn ?? false;
    const packed = this.kdim === embedDim && this.vdim === embedDim;
    this.q_proj_weight = packed ? null : make(embedDim, embedDim);
    this.k_proj_weight = packed ? null : make(embedDim, this.kdim);
    this.v_proj_weight = packed ? null : make(embedDim, this.vdim);
    this.in_proj_weight = packed ? make(3 * embedDim, embedDim) : null;
    this.in_proj_bias = bias ? make(3 * embedDim) : null;
    this.out_proj = new Linear(embedDim, embedDim, { bias, dtype, device });
    this.bias_k = addBiasKv ? make(1, 1, embedDim) : null;
    this.bias_v = addBiasKv ? make(1, 1, embedDim) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) {
      if (weight !== null) xavierUniform_(weight);
    }
    if (this.in_proj_bias !== null) constant_(this.in_proj_bias, 0);
    if (this.in_proj_bias !== null && this.out_proj.bias !== null) constant_(this.out_proj.bias, 0);
    for (const extra of [this.bias_k, this.bias_v]) if (extra !== null) xavierNormal_(extra);
  }

  /**
   * @param query `(L, N, E)`, with `batchFirst` `(N, L, E)`, or `(L, E)`
   * @param key `(S, N, kdim)` likewise; pass the same object as `query` for self-attention
   * @param value `(S, N, vdim)` likewise
   */
  forward(query: Tensor, key: Tensor, value: Tensor, masks: AttentionMasks = {}): [Tensor, Tensor | null] {
    const swap = this.batchFirst && query.ndim === 3;
    const q = swap ? query.transpose(1, 0) : query;
    // Which of the three are one and the same decides how they are projected.
    const k = key === query ? q : swap ? key.transpose(1, 0) : key;
    const v = value === key ? k : value === query ? q : swap ? value.transpose(1, 0) : value;
    const [output, weights] = multiHeadAttentionForward(q, k, v, {
      ...masks,
      numHeads: this.numHeads,
      projections: this.projections(),
      inProjBias: this.in_proj_bias,
      outProjWeight: this.out_proj.weight,
      outProjBias: this.out_proj.bias,
      biasK: this.bias_k,
      biasV: this.bias_v,
      addZeroAttn: this.addZeroAttn,
      dropout: this.dropout,
      training: this.training,
    });
    return [swap ? output.transpose(1, 0) : output, weights];
  }

  private projections(): Tensor | [Tensor, Tensor, Tensor] {
    const { in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight } = this;
    if (in_proj_weight !== null) return in_proj_weight;
    if (q_proj_weight === null || k_proj_weight === null || v_proj_weight === null) {
      throw new ArgumentError(
        'this',
        'A MultiheadAttention needs in_proj_weight, or q_proj_weight, k_proj_weight and v_proj_weight',
      );
    }
    return [q_proj_weight, k_proj_weight, v_proj_weight];
  }
}
