/**
 * @file Multiscale vision transformers: as the grid of tokens gets coarser, the channels become more.
 *
 * Papers: Fan et al. 2021 (arXiv:2104.11227), Li et al. 2021 for version 2 (arXiv:2112.01526). Lineage: torchvision's form.
 * Attention: mvit-attention.ts. Weights: mvit-weights.ts.
 */

import { ArgumentError, cat, fx, nn, releaseIfOwned, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../../ops/layer-factory.ts';
import { MLP } from '../../ops/misc.ts';
import { pipe } from '../../ops/pipe.ts';
import { StochasticDepth } from '../../ops/stochastic-depth.ts';
import { prescribe, requireCount } from '../utils.ts';
import type { Weights, WeightsEnum } from '../weights.ts';
import { type Grid, MultiscaleAttention, Pool, type PoolSize, tripleOf, unsqueezed, volume } from './mvit-attention.ts';
import { MViT_V1_B_Weights, MViT_V2_S_Weights } from './mvit-weights.ts';
import { registerVideoClassifier } from './video-classifier.ts';

/** One block. Kernels and strides are in time, height and width; empty where nothing is pooled. */
export interface MSBlockConfig {
  readonly numHeads: number;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly kernelQ: PoolSize;
  readonly kernelKv: PoolSize;
  readonly strideQ: PoolSize;
  readonly strideKv: PoolSize;
}

/** In what the versions differ. */
export interface MViTVariant {
  /** Add the pooled queries to the result of attention. Default `false`. */
  residualPool?: boolean;
  /** Also for the class token. Default `true`; the published networks have `false`. */
  residualWithClsEmbed?: boolean;
  /** Embeddings of offsets in each block instead of embeddings of positions at the start. Default `false`. */
  relPosEmbed?: boolean;
  /** Widen in the attention instead of in the linear layers. Default `false`. */
  projAfterAttn?: boolean;
}

export interface MultiscaleBlockOptions extends Required<MViTVariant> {
  /** Grid of the tokens that come in. */
  readonly inputSize: Grid;
  /** Probability of the dropouts in attention and linear layers. */
  readonly dropout: number;
  /** Probability of leaving out each half of the block. */
  readonly stochasticDepthProb: number;
  readonly normLayer: NormLayer;
}

/** Attention and two linear layers, each behind a norm and with a connection around it; returns the new grid too. */
export class MultiscaleBlock extends nn.Module<[Tensor, Grid], [Tensor, Grid]> {
  readonly projAfterAttn: boolean;
  readonly pool_skip: Pool | null;
  readonly norm1: nn.Module;
  readonly norm2: nn.Module;
  readonly attn: MultiscaleAttention;
  readonly mlp: MLP;
  readonly stochastic_depth: StochasticDepth;
  readonly project: nn.Linear | null;

  constructor(config: MSBlockConfig, options: MultiscaleBlockOptions) {
    super();
    const { inputChannels, outputChannels, numHeads, strideQ } = config;
    const { dropout, normLayer } = options;
    this.projAfterAttn = options.projAfterAttn;
    this.pool_skip = volume(strideQ) > 1 ? new Pool(maxPoolFor(strideQ), null) : null;
    const attnDim = options.projAfterAttn ? outputChannels : inputChannels;
    this.norm1 = makeLayer(normLayer, inputChannels);
    this.norm2 = makeLayer(normLayer, attnDim);
    this.attn = new MultiscaleAttention({
      ...options,
      ...config,
      embedDim: inputChannels,
      outputDim: attnDim,
      numHeads,
    });
    this.mlp = new MLP(attnDim, [4 * attnDim, outputChannels], {
      activationLayer: () => new nn.GELU(),
      dropout,
      inplace: null,
    });
    this.stochastic_depth = new StochasticDepth(options.stochasticDepthProb, 'row');
    this.project = inputChannels === outputChannels ? null : new nn.Linear(inputChannels, outputChannels);
  }

  forward(x: Tensor, grid: Grid): [Tensor, Grid] {
    const { attn, mlp, project, pool_skip, stochastic_depth, projAfterAttn } = this;
    const first = normalise(this.norm1, x);
    const [attended, newGrid] = attn(first, grid);
    const wide = project === null || !projAfterAttn ? x : project(first);
    const skipped = pool_skip === null ? wide : pool_skip(wide, grid)[0];
    const middle = skipped.add(stochastic_depth(attended));
    const second = normalise(this.norm2, middle);
    const kept = project === null || projAfterAttn ? middle : project(second);
    return [kept.add(stochastic_depth(mlp(second))), newGrid];
  }
}

/** Batch norms take the channels second. */
function normalise(norm: nn.Module, x: Tensor): Tensor {
  return norm instanceof nn.BatchNorm1d ? norm(x.transpose(1, 2)).transpose(1, 2) : norm(x);
}

function maxPoolFor(stride: PoolSize): nn.MaxPool3d {
  const sizes = tripleOf('strideQ', stride);
  const kernel = sizes.map((size) => (size > 1 ? size + 1 : size));
  const padding = kernel.map((size) => Math.floor(size / 2));
  return new nn.MaxPool3d(tripleOf('kernel', kernel), { stride: sizes, padding: tripleOf('padding', padding) });
}

const repeated = fx.wrap('repeat_interleave', (x: Tensor, times: number) =>
  x.unsqueeze(1).expand([-1, times, -1]).flatten(0, 1),
);
const addInPlace = fx.wrap('add_', (x: Tensor, other: Tensor) => x.add_(other));

/** Puts the class token in front and adds the embeddings of positions. `(N, tokens, C)` to `(N, 1 + tokens, C)`. */
export class PositionalEncoding extends nn.Module {
  readonly spatialSize: readonly [number, number];
  readonly temporalSize: number;
  readonly class_token: nn.Parameter;
  readonly spatial_pos: nn.Parameter | null;
  readonly temporal_pos: nn.Parameter | null;
  readonly class_pos: nn.Parameter | null;

  constructor(embedSize: number, [time, height, width]: Grid, relPosEmbed: boolean) {
    super();
    this.spatialSize = [height, width];
    this.temporalSize = time;
    this.class_token = nn.Parameter.empty([embedSize]);
    this.spatial_pos = relPosEmbed ? null : nn.Parameter.empty([height * width, embedSize]);
    this.temporal_pos = relPosEmbed ? null : nn.Parameter.empty([time, embedSize]);
    this.class_pos = relPosEmbed ? null : nn.Parameter.empty([embedSize]);
  }

  forward(x: Tensor): Tensor {
    const { class_token, spatial_pos, temporal_pos, class_pos } = this;
    const [batch = 0] = x.shape;
    const joined = cat([class_token.expand([batch, -1]).unsqueeze(1), x], 1);
    if (spatial_pos === null || temporal_pos === null || class_pos === null) return joined;
    const [places = 0, width = 0] = spatial_pos.shape;
    const inTime = repeated(temporal_pos, places);
    const inSpace = spatial_pos.unsqueeze(0).expand([this.temporalSize, -1, -1]).reshape([-1, width]);
    const positions = addInPlace(inTime, inSpace);
    return addInPlace(joined, cat([class_pos.unsqueeze(0), positions], 0).unsqueeze(0));
  }
}

export interface MViTOptions extends MViTVariant {
  /** Default 400. */
  numClasses?: number;
  /** Height and width of the frames. Default 224×224. */
  spatialSize?: readonly [number, number];
  /** Number of frames. Default 16. */
  temporalSize?: number;
  /** Probability of the dropout before the classifier. Default 0.5. */
  dropout?: number;
  /** Probability of the dropouts in the blocks. Default 0. */
  attentionDropout?: number;
  /** Probability of leaving out the last block; it grows linearly from 0 at the first. Default 0; builders have 0.2. */
  stochasticDepthProb?: number;
  /** Makes the blocks. Default {@link MultiscaleBlock}. */
  block?: LayerFactory<[config: MSBlockConfig, options: MultiscaleBlockOptions], MultiscaleBlock>;
  /** Default: layer norms with `eps` 1e-6. */
  normLayer?: NormLayer;
  /** Of the convolution that makes the tokens. Default 3×7×7. */
  patchEmbedKernel?: Grid;
  /** Default 2×4×4. */
  patchEmbedStride?: Grid;
  /** Default 1×3×3. */
  patchEmbedPadding?: Grid;
}

const defaultNorm: NormLayer = (channels: number) => new nn.LayerNorm([channels], { eps: 1e-6 });

function divided(size: Grid, by: Grid): Grid {
  return [Math.floor(size[0] / by[0]), Math.floor(size[1] / by[1]), Math.floor(size[2] / by[2])];
}

/** The network, for clips of one size. `(N, 3, temporalSize, …spatialSize)` to `(N, numClasses)`. */
export class MViT extends nn.Module {
  readonly conv_proj: nn.Conv3d;
  readonly pos_encoding: PositionalEncoding;
  readonly blocks: nn.ModuleList<MultiscaleBlock>;
  readonly norm: nn.Module;
  readonly head: nn.Sequential;

  /** @throws {ArgumentError} without blocks */
  constructor(blockSetting: readonly MSBlockConfig[], options: MViTOptions = {}) {
    super();
    const { numClasses = 400, spatialSize = [224, 224], temporalSize = 16, dropout = 0.5 } = options;
    const { attentionDropout = 0, stochasticDepthProb = 0, normLayer = defaultNorm } = options;
    const { residualPool = false, residualWithClsEmbed = true, relPosEmbed = false, projAfterAttn = false } = options;
    const { patchEmbedKernel = [3, 7, 7], patchEmbedStride = [2, 4, 4], patchEmbedPadding = [1, 3, 3] } = options;
    const [first] = blockSetting;
    const last = blockSetting[blockSetting.length - 1];
    if (first === undefined || last === undefined)
      throw ArgumentError.expected('blockSetting', 'at least one block', blockSetting);
    requireCount('numClasses', numClasses);
    this.conv_proj = new nn.Conv3d(3, first.inputChannels, patchEmbedKernel, {
      stride: patchEmbedStride,
      padding: patchEmbedPadding,
    });
    let inputSize = divided([temporalSize, ...spatialSize], patchEmbedStride);
    this.pos_encoding = new PositionalEncoding(first.inputChannels, inputSize, relPosEmbed);
    this.blocks = new nn.ModuleList();
    const variant = { residualPool, residualWithClsEmbed, relPosEmbed, projAfterAttn };
    for (const [i, config] of blockSetting.entries()) {
      const shared = { ...variant, inputSize, dropout: attentionDropout, normLayer };
      const depth = (stochasticDepthProb * i) / (blockSetting.length - 1);
      this.blocks.append(
        makeLayer(options.block ?? MultiscaleBlock, config, { ...shared, stochasticDepthProb: depth }),
      );
      if (config.strideQ.length > 0) inputSize = divided(inputSize, tripleOf('strideQ', config.strideQ));
    }
    this.norm = makeLayer(normLayer, last.outputChannels);
    this.head = new nn.Sequential(
      new nn.Dropout(dropout, { inplace: true }),
      new nn.Linear(last.outputChannels, numClasses),
    );
    for (const layer of this.modules()) initialise(layer);
  }

  forward(x: Tensor): Tensor {
    // A single image is a clip of one frame.
    const clip = unsqueezed(x, 5, 2);
    const tokens = pipe(clip, this.conv_proj, (map) => map.flatten(2).transpose(1, 2), this.pos_encoding);
    const { temporalSize, spatialSize } = this.pos_encoding;
    let current = tokens;
    let grid: Grid = [temporalSize, ...spatialSize];
    for (const block of this.blocks) {
      const [next, nextGrid] = block(current, grid);
      if (next !== current) releaseIfOwned(current);
      [current, grid] = [next, nextGrid];
    }
    return pipe(current, this.norm, (normed) => normed.select(1, 0), this.head);
  }
}

function initialise(layer: nn.AnyModule): void {
  if (layer instanceof nn.Linear) {
    nn.init.truncNormal_(layer.weight, 0, 0.02);
    if (layer.bias !== null) nn.init.zeros_(layer.bias);
  } else if (layer instanceof PositionalEncoding) {
    for (const parameter of layer.parameters()) nn.init.truncNormal_(parameter, 0, 0.02);
  }
}

const KERNEL = [3, 3, 3];
/** Heads of the blocks, which both networks share. */
const HEADS = [1, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 8, 8];
/** By how much keys and values are pooled in height and width. */
const KV_STRIDES = [8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1];
/** Channels a head. */
const WIDTH = 96;
/** Whether the queries of a block are pooled to half the height and width: where the number of heads has grown. */
const halves = (i: number) => i > 0 && HEADS[i] !== HEADS[i - 1];

/** Version 1 widens at the end of the block before, and pools queries only where it halves. */
const V1_B: MSBlockConfig[] = HEADS.map((numHeads, i) => ({
  numHeads,
  inputChannels: WIDTH * numHeads,
  outputChannels: WIDTH * (HEADS[i + 1] ?? numHeads),
  kernelQ: halves(i) ? KERNEL : [],
  kernelKv: KERNEL,
  strideQ: halves(i) ? [1, 2, 2] : [],
  strideKv: [1, KV_STRIDES[i] ?? 1, KV_STRIDES[i] ?? 1],
}));

/** Version 2 widens in the attention, and always pools queries. */
const V2_S: MSBlockConfig[] = HEADS.map((numHeads, i) => ({
  numHeads,
  inputChannels: WIDTH * (HEADS[i - 1] ?? numHeads),
  outputChannels: WIDTH * numHeads,
  kernelQ: KERNEL,
  kernelKv: KERNEL,
  strideQ: halves(i) ? [1, 2, 2] : [1, 1, 1],
  strideKv: [1, KV_STRIDES[i] ?? 1, KV_STRIDES[i] ?? 1],
}));

/** Published weights are for clips of one size. */
function fixSize(options: MViTOptions, { meta: { minSize, minTemporalSize }, name }: Weights): MViTOptions {
  const asked = options.spatialSize;
  const same = asked === undefined || (asked[0] === minSize[0] && asked[1] === minSize[1]);
  const sized = prescribe(same ? { ...options, spatialSize: minSize } : options, 'spatialSize', minSize, name);
  return minTemporalSize === undefined ? sized : prescribe(sized, 'temporalSize', minTemporalSize, name);
}

function mvit(name: string, blocks: readonly MSBlockConfig[], variant: Required<MViTVariant>, weights: WeightsEnum) {
  const defaults = {
    spatialSize: [224, 224] as const,
    temporalSize: 16,
    dropout: 0.5,
    attentionDropout: 0,
    stochasticDepthProb: 0.2,
    block: undefined,
    normLayer: undefined,
    patchEmbedKernel: [3, 7, 7] as const,
    patchEmbedStride: [2, 4, 4] as const,
    patchEmbedPadding: [1, 3, 3] as const,
  };
  return registerVideoClassifier(name, {
    make: (options: Omit<MViTOptions, keyof MViTVariant>) =>
      new MViT(blocks, { stochasticDepthProb: 0.2, ...options, ...variant }),
    weights,
    defaults,
    prescribe: fixSize,
  });
}

/** MViT Base of version 1. */
export const mvit_v1_b = mvit(
  'mvit_v1_b',
  V1_B,
  { residualPool: false, residualWithClsEmbed: false, relPosEmbed: false, projAfterAttn: false },
  MViT_V1_B_Weights,
);
/** MViT Small of version 2. */
export const mvit_v2_s = mvit(
  'mvit_v2_s',
  V2_S,
  { residualPool: true, residualWithClsEmbed: false, relPosEmbed: true, projAfterAttn: true },
  MViT_V2_S_Weights,
);
