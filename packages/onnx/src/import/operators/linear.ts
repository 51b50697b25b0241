/** @file Products of matrices; those with stored matrices are linear layers. */

import { linear as applyLinear, det, einsum, matmul, nn, type Tensor } from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';
import { LINEAR } from '../fuse-linear.ts';
import { takeWeights } from './conv.ts';

/** A layer with the stored matrix as its weight, `(out, in)` or transposed. */
function linear(call: OnnxCall, transposed: boolean): Tensor {
  return call.layer(() => {
    const [a = 0, b = 0] = call.stored(1).shape;
    const [out, features] = transposed ? [a, b] : [b, a];
    const layer = new nn.Linear(features, out, { bias: call.has(2) });
    return transposed ? takeWeights(call, layer) : takeWeights(call, layer, (weight) => weight.t().contiguous());
  }, 1)(call.tensor(0));
}

function gemm(call: OnnxCall): Tensor {
  const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)];
  const [transA, transB] = [call.int('transA', 0) === 1, call.int('transB', 0) === 1];
  const isLayer =
    call.isStored(1, 2) &&
    !call.isKnown(0) &&
    alpha === 1 &&
    beta === 1 &&
    !transA &&
    (!call.has(2) || (call.stored(2).ndim === 1 && call.stored(2).numel() === call.stored(1).shape[transB ? 0 : 1]));
  if (isLayer) return linear(call, transB);
  const [a, b] = [call.tensor(0), call.tensor(1)];
  const bias = call.optional(2);
  // What a linear layer computes, with a weight that is not stored as it is: a rounded one.
  if (transB && !transA && alpha === 1 && beta === 1 && a.ndim === 2 && (bias === undefined || bias.ndim === 1))
    return applyLinear(a, b, bias ?? null);
  const product = matmul(transA ? a.t() : a, transB ? b.t() : b);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  if (bias === undefined) return scaled;
  return scaled.add(beta === 1 ? bias : bias.mul(beta));
}

function product(call: OnnxCall): Tensor {
  if (call.isStored(1) && !call.isKnown(0) && call.stored(1).ndim === 2 && call.tensor(0).ndim > 1)
    return linear(call, false);
  return matmul(call.tensor(0), call.tensor(1));
}

function fused(call: OnnxCall): Tensor {
  return call.isStored(1, 2) ? linear(call, false) : matmul(call.tensor(0), call.tensor(1)).add(call.tensor(2));
}

export const products: LoweringTable = {
  Gemm: gemm,
  MatMul: product,
  [LINEAR]: fused,
  Einsum: (call) => einsum(call.string('equation', '').replace(/\s/g, ''), call.tensors()),
  Det: (call) => det(call.tensor(0)),
};
