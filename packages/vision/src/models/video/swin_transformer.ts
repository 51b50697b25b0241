/**
 * @file Swin Transformers for videos: the windows reach over several frames. Feature maps are `(N, T, H, W, C)` inside.
 *
 * Paper: Liu et al. 2021 (arXiv:2106.13230). Lineage: torchvision's form. Blocks and attention: those for images, in
 * ../swin_transformer.ts and ../shifted-window-attention.ts. Weights: swin_transformer-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../../ops/layer-factory.ts';
import { pipe } from '../../ops/pipe.ts';
import { relativePositionBias, relativePositionIndex } from '../relative-position.ts';
import { ShiftedWindowAttention, type WindowSize } from '../shifted-window-attention.ts';
import {
  appendStages,
  initialiseSwin,
  type SwinBlockOptions,
  type SwinSize,
  SwinTransformerBlock,
  type SwinTransformerOptions,
} from '../swin_transformer.ts';
import { requireCount } from '../utils.ts';
import type { WeightsEnum } from '../weights.ts';
import * as weightsOf from './swin_transformer-weights.ts';
import { registerVideoClassifier } from './video-classifier.ts';

/** Attention within windows of videos. A window that is larger than the clip is cut to it. `(N, T, H, W, dim)`. */
export class ShiftedWindowAttention3d extends ShiftedWindowAttention {
  protected override get dims(): number {
    return 3;
  }

  protected override positionIndex(): Tensor {
    return relativePositionIndex(...this.windowSize);
  }

  protected override windowFor(x: Tensor): WindowSize {
    return this.windowSize.map((size, i) => Math.min(size, x.shape[i + 1] ?? size));
  }

  /** A cut window takes the first entries of the index, whatever offsets they are: so the checkpoints were trained. */
  protected override relativePositionBias(window: WindowSize): Tensor {
    const area = window.reduce((product, size) => product * size, 1);
    const index = this.relative_position_index.narrow(0, 0, area).narrow(1, 0, area);
    return relativePositionBias(this.biasTable(), index, area);
  }
}

/** {@link SwinTransformerBlock} for videos. */
export class SwinTransformerBlock3d extends SwinTransformerBlock {
  constructor(
    dim: number,
    numHeads: number,
    windowSize: WindowSize,
    shiftSize: WindowSize,
    options: SwinBlockOptions = {},
  ) {
    super(dim, numHeads, windowSize, shiftSize, { attnLayer: ShiftedWindowAttention3d, ...options });
  }
}

type Triple = readonly [time: number, height: number, width: number];

/** Patches as channels, normalised; clips are padded to whole patches. `(N, 3, T, H, W)` to `(N, T', H', W', embedDim)`. */
export class PatchEmbed3d extends nn.Module {
  readonly patchSize: Triple;
  readonly proj: nn.Conv3d;
  readonly norm: nn.Module;

  constructor(patchSize: Triple, embedDim: number, normLayer: NormLayer) {
    super();
    this.patchSize = patchSize;
    this.proj = new nn.Conv3d(3, embedDim, patchSize, { stride: patchSize });
    this.norm = makeLayer(normLayer, embedDim);
  }

  forward(x: Tensor): Tensor {
    const size = x.shape.slice(2);
    if (x.ndim !== 5) throw ArgumentError.expected('x', 'five dimensions', x.shape);
    const missing = this.patchSize.map((patch, i) => [0, (patch - ((size[i] ?? 0) % patch)) % patch]);
    const padded = (clip: Tensor) => nn.functional.pad(clip, missing.toReversed().flat());
    return pipe(x, padded, this.proj, (map) => map.permute([0, 2, 3, 4, 1]), this.norm);
  }
}

/** The size of a Swin Transformer for videos. */
export interface Swin3dSize extends Omit<SwinSize, 'patchSize'> {
  /** Frames, height and width. */
  readonly patchSize: Triple;
  /** Frames, height and width, in patches. */
  readonly windowSize: Triple;
}

export interface SwinTransformer3dOptions extends SwinTransformerOptions {
  /** Default 400. */
  numClasses?: number;
  /** Makes the first layer. Default {@link PatchEmbed3d}. */
  patchEmbed?: LayerFactory<[patchSize: Triple, embedDim: number, normLayer: NormLayer]>;
}

/** The network: patches, stages with mergings between, norm, global average, linear. `(N, 3, T, H, W)` to `(N, numClasses)`. */
export class SwinTransformer3d extends nn.Module {
  readonly patch_embed: nn.Module;
  readonly pos_drop: nn.Dropout;
  readonly features: nn.Sequential;
  readonly norm: nn.Module;
  readonly avgpool: nn.AdaptiveAvgPool3d;
  readonly head: nn.Linear;

  constructor(size: Swin3dSize, options: SwinTransformer3dOptions = {}) {
    super();
    const { numClasses = 400, dropout = 0, normLayer = nn.LayerNorm, block = SwinTransformerBlock3d } = options;
    const { patchEmbed = PatchEmbed3d } = options;
    requireCount('numClasses', numClasses);
    this.patch_embed = makeLayer(patchEmbed, size.patchSize, size.embedDim, normLayer);
    this.pos_drop = new nn.Dropout(dropout);
    this.features = new nn.Sequential();
    const dim = appendStages(this.features, size, { ...options, block });
    this.norm = makeLayer(normLayer, dim);
    this.avgpool = new nn.AdaptiveAvgPool3d(1);
    this.head = new nn.Linear(dim, numClasses);
    initialiseSwin(this);
  }

  forward(x: Tensor): Tensor {
    const { patch_embed, pos_drop, features, norm, avgpool, head } = this;
    const channelsFirst = (map: Tensor) => map.permute([0, 4, 1, 2, 3]);
    return pipe(x, patch_embed, pos_drop, features, norm, channelsFirst, avgpool, (pooled) => pooled.flatten(1), head);
  }
}

function swin3d(name: string, size: Pick<SwinSize, 'embedDim' | 'depths' | 'numHeads'>, weights: WeightsEnum) {
  const whole: Swin3dSize = { ...size, patchSize: [2, 4, 4], windowSize: [8, 7, 7] };
  return registerVideoClassifier(name, {
    make: (options: SwinTransformer3dOptions) => new SwinTransformer3d(whole, options),
    weights,
    defaults: {
      mlpRatio: 4,
      dropout: 0,
      attentionDropout: 0,
      stochasticDepthProb: 0.1,
      normLayer: undefined,
      block: undefined,
      downsampleLayer: undefined,
      patchEmbed: undefined,
    },
  });
}

/** Swin Tiny for videos. */
export const swin3d_t = swin3d(
  'swin3d_t',
  { embedDim: 96, depths: [2, 2, 6, 2], numHeads: [3, 6, 12, 24] },
  weightsOf.Swin3D_T_Weights,
);
/** Swin Small for videos. */
export const swin3d_s = swin3d(
  'swin3d_s',
  { embedDim: 96, depths: [2, 2, 18, 2], numHeads: [3, 6, 12, 24] },
  weightsOf.Swin3D_S_Weights,
);
/** Swin Base for videos. */
export const swin3d_b = swin3d(
  'swin3d_b',
  { embedDim: 128, depths: [2, 2, 18, 2], numHeads: [4, 8, 16, 32] },
  weightsOf.Swin3D_B_Weights,
);
