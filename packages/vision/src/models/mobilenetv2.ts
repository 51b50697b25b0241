/**
 * @file MobileNetV2: inverted residuals with linear bottlenecks.
 *
 * Paper: Sandler et al. 2018 (arXiv:1801.04381). Lineage: torchvision's form. Weights: mobilenetv2-weights.ts.
 */

import { ArgumentError, adaptiveAvgPool2d, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { Conv2dNormActivation } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { MobileNet_V2_Weights } from './mobilenetv2-weights.ts';
import { type ModelBuilder, registerModel } from './registry.ts';
import { makeDivisible, requireCount, requirePositive, roundHalfEven } from './utils.ts';
import type { WeightsOption } from './weights.ts';
import { withWeights } from './weights-loading.ts';

export interface InvertedResidualOptions {
  /** Default `nn.BatchNorm2d`. */
  normLayer?: NormLayer;
}

/** Widens with a 1×1 convolution, filters each channel by itself with a 3×3, narrows with a 1×1; adds the input where shapes allow. */
export class InvertedResidual extends nn.Module {
  readonly stride: number;
  readonly useResConnect: boolean;
  readonly conv: nn.Sequential;
  readonly outChannels: number;
  /** Whether the block halves the resolution: where feature extractors take their outputs. */
  readonly isCn: boolean;

  /** @throws {ArgumentError} for a stride other than 1 and 2 */
  constructor(
    inChannels: number,
    outChannels: number,
    stride: number,
    expandRatio: number,
    options: InvertedResidualOptions = {},
  ) {
    super();
    if (stride !== 1 && stride !== 2) throw ArgumentError.expected('stride', '1 or 2', stride);
    const { normLayer = nn.BatchNorm2d } = options;
    const hidden = roundHalfEven(inChannels * expandRatio);
    const shared = { normLayer, activationLayer: nn.ReLU6 };
    this.stride = stride;
    this.useResConnect = stride === 1 && inChannels === outChannels;
    this.conv = new nn.Sequential();
    if (expandRatio !== 1) this.conv.append(new Conv2dNormActivation(inChannels, hidden, { kernelSize: 1, ...shared }));
    this.conv
      .append(new Conv2dNormActivation(hidden, hidden, { stride, groups: hidden, ...shared }))
      .append(new nn.Conv2d(hidden, outChannels, 1, { bias: false }))
      .append(makeLayer(normLayer, outChannels));
    this.outChannels = outChannels;
    this.isCn = stride > 1;
  }

  forward(x: Tensor): Tensor {
    return this.useResConnect ? x.add(this.conv(x)) : this.conv(x);
  }
}

/** Of one stage: expansion ratio, output channels, number of blocks, stride of the first block. */
export type InvertedResidualSetting = readonly [expandRatio: number, channels: number, repeats: number, stride: number];

const SETTING: readonly InvertedResidualSetting[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

export interface MobileNetV2Options {
  /** Default 1000. */
  numClasses?: number;
  /** Multiplies the channels of all layers. Default 1. */
  widthMult?: number;
  /** The stages. Default: those of the paper. */
  invertedResidualSetting?: readonly InvertedResidualSetting[] | null;
  /** Channels are rounded to multiples of this; 1 leaves them as they are. Default 8. */
  roundNearest?: number;
  /** Default {@link InvertedResidual}. */
  block?: LayerFactory<
    [inChannels: number, outChannels: number, stride: number, expandRatio: number, options: InvertedResidualOptions]
  >;
  /** Default `nn.BatchNorm2d`. */
  normLayer?: NormLayer;
  /** Probability of the dropout before the classifier. Default 0.2. */
  dropout?: number;
}

/** The network: `features`, global average, `classifier`. `(N, 3, H, W)` to `(N, numClasses)`. */
export class MobileNetV2 extends nn.Module {
  readonly lastChannel: number;
  readonly features: nn.Sequential;
  readonly classifier: nn.Sequential;

  /** @throws {ArgumentError} for stages that are not lists of four numbers */
  constructor(options: MobileNetV2Options = {}) {
    super();
    const { numClasses = 1000, widthMult = 1, roundNearest = 8, dropout = 0.2 } = options;
    const { block = InvertedResidual, normLayer = nn.BatchNorm2d } = options;
    const setting = options.invertedResidualSetting ?? SETTING;
    requireCount('numClasses', numClasses);
    requirePositive('widthMult', widthMult);
    requireCount('roundNearest', roundNearest);
    if (
      !Array.isArray(setting) ||
      setting.length === 0 ||
      setting.some((stage) => !Array.isArray(stage) || stage.length !== 4)
    ) {
      throw ArgumentError.expected(
        'invertedResidualSetting',
        'a list of [expandRatio, channels, repeats, stride]',
        setting,
      );
    }
    const scaled = (channels: number) => makeDivisible(channels * widthMult, roundNearest);
    const shared = { normLayer, activationLayer: nn.ReLU6 };
    let channels = scaled(32);
    // Narrow networks keep the full width at the end.
    this.lastChannel = makeDivisible(1280 * Math.max(1, widthMult), roundNearest);
    this.features = new nn.Sequential(new Conv2dNormActivation(3, channels, { stride: 2, ...shared }));
    for (const [expandRatio, width, repeats, firstStride] of setting) {
      const outChannels = scaled(width);
      for (let i = 0; i < repeats; i++) {
        this.features.append(
          makeLayer(block, channels, outChannels, i === 0 ? firstStride : 1, expandRatio, { normLayer }),
        );
        channels = outChannels;
      }
    }
    this.features.append(new Conv2dNormActivation(channels, this.lastChannel, { kernelSize: 1, ...shared }));
    this.classifier = new nn.Sequential(new nn.Dropout(dropout), new nn.Linear(this.lastChannel, numClasses));
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    const pool = (features: Tensor) => adaptiveAvgPool2d(features, [1, 1]);
    return pipe(x, this.features, pool, (pooled) => pooled.flatten(1), this.classifier);
  }
}

function initialise(model: MobileNetV2): void {
  for (const module of model.modules()) {
    if (module instanceof nn.Conv2d) {
      nn.init.kaimingNormal_(module.weight, { mode: 'fan_out' });
      if (module.bias !== null) nn.init.zeros_(module.bias);
    } else if (module instanceof nn.BatchNorm2d || module instanceof nn.GroupNorm) {
      if (module.weight !== null) nn.init.ones_(module.weight);
      if (module.bias !== null) nn.init.zeros_(module.bias);
    } else if (module instanceof nn.Linear) {
      nn.init.normal_(module.weight, 0, 0.01);
      if (module.bias !== null) nn.init.zeros_(module.bias);
    }
  }
}

export interface MobileNetV2BuilderOptions extends MobileNetV2Options {
  /** Published weights or a checkpoint file. Default: none. */
  weights?: WeightsOption;
}

const build: ModelBuilder<MobileNetV2BuilderOptions, MobileNetV2> = (options = {}) =>
  withWeights(MobileNet_V2_Weights, options, (rest: MobileNetV2Options) => new MobileNetV2(rest));

/** MobileNetV2. */
export const mobilenet_v2 = registerModel('mobilenet_v2', build, {
  task: 'classification',
  module: 'classification',
  inputShapes: [[1, 3, 224, 224]],
  defaultOptions: {
    numClasses: 1000,
    widthMult: 1,
    invertedResidualSetting: null,
    roundNearest: 8,
    block: undefined,
    normLayer: undefined,
    dropout: 0.2,
  },
  weights: MobileNet_V2_Weights,
});
