/**
 * @file EfficientNet and EfficientNetV2: inverted residuals, scaled in width, depth and resolution together.
 *
 * Papers: Tan and Le 2019 (arXiv:1905.11946) and 2021 (arXiv:2104.00298). Lineage: torchvision's form. Stages:
 * efficientnet-config.ts. Weights: efficientnet-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { Conv2dNormActivation, SqueezeExcitation, type SqueezeExcitationOptions } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { registerClassifier } from './classifier.ts';
import { efficientNetV1, efficientNetV2, type StageConfig } from './efficientnet-config.ts';
import * as weightsOf from './efficientnet-weights.ts';
import { initialiseLayers, kaimingFanOut } from './initialise.ts';
import { makeDivisible, requireCount } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** What a block needs to know of its stage. */
export type BlockConfig = Pick<StageConfig, 'expandRatio' | 'kernel' | 'stride' | 'inputChannels' | 'outChannels'>;

/** Makes the squeeze and excitation of a block. */
export type SqueezeLayer = LayerFactory<
  [inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions]
>;

/** What both kinds of blocks share: the layers, and the connection around them that stochastic depth may leave alone. */
abstract class ResidualBlock extends nn.Module {
  readonly useResConnect: boolean;
  readonly block: nn.Sequential;
  readonly stochastic_depth: StochasticDepth;
  readonly outChannels: number;

  constructor({ stride, inputChannels, outChannels }: BlockConfig, stochasticDepthProb: number, layers: nn.Module[]) {
    super();
    this.useResConnect = stride === 1 && inputChannels === outChannels;
    this.block = new nn.Sequential(...layers);
    this.stochastic_depth = new StochasticDepth(stochasticDepthProb, 'row');
    this.outChannels = outChannels;
  }

  forward(x: Tensor): Tensor {
    if (!this.useResConnect) return this.block(x);
    return pipe(x, this.block, this.stochastic_depth).add_(x);
  }
}

function requireStride(stride: number): void {
  if (stride !== 1 && stride !== 2) throw ArgumentError.expected('stride', '1 or 2', stride);
}

/** Widens, filters each channel by itself, weighs the channels, narrows. */
export class MBConv extends ResidualBlock {
  /** @throws {ArgumentError} for a stride other than 1 and 2 */
  constructor(
    config: BlockConfig,
    stochasticDepthProb: number,
    normLayer: NormLayer,
    seLayer: SqueezeLayer = SqueezeExcitation,
  ) {
    const { expandRatio, kernel, stride, inputChannels, outChannels } = config;
    requireStride(stride);
    const width = makeDivisible(inputChannels * expandRatio, 8);
    const shared = { normLayer, activationLayer: nn.SiLU };
    const layers: nn.Module[] = [];
    if (width !== inputChannels) {
      layers.push(new Conv2dNormActivation(inputChannels, width, { kernelSize: 1, ...shared }));
    }
    layers.push(
      new Conv2dNormActivation(width, width, { kernelSize: kernel, stride, groups: width, ...shared }),
      makeLayer(seLayer, width, Math.max(1, Math.floor(inputChannels / 4)), {
        activation: () => new nn.SiLU({ inplace: true }),
      }),
      new Conv2dNormActivation(width, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
    );
    super(config, stochasticDepthProb, layers);
  }
}

/** A full convolution that widens, and a 1×1 that narrows; one convolution alone where nothing is widened. */
export class FusedMBConv extends ResidualBlock {
  /** @throws {ArgumentError} for a stride other than 1 and 2 */
  constructor(config: BlockConfig, stochasticDepthProb: number, normLayer: NormLayer) {
    const { expandRatio, kernel, stride, inputChannels, outChannels } = config;
    requireStride(stride);
    const width = makeDivisible(inputChannels * expandRatio, 8);
    const fused = { kernelSize: kernel, stride, normLayer, activationLayer: nn.SiLU };
    const layers =
      width === inputChannels
        ? [new Conv2dNormActivation(inputChannels, outChannels, fused)]
        : [
            new Conv2dNormActivation(inputChannels, width, fused),
            new Conv2dNormActivation(width, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
          ];
    super(config, stochasticDepthProb, layers);
  }
}

/** Makes the blocks of a kind. */
export type BlockLayer = LayerFactory<[config: BlockConfig, stochasticDepthProb: number, normLayer: NormLayer]>;

export interface EfficientNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Probability of leaving out the last block; it grows linearly from 0 at the first. Default 0.2. */
  stochasticDepthProb?: number;
  /** Default `nn.BatchNorm2d`. */
  normLayer?: NormLayer;
  /** Channels of the last convolution. Default: four times those of the last stage. */
  lastChannel?: number | null;
  /** Replacements for the blocks. */
  blocks?: Partial<Record<StageConfig['kind'], BlockLayer>>;
}

/** The network: `features`, global average, `classifier`. `(N, 3, H, W)` to `(N, numClasses)`. */
export class EfficientNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  /**
   * @param invertedResidualSetting the stages
   * @param dropout probability of the dropout before the classifier
   * @throws {ArgumentError} without stages
   */
  constructor(invertedResidualSetting: readonly StageConfig[], dropout: number, options: EfficientNetOptions = {}) {
    super();
    const { numClasses = 1000, stochasticDepthProb = 0.2, normLayer = nn.BatchNorm2d, blocks } = options;
    const first = invertedResidualSetting[0];
    const last = invertedResidualSetting[invertedResidualSetting.length - 1];
    if (first === undefined || last === undefined) {
      throw ArgumentError.expected('invertedResidualSetting', 'at least one stage', invertedResidualSetting);
    }
    requireCount('numClasses', numClasses);
    const shared = { normLayer, activationLayer: nn.SiLU };
    const makers: Record<StageConfig['kind'], BlockLayer> = { mbconv: MBConv, fused: FusedMBConv, ...blocks };
    const total = invertedResidualSetting.reduce((sum, stage) => sum + stage.numLayers, 0);
    let position = 0;
    this.features = new nn.Sequential(new Conv2dNormActivation(3, first.inputChannels, { stride: 2, ...shared }));
    for (const config of invertedResidualSetting) {
      const stage = new nn.Sequential();
      for (let i = 0; i < config.numLayers; i++) {
        const block = i === 0 ? config : { ...config, inputChannels: config.outChannels, stride: 1 };
        stage.append(makeLayer(makers[config.kind], block, (stochasticDepthProb * position++) / total, normLayer));
      }
      this.features.append(stage);
    }
    const width = options.lastChannel ?? 4 * last.outChannels;
    this.features.append(new Conv2dNormActivation(last.outChannels, width, { kernelSize: 1, ...shared }));
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(new nn.Dropout(dropout, { inplace: true }), new nn.Linear(width, numClasses));
    initialiseLayers(this, {
      conv: kaimingFanOut,
      linear: (weight, layer) => {
        const range = 1 / Math.sqrt(layer.outFeatures);
        nn.init.uniform_(weight, -range, range);
      },
    });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.avgpool, (pooled) => pooled.flatten(1), this.classifier);
  }
}

export interface EfficientNetBuilderOptions extends EfficientNetOptions {
  /** Probability of the dropout before the classifier. Default: by the size of the network, 0.2 to 0.5. */
  dropout?: number;
}

interface Variant {
  stages: readonly StageConfig[];
  size: number;
  weights: WeightsEnum;
  dropout: number;
  lastChannel?: number;
  norm?: { eps: number; momentum?: number };
}

function efficientnet(name: string, { stages, size, weights, dropout, lastChannel, norm }: Variant) {
  const normLayer = norm === undefined ? nn.BatchNorm2d : (channels: number) => new nn.BatchNorm2d(channels, norm);
  return registerClassifier(name, {
    make: (options: EfficientNetBuilderOptions) =>
      new EfficientNet(stages, options.dropout ?? dropout, {
        ...options,
        lastChannel: options.lastChannel ?? lastChannel ?? null,
        normLayer: options.normLayer ?? normLayer,
      }),
    weights,
    size,
    defaults: {
      dropout,
      stochasticDepthProb: 0.2,
      normLayer: undefined,
      lastChannel: lastChannel ?? null,
      blocks: undefined,
    },
  });
}

/** Larger networks of the first version learn with a slower batch norm. */
const SLOW_NORM = { eps: 0.001, momentum: 0.01 };

/** EfficientNet B0. */
export const efficientnet_b0 = efficientnet('efficientnet_b0', {
  stages: efficientNetV1(1, 1),
  size: 224,
  weights: weightsOf.EfficientNet_B0_Weights,
  dropout: 0.2,
});
/** EfficientNet B1, for images of 240×240. */
export const efficientnet_b1 = efficientnet('efficientnet_b1', {
  stages: efficientNetV1(1, 1.1),
  size: 240,
  weights: weightsOf.EfficientNet_B1_Weights,
  dropout: 0.2,
});
/** EfficientNet B2, for images of 288×288. */
export const efficientnet_b2 = efficientnet('efficientnet_b2', {
  stages: efficientNetV1(1.1, 1.2),
  size: 288,
  weights: weightsOf.EfficientNet_B2_Weights,
  dropout: 0.3,
});
/** EfficientNet B3, for images of 300×300. */
export const efficientnet_b3 = efficientnet('efficientnet_b3', {
  stages: efficientNetV1(1.2, 1.4),
  size: 300,
  weights: weightsOf.EfficientNet_B3_Weights,
  dropout: 0.3,
});
/** EfficientNet B4, for images of 380×380. */
export const efficientnet_b4 = efficientnet('efficientnet_b4', {
  stages: efficientNetV1(1.4, 1.8),
  size: 380,
  weights: weightsOf.EfficientNet_B4_Weights,
  dropout: 0.4,
});
/** EfficientNet B5, for images of 456×456. */
export const efficientnet_b5 = efficientnet('efficientnet_b5', {
  stages: efficientNetV1(1.6, 2.2),
  size: 456,
  weights: weightsOf.EfficientNet_B5_Weights,
  dropout: 0.4,
  norm: SLOW_NORM,
});
/** EfficientNet B6, for images of 528×528. */
export const efficientnet_b6 = efficientnet('efficientnet_b6', {
  stages: efficientNetV1(1.8, 2.6),
  size: 528,
  weights: weightsOf.EfficientNet_B6_Weights,
  dropout: 0.5,
  norm: SLOW_NORM,
});
/** EfficientNet B7, for images of 600×600. */
export const efficientnet_b7 = efficientnet('efficientnet_b7', {
  stages: efficientNetV1(2, 3.1),
  size: 600,
  weights: weightsOf.EfficientNet_B7_Weights,
  dropout: 0.5,
  norm: SLOW_NORM,
});
/** EfficientNetV2 S, for images of 384×384. */
export const efficientnet_v2_s = efficientnet('efficientnet_v2_s', {
  stages: efficientNetV2.s,
  size: 384,
  weights: weightsOf.EfficientNet_V2_S_Weights,
  dropout: 0.2,
  lastChannel: 1280,
  norm: { eps: 0.001 },
});
/** EfficientNetV2 M, for images of 480×480. */
export const efficientnet_v2_m = efficientnet('efficientnet_v2_m', {
  stages: efficientNetV2.m,
  size: 480,
  weights: weightsOf.EfficientNet_V2_M_Weights,
  dropout: 0.3,
  lastChannel: 1280,
  norm: { eps: 0.001 },
});
/** EfficientNetV2 L, for images of 480×480. */
export const efficientnet_v2_l = efficientnet('efficientnet_v2_l', {
  stages: efficientNetV2.l,
  size: 480,
  weights: weightsOf.EfficientNet_V2_L_Weights,
  dropout: 0.4,
  lastChannel: 1280,
  norm: { eps: 0.001 },
});
