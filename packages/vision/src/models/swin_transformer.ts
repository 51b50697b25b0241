/**
 * @file Swin Transformers: attention within windows, which every second block shifts. Feature maps are `(N, H, W, C)` inside.
 *
 * Papers: Liu et al. 2021 (arXiv:2103.14030) and 2022 for version 2 (arXiv:2111.09883). Lineage: torchvision's form. Attention:
 * shifted-window-attention.ts. Weights: swin_transformer-weights.ts.
 */

import { cat, fx, nn, slice, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { Permute } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { registerClassifier } from './classifier.ts';
import {
  ShiftedWindowAttention,
  type ShiftedWindowAttentionOptions,
  ShiftedWindowAttentionV2,
  type WindowSize,
} from './shifted-window-attention.ts';
import * as weightsOf from './swin_transformer-weights.ts';
import { MLPBlock } from './transformer-mlp.ts';
import { requireCount } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** The four corners of each 2×2 square, along the channels; odd sizes are padded. `(…, H/2, W/2, 4C)` */
const gatherSquares = fx.wrap('_patch_merging_pad', (x: Tensor): Tensor => {
  const [height = 0, width = 0] = x.shape.slice(-3);
  const padded = nn.functional.pad(x, [0, 0, 0, width % 2, 0, height % 2]);
  const corner = (y: number, left: number) => padded.index('...', slice(y, null, 2), slice(left, null, 2), slice());
  return cat([corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)], -1);
});

/** Half the resolution and twice the channels. `(N, H, W, C)`. */
export class PatchMerging extends nn.Module {
  readonly reduction: nn.Linear;
  readonly norm: nn.Module;

  constructor(dim: number, normLayer: NormLayer = nn.LayerNorm) {
    super();
    this.reduction = new nn.Linear(4 * dim, 2 * dim, { bias: false });
    this.norm = makeLayer(normLayer, 4 * dim);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, gatherSquares, this.norm, this.reduction);
  }
}

/** The same with the norm at the end. */
export class PatchMergingV2 extends nn.Module {
  readonly reduction: nn.Linear;
  readonly norm: nn.Module;

  constructor(dim: number, normLayer: NormLayer = nn.LayerNorm) {
    super();
    this.reduction = new nn.Linear(4 * dim, 2 * dim, { bias: false });
    this.norm = makeLayer(normLayer, 2 * dim);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, gatherSquares, this.reduction, this.norm);
  }
}

/** Makes the attention of a block. */
export type AttentionLayer = LayerFactory<
  [dim: number, windowSize: WindowSize, shiftSize: WindowSize, numHeads: number, options: ShiftedWindowAttentionOptions]
>;

export interface SwinBlockOptions {
  /** Width of the hidden layer by `dim`. Default 4. */
  mlpRatio?: number;
  /** Probability of the dropouts after linear layers. Default 0. */
  dropout?: number;
  /** Probability of the dropout of the attention weights. Default 0. */
  attentionDropout?: number;
  /** Probability of leaving out each half of the block. Default 0. */
  stochasticDepthProb?: number;
  /** Default `nn.LayerNorm`. */
  normLayer?: NormLayer;
  /** Default: that of the block's version. */
  attnLayer?: AttentionLayer;
}

/** Attention and two linear layers, each behind a norm and with a connection around it. `(N, H, W, dim)`. */
export class SwinTransformerBlock extends nn.Module {
  readonly norm1: nn.Module;
  readonly attn: nn.Module;
  readonly stochastic_depth: StochasticDepth;
  readonly norm2: nn.Module;
  readonly mlp: nn.Module;

  constructor(
    dim: number,
    numHeads: number,
    windowSize: WindowSize,
    shiftSize: WindowSize,
    options: SwinBlockOptions = {},
  ) {
    super();
    const { mlpRatio = 4, dropout = 0, attentionDropout = 0, stochasticDepthProb = 0 } = options;
    const { normLayer = nn.LayerNorm, attnLayer = ShiftedWindowAttention } = options;
    this.norm1 = makeLayer(normLayer, dim);
    this.attn = makeLayer(attnLayer, dim, windowSize, shiftSize, numHeads, { attentionDropout, dropout });
    this.stochastic_depth = new StochasticDepth(stochasticDepthProb, 'row');
    this.norm2 = makeLayer(normLayer, dim);
    this.mlp = new MLPBlock(dim, Math.trunc(dim * mlpRatio), dropout);
  }

  forward(x: Tensor): Tensor {
    const { norm1, attn, norm2, mlp, stochastic_depth } = this;
    const attended = pipe(x, norm1, attn, stochastic_depth, (result) => x.add(result));
    return pipe(attended, norm2, mlp, stochastic_depth, (result) => attended.add(result));
  }
}

/** Version 2: cosine attention, and the norms after attention and linear layers instead of before. */
export class SwinTransformerBlockV2 extends SwinTransformerBlock {
  constructor(
    dim: number,
    numHeads: number,
    windowSize: WindowSize,
    shiftSize: WindowSize,
    options: SwinBlockOptions = {},
  ) {
    super(dim, numHeads, windowSize, shiftSize, { attnLayer: ShiftedWindowAttentionV2, ...options });
  }

  override forward(x: Tensor): Tensor {
    const { norm1, attn, norm2, mlp, stochastic_depth } = this;
    const attended = pipe(x, attn, norm1, stochastic_depth, (result) => x.add(result));
    return pipe(attended, mlp, norm2, stochastic_depth, (result) => attended.add(result));
  }
}

/** The size of a Swin Transformer. */
export interface SwinSize {
  readonly patchSize: readonly [height: number, width: number];
  /** Channels of the first stage; each next one has twice as many. */
  readonly embedDim: number;
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  /** Heads of each stage. */
  readonly numHeads: readonly number[];
  readonly windowSize: WindowSize;
}

export interface SwinTransformerOptions {
  /** Width of the hidden layers by that of the block. Default 4. */
  mlpRatio?: number;
  /** Probability of the dropouts after linear layers. Default 0. */
  dropout?: number;
  /** Probability of the dropout of the attention weights. Default 0. */
  attentionDropout?: number;
  /** Probability of leaving out the last block; it grows linearly from 0 at the first. Default 0.1; builders have their own. */
  stochasticDepthProb?: number;
  /** Default 1000. */
  numClasses?: number;
  /** Default `nn.LayerNorm`. */
  normLayer?: NormLayer;
  /** Makes the blocks. Default {@link SwinTransformerBlock}. */
  block?: LayerFactory<
    [dim: number, numHeads: number, windowSize: WindowSize, shiftSize: WindowSize, options: SwinBlockOptions]
  >;
  /** Makes what lies between the stages. Default {@link PatchMerging}. */
  downsampleLayer?: LayerFactory<[dim: number, normLayer: NormLayer]>;
}

/** Appends the stages with what lies between them. @returns the channels of the last one */
export function appendStages(
  features: nn.Sequential,
  { embedDim, depths, numHeads, windowSize }: Omit<SwinSize, 'patchSize'>,
  options: Omit<SwinTransformerOptions, 'numClasses'>,
): number {
  const { mlpRatio = 4, dropout = 0, attentionDropout = 0, stochasticDepthProb = 0.1 } = options;
  const { normLayer = nn.LayerNorm, block = SwinTransformerBlock, downsampleLayer = PatchMerging } = options;
  const total = depths.reduce((sum, depth) => sum + depth, 0);
  let position = 0;
  let dim = embedDim;
  for (const [i, depth] of depths.entries()) {
    const stage = new nn.Sequential();
    for (let layer = 0; layer < depth; layer++) {
      const shiftSize = windowSize.map((window) => (layer % 2 === 0 ? 0 : Math.floor(window / 2)));
      const probability = (stochasticDepthProb * position++) / (total - 1);
      const shared = { mlpRatio, dropout, attentionDropout, stochasticDepthProb: probability, normLayer };
      stage.append(makeLayer(block, dim, numHeads[i] ?? 1, windowSize, shiftSize, shared));
    }
    features.append(stage);
    if (i === depths.length - 1) break;
    features.append(makeLayer(downsampleLayer, dim, normLayer));
    dim *= 2;
  }
  return dim;
}

/** Draws the weights of all linear layers anew. */
export function initialiseSwin(model: nn.AnyModule): void {
  for (const layer of model.modules()) {
    if (!(layer instanceof nn.Linear)) continue;
    nn.init.truncNormal_(layer.weight, 0, 0.02);
    if (layer.bias !== null) nn.init.zeros_(layer.bias);
  }
}

/** The network: patches, stages with mergings between, norm, global average, linear. `(N, 3, H, W)` to `(N, numClasses)`. */
export class SwinTransformer extends nn.Module {
  readonly features: nn.Sequential;
  readonly norm: nn.Module;
  readonly permute: Permute;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly flatten: nn.Flatten;
  readonly head: nn.Linear;

  constructor(size: SwinSize, options: SwinTransformerOptions = {}) {
    super();
    const { numClasses = 1000, normLayer = nn.LayerNorm } = options;
    const { patchSize, embedDim } = size;
    requireCount('numClasses', numClasses);
    const patches = new nn.Conv2d(3, embedDim, patchSize, { stride: patchSize });
    this.features = new nn.Sequential(
      new nn.Sequential(patches, new Permute([0, 2, 3, 1]), makeLayer(normLayer, embedDim)),
    );
    const dim = appendStages(this.features, size, options);
    this.norm = makeLayer(normLayer, dim);
    this.permute = new Permute([0, 3, 1, 2]);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.flatten = new nn.Flatten(1);
    this.head = new nn.Linear(dim, numClasses);
    initialiseSwin(this);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.norm, this.permute, this.avgpool, this.flatten, this.head);
  }
}

interface Variant {
  embedDim: number;
  depths: readonly number[];
  numHeads: readonly number[];
  stochasticDepthProb: number;
  weights: WeightsEnum;
}

const T = { embedDim: 96, depths: [2, 2, 6, 2], numHeads: [3, 6, 12, 24] };
const S = { embedDim: 96, depths: [2, 2, 18, 2], numHeads: [3, 6, 12, 24] };
const B = { embedDim: 128, depths: [2, 2, 18, 2], numHeads: [4, 8, 16, 32] };

function swin(name: string, version: 1 | 2, { embedDim, depths, numHeads, stochasticDepthProb, weights }: Variant) {
  const windowSize = version === 1 ? [7, 7] : [8, 8];
  const size: SwinSize = { patchSize: [4, 4], embedDim, depths, numHeads, windowSize };
  const [block, downsampleLayer] =
    version === 1 ? [SwinTransformerBlock, PatchMerging] : [SwinTransformerBlockV2, PatchMergingV2];
  return registerClassifier(name, {
    make: (options: SwinTransformerOptions) =>
      new SwinTransformer(size, {
        ...options,
        stochasticDepthProb: options.stochasticDepthProb ?? stochasticDepthProb,
        block: options.block ?? block,
        downsampleLayer: options.downsampleLayer ?? downsampleLayer,
      }),
    weights,
    size: version === 1 ? 224 : 256,
    defaults: {
      mlpRatio: 4,
      dropout: 0,
      attentionDropout: 0,
      stochasticDepthProb,
      normLayer: undefined,
      block: undefined,
      downsampleLayer: undefined,
    },
  });
}

/** Swin Tiny. */
export const swin_t = swin('swin_t', 1, { ...T, stochasticDepthProb: 0.2, weights: weightsOf.Swin_T_Weights });
/** Swin Small. */
export const swin_s = swin('swin_s', 1, { ...S, stochasticDepthProb: 0.3, weights: weightsOf.Swin_S_Weights });
/** Swin Base. */
export const swin_b = swin('swin_b', 1, { ...B, stochasticDepthProb: 0.5, weights: weightsOf.Swin_B_Weights });
/** Swin Tiny of version 2, for images of 256×256. */
export const swin_v2_t = swin('swin_v2_t', 2, { ...T, stochasticDepthProb: 0.2, weights: weightsOf.Swin_V2_T_Weights });
/** Swin Small of version 2, for images of 256×256. */
export const swin_v2_s = swin('swin_v2_s', 2, { ...S, stochasticDepthProb: 0.3, weights: weightsOf.Swin_V2_S_Weights });
/** Swin Base of version 2, for images of 256×256. */
export const swin_v2_b = swin('swin_v2_b', 2, { ...B, stochasticDepthProb: 0.5, weights: weightsOf.Swin_V2_B_Weights });
