/**
 * @file ConvNeXt: a convolutional network with the design of a vision transformer.
 *
 * Paper: Liu et al. 2022 (arXiv:2201.03545). Lineage: torchvision's form. Weights: convnext-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { LayerNorm2d } from '../ops/layer-norm.ts';
import { Conv2dNormActivation, Permute } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { registerClassifier } from './classifier.ts';
import * as weightsOf from './convnext-weights.ts';
import { requireCount } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** Filters each channel by itself with a 7×7 kernel, then mixes the channels with two linear layers at each place. */
export class CNBlock extends nn.Module {
  readonly layer_scale: nn.Parameter;
  readonly block: nn.Sequential;
  readonly stochastic_depth: StochasticDepth;

  /**
   * @param layerScale what the block's result is multiplied with, a channel, before training
   * @param normLayer default: layer norm with `eps` 1e-6
   */
  constructor(
    dim: number,
    layerScale: number,
    stochasticDepthProb: number,
    normLayer: NormLayer = (channels: number) => new nn.LayerNorm(channels, { eps: 1e-6 }),
  ) {
    super();
    this.block = new nn.Sequential(
      new nn.Conv2d(dim, dim, 7, { padding: 3, groups: dim }),
      new Permute([0, 2, 3, 1]),
      makeLayer(normLayer, dim),
      new nn.Linear(dim, 4 * dim),
      new nn.GELU(),
      new nn.Linear(4 * dim, dim),
      new Permute([0, 3, 1, 2]),
    );
    this.layer_scale = nn.Parameter.empty([dim, 1, 1]);
    nn.init.constant_(this.layer_scale, layerScale);
    this.stochastic_depth = new StochasticDepth(stochasticDepthProb, 'row');
  }

  forward(x: Tensor): Tensor {
    const scale = (result: Tensor) => this.layer_scale.mul(result);
    return pipe(x, this.block, scale, this.stochastic_depth).add_(x);
  }
}

/** A stage; `outChannels` is the width of the next one, `null` for the last stage. */
export interface CNBlockConfig {
  readonly inputChannels: number;
  readonly outChannels: number | null;
  readonly numLayers: number;
}

export interface ConvNeXtOptions {
  /** Probability of leaving out the last block; it grows linearly from 0 at the first. Default 0. */
  stochasticDepthProb?: number;
  /** What the blocks' results are multiplied with before training. Default 1e-6. */
  layerScale?: number;
  /** Default 1000. */
  numClasses?: number;
  /** Makes the blocks. Default {@link CNBlock}. */
  block?: LayerFactory<[dim: number, layerScale: number, stochasticDepthProb: number]>;
  /** For feature maps `(N, C, H, W)`. Default: {@link LayerNorm2d} with `eps` 1e-6. */
  normLayer?: NormLayer;
}

const defaultNorm: NormLayer = (channels: number) => new LayerNorm2d(channels, { eps: 1e-6 });

/** The network: `features`, global average, `classifier`. `(N, 3, H, W)`, at least 32×32, to `(N, numClasses)`. */
export class ConvNeXt extends nn.Module {
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  /** @throws {ArgumentError} without stages */
  constructor(blockSetting: readonly CNBlockConfig[], options: ConvNeXtOptions = {}) {
    super();
    const { stochasticDepthProb = 0, layerScale = 1e-6, numClasses = 1000 } = options;
    const { block = CNBlock, normLayer = defaultNorm } = options;
    const first = blockSetting[0];
    const last = blockSetting[blockSetting.length - 1];
    if (first === undefined || last === undefined) {
      throw ArgumentError.expected('blockSetting', 'at least one stage', blockSetting);
    }
    requireCount('numClasses', numClasses);
    const patches = { kernelSize: 4, stride: 4, padding: 0, normLayer, activationLayer: null, bias: true };
    this.features = new nn.Sequential(new Conv2dNormActivation(3, first.inputChannels, patches));
    const total = blockSetting.reduce((sum, stage) => sum + stage.numLayers, 0);
    let position = 0;
    for (const { inputChannels, outChannels, numLayers } of blockSetting) {
      const stage = new nn.Sequential();
      for (let i = 0; i < numLayers; i++) {
        const probability = (stochasticDepthProb * position++) / (total - 1);
        stage.append(makeLayer(block, inputChannels, layerScale, probability));
      }
      this.features.append(stage);
      if (outChannels === null) continue;
      const halve = new nn.Conv2d(inputChannels, outChannels, 2, { stride: 2 });
      this.features.append(new nn.Sequential(makeLayer(normLayer, inputChannels), halve));
    }
    const width = last.outChannels ?? last.inputChannels;
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(
      makeLayer(normLayer, width),
      new nn.Flatten(1),
      new nn.Linear(width, numClasses),
    );
    for (const layer of this.modules()) {
      if (!(layer instanceof nn.Conv2d || layer instanceof nn.Linear)) continue;
      nn.init.truncNormal_(layer.weight, 0, 0.02);
      if (layer.bias !== null) nn.init.zeros_(layer.bias);
    }
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.avgpool, this.classifier);
  }
}

/** @param widths channels of the four stages */
function convnext(
  name: string,
  widths: readonly number[],
  depths: readonly number[],
  stochasticDepthProb: number,
  weights: WeightsEnum,
) {
  const setting = widths.map((inputChannels, i) => {
    return { inputChannels, outChannels: widths[i + 1] ?? null, numLayers: depths[i] ?? 0 };
  });
  return registerClassifier(name, {
    make: (options: ConvNeXtOptions) =>
      new ConvNeXt(setting, { ...options, stochasticDepthProb: options.stochasticDepthProb ?? stochasticDepthProb }),
    weights,
    defaults: { stochasticDepthProb, layerScale: 1e-6, block: undefined, normLayer: undefined },
  });
}

/** ConvNeXt Tiny. */
export const convnext_tiny = convnext(
  'convnext_tiny',
  [96, 192, 384, 768],
  [3, 3, 9, 3],
  0.1,
  weightsOf.ConvNeXt_Tiny_Weights,
);
/** ConvNeXt Small. */
export const convnext_small = convnext(
  'convnext_small',
  [96, 192, 384, 768],
  [3, 3, 27, 3],
  0.4,
  weightsOf.ConvNeXt_Small_Weights,
);
/** ConvNeXt Base. */
export const convnext_base = convnext(
  'convnext_base',
  [128, 256, 512, 1024],
  [3, 3, 27, 3],
  0.5,
  weightsOf.ConvNeXt_Base_Weights,
);
/** ConvNeXt Large. */
export const convnext_large = convnext(
  'convnext_large',
  [192, 384, 768, 1536],
  [3, 3, 27, 3],
  0.5,
  weightsOf.ConvNeXt_Large_Weights,
);
