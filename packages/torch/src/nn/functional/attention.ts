/** @file Multi-head attention over sequences whose projections are given as tensors. */

import { zeros } from '../../core/creation.ts';
import { baddbmm, bmm, cat, linear } from '../../core/generated/functions.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { isFloatingPoint } from '../../dtype.ts';
import { ArgumentError } from '../../errors.ts';
import { dropout } from './dropout.ts';
import { pad } from './pad.ts';
import { softmax } from './softmax.ts';

export interface AttentionMasks {
  /** `(N, S)`, or `(S)` without a batch: keys to leave out (`true`), or numbers added to their scores. */
  keyPaddingMask?: Tensor | null;
  /** `(L, S)` or `(N · heads, L, S)`: pairs to leave out (`true`), or numbers added to their scores. */
  attnMask?: Tensor | null;
  /** Return the attention weights too. Default `true`. */
  needWeights?: boolean;
  /** Average those over the heads. Default `true`. */
  averageAttnWeights?: boolean;
}

export interface MultiHeadAttentionOptions extends AttentionMasks {
  numHeads: number;
  /** Weights of the three projections: one `(3E, E)`, or one each for query, key and value. */
  projections: Tensor | readonly [Tensor, Tensor, Tensor];
  /** `(3E)` */
  inProjBias: Tensor | null;
  outProjWeight: Tensor;
  outProjBias: Tensor | null;
  /** `(1, 1, E)` each: appended to keys and values. */
  biasK?: Tensor | null;
  biasV?: Tensor | null;
  /** Append a key and a value of zeros. Default `false`. */
  addZeroAttn?: boolean;
  /** Dropout of the attention weights while training. Default 0. */
  dropout?: number;
  /** Default `true`. */
  training?: boolean;
}

/**
 * Scaled dot-product attention in several heads.
 *
 * @param query `(L, N, E)` or `(L, E)`
 * @param key `(S, N, E)` or `(S, E)`
 * @returns the result, shaped like `query`, and the weights, `(N, L, S)`, or `(N, heads, L, S)` if not averaged, or `null`
 * @throws {ArgumentError} where shapes do not fit
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: MultiHeadAttentionOptions,
): [Tensor, Tensor | null] {
  return scope(() => {
    if (query.ndim !== 2) return attend(query, key, value, options);
    // Which of the three are one and the same decides how they are projected.
    const q = query.unsqueeze(1);
    const k = key === query ? q : key.unsqueeze(1);
    const v = value === key ? k : value.unsqueeze(1);
    const [output, weights] = attend(q, k, v, { ...options, keyPaddingMask: options.keyPaddingMask?.unsqueeze(0) });
    return [output.squeeze(1), weights === null ? null : weights.squeeze(0)];
  });
}

function attend(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: MultiHeadAttentionOptions,
): [Tensor, Tensor | null] {
  const { numHeads, biasK, biasV } = options;
  const [length = 0, batch = 0, width = 0] = query.shape;
  const heads = batch * numHeads;
  const headWidth = width / numHeads;
  checkMask('keyPaddingMask', options.keyPaddingMask, [[batch, key.size(0)]]);
  checkMask('attnMask', options.attnMask, [
    [length, key.size(0)],
    [heads, length, key.size(0)],
  ]);

  let [q, k, v] = project(query, key, value, options);
  let added = 0;
  if (biasK != null && biasV != null) {
    k = cat([k, biasK.repeat([1, batch, 1])]);
    v = cat([v, biasV.repeat([1, batch, 1])]);
    added++;
  }
  const split = (x: Tensor) =>
    x
      .contiguous()
      .view([x.size(0), heads, headWidth])
      .transpose(0, 1);
  [q, k, v] = [split(q), split(k), split(v)];
  if (options.addZeroAttn === true) {
    const zero = zeros([heads, 1, headWidth], { dtype: k.dtype, device: k.device });
    k = cat([k, zero], 1);
    v = cat([v, zero], 1);
    added++;
  }

  const mask = mergeMasks(options, q, batch, added);
  const scaled = q.div(Math.sqrt(headWidth));
  const scores = mask === null ? bmm(scaled, k.transpose(-2, -1)) : baddbmm(mask, scaled, k.transpose(-2, -1));
  let weights = softmax(scores, -1);
  if (options.training !== false && (options.dropout ?? 0) > 0) weights = dropout(weights, options.dropout);
  const context = bmm(weights, v)
    .transpose(0, 1)
    .contiguous()
    .view([length * batch, width]);
  const output = linear(context, options.outProjWeight, options.outProjBias).view([length, batch, -1]);
  if (options.needWeights === false) return [output, null];
  const perHead = weights.view([batch, numHeads, length, k.size(1)]);
  return [output, options.averageAttnWeights === false ? perHead : perHead.sum([1]).div(numHeads)];
}

/** One product where the inputs are the same, as the rounding of larger products differs from that of smaller ones. */
function project(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: MultiHeadAttentionOptions,
): [Tensor, Tensor, Tensor] {
  const { projections, inProjBias } = options;
  const biases = inProjBias === null ? [null, null, null] : inProjBias.chunk(3);
  const [bq, bk, bv] = biases as [Tensor | null, Tensor | null, Tensor | null];
  if (Array.isArray(projections)) {
    const [wq, wk, wv] = projections as [Tensor, Tensor, Tensor];
    return [linear(query, wq, bq), linear(key, wk, bk), linear(value, wv, bv)];
  }
  const packed = projections as Tensor;
  const width = query.size(-1);
  if (key !== value) {
    const [wq, wk, wv] = packed.chunk(3) as [Tensor, Tensor, Tensor];
    return [linear(query, wq, bq), linear(key, wk, bk), linear(value, wv, bv)];
  }
  if (query === key) return linear(query, packed, inProjBias).chunk(3, -1) as [Tensor, Tensor, Tensor];
  const bkv = inProjBias === null ? null : inProjBias.narrow(0, width, 2 * width);
  const [k, v] = linear(key, packed.narrow(0, width, 2 * width), bkv).chunk(2, -1) as [Tensor, Tensor];
  return [linear(query, packed.narrow(0, 0, width), bq), k, v];
}

/** One mask of numbers to add to the scores, `(heads or 1, L or 1, S)`, or `null`. */
function mergeMasks(options: MultiHeadAttentionOptions, q: Tensor, batch: number, added: number): Tensor | null {
  const widen = (mask: Tensor) => (added === 0 ? mask : pad(mask, [0, added]));
  let mask =
    options.attnMask == null
      ? null
      : widen(options.attnMask.ndim === 2 ? options.attnMask.unsqueeze(0) : options.attnMask);
  if (options.keyPaddingMask != null) {
    const padding = widen(options.keyPaddingMask);
    const perHead = padding
      .view([batch, 1, 1, -1])
      .expand([-1, options.numHeads, -1, -1])
      .reshape([batch * options.numHeads, 1, -1]);
    if (mask === null) mask = perHead;
    else if (mask.dtype === 'bool' && perHead.dtype === 'bool') mask = mask.logicalOr(perHead);
    else mask = toNumbers(mask, q).add(toNumbers(perHead, q));
  }
  return mask === null ? null : toNumbers(mask, q);
}

function toNumbers(mask: Tensor, like: Tensor): Tensor {
  if (mask.dtype !== 'bool') return mask;
  return zeros(mask.shape, { dtype: like.dtype, device: like.device }).maskedFill_(mask, Number.NEGATIVE_INFINITY);
}

function checkMask(name: string, mask: Tensor | null | undefined, shapes: readonly (readonly number[])[]): void {
  if (mask == null) return;
  const { dtype, shape } = mask;
  if (dtype !== 'bool' && !isFloatingPoint(dtype))
    throw new ArgumentError(name, `Expected booleans or floating-point numbers for ${name} but received ${dtype}`);
  if (!shapes.some((wanted) => wanted.join() === shape.join())) {
    const expected = shapes.map((wanted) => `[${wanted.join(', ')}]`).join(' or ');
    throw new ArgumentError(name, `Expected shape ${expected} for ${name} but received [${shape.join(', ')}]`);
  }
}
