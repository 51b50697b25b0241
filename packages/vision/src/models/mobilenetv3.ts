/**
 * @file MobileNetV3: inverted residuals with squeeze and excitation, and hard activations.
 *
 * Paper: Howard et al. 2019 (arXiv:1905.02244). Lineage: torchvision's form. Weights: mobilenetv3-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { Conv2dNormActivation, SqueezeExcitation } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { initialiseLayers, kaimingFanOut, normalWith } from './initialise.ts';
import { MobileNet_V3_Large_Weights, MobileNet_V3_Small_Weights } from './mobilenetv3-weights.ts';
import { makeDivisible, requireCount, requirePositive } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** One block of the network. */
export interface InvertedResidualConfig {
  readonly inputChannels: number;
  readonly kernel: number;
  readonly expandedChannels: number;
  readonly outChannels: number;
  /** Squeeze and excitation. */
  readonly useSe: boolean;
  /** `'RE'`: ReLU, `'HS'`: hard swish. */
  readonly activation: 'RE' | 'HS';
  readonly stride: number;
  readonly dilation: number;
}

/** Makes the squeeze and excitation of a block. */
export type SqueezeLayer = LayerFactory<[inputChannels: number, squeezeChannels: number]>;

const hardSqueeze: SqueezeLayer = (inputChannels: number, squeezeChannels: number) =>
  new SqueezeExcitation(inputChannels, squeezeChannels, { scaleActivation: nn.Hardsigmoid });

/** Widens, filters each channel by itself, weighs the channels, narrows; adds the input where shapes allow. */
export class InvertedResidual extends nn.Module {
  readonly useResConnect: boolean;
  readonly block: nn.Sequential;
  readonly outChannels: number;
  /** Whether the block halves the resolution: where feature extractors take their outputs. */
  readonly isCn: boolean;

  /** @throws {ArgumentError} for a stride other than 1 and 2 */
  constructor(config: InvertedResidualConfig, normLayer: NormLayer, seLayer: SqueezeLayer = hardSqueeze) {
    super();
    const { inputChannels, kernel, expandedChannels, outChannels, dilation } = config;
    if (config.stride !== 1 && config.stride !== 2) throw ArgumentError.expected('stride', '1 or 2', config.stride);
    const shared = { normLayer, activationLayer: config.activation === 'HS' ? nn.Hardswish : nn.ReLU };
    this.useResConnect = config.stride === 1 && inputChannels === outChannels;
    this.block = new nn.Sequential();
    if (expandedChannels !== inputChannels) {
      this.block.append(new Conv2dNormActivation(inputChannels, expandedChannels, { kernelSize: 1, ...shared }));
    }
    this.block.append(
      new Conv2dNormActivation(expandedChannels, expandedChannels, {
        kernelSize: kernel,
        // Dilation takes the place of the stride.
        stride: dilation > 1 ? 1 : config.stride,
        dilation,
        groups: expandedChannels,
        ...shared,
      }),
    );
    if (config.useSe) {
      const squeezeChannels = makeDivisible(Math.floor(expandedChannels / 4), 8);
      this.block.append(makeLayer(seLayer, expandedChannels, squeezeChannels));
    }
    this.block.append(
      new Conv2dNormActivation(expandedChannels, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
    );
    this.outChannels = outChannels;
    this.isCn = config.stride > 1;
  }

  forward(x: Tensor): Tensor {
    const result = this.block(x);
    return this.useResConnect ? result.add_(x) : result;
  }
}

export interface MobileNetV3Options {
  /** Default 1000. */
  numClasses?: number;
  /** Makes the blocks. Default {@link InvertedResidual}. */
  block?: LayerFactory<[config: InvertedResidualConfig, normLayer: NormLayer]>;
  /** Default: batch norms with `eps` 0.001 and `momentum` 0.01. */
  normLayer?: NormLayer;
  /** Probability of the dropout before the last layer. Default 0.2. */
  dropout?: number;
}

const defaultNorm: NormLayer = (channels: number) => new nn.BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 });

/** The network: `features`, global average, `classifier`. `(N, 3, H, W)` to `(N, numClasses)`. */
export class MobileNetV3 extends nn.Module {
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  /**
   * @param invertedResidualSetting the blocks
   * @param lastChannel width of the classifier's hidden layer
   * @throws {ArgumentError} without blocks
   */
  constructor(
    invertedResidualSetting: readonly InvertedResidualConfig[],
    lastChannel: number,
    options: MobileNetV3Options = {},
  ) {
    super();
    const { numClasses = 1000, block = InvertedResidual, normLayer = defaultNorm, dropout = 0.2 } = options;
    const first = invertedResidualSetting[0];
    const last = invertedResidualSetting[invertedResidualSetting.length - 1];
    if (first === undefined || last === undefined) {
      throw ArgumentError.expected('invertedResidualSetting', 'at least one block', invertedResidualSetting);
    }
    requireCount('numClasses', numClasses);
    const shared = { normLayer, activationLayer: nn.Hardswish };
    this.features = new nn.Sequential(new Conv2dNormActivation(3, first.inputChannels, { stride: 2, ...shared }));
    for (const config of invertedResidualSetting) this.features.append(makeLayer(block, config, normLayer));
    const width = 6 * last.outChannels;
    this.features.append(new Conv2dNormActivation(last.outChannels, width, { kernelSize: 1, ...shared }));
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(
      new nn.Linear(width, lastChannel),
      new nn.Hardswish({ inplace: true }),
      new nn.Dropout(dropout, { inplace: true }),
      new nn.Linear(lastChannel, numClasses),
    );
    initialiseLayers(this, { conv: kaimingFanOut, linear: normalWith(0.01) });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.avgpool, (pooled) => pooled.flatten(1), this.classifier);
  }
}

/** In the order of the paper's tables: channels in, kernel, channels inside, channels out, squeeze, activation, stride. */
type Row = readonly [number, number, number, number, boolean, 'RE' | 'HS', number];

const LARGE: readonly Row[] = [
  [16, 3, 16, 16, false, 'RE', 1],
  [16, 3, 64, 24, false, 'RE', 2],
  [24, 3, 72, 24, false, 'RE', 1],
  [24, 5, 72, 40, true, 'RE', 2],
  [40, 5, 120, 40, true, 'RE', 1],
  [40, 5, 120, 40, true, 'RE', 1],
  [40, 3, 240, 80, false, 'HS', 2],
  [80, 3, 200, 80, false, 'HS', 1],
  [80, 3, 184, 80, false, 'HS', 1],
  [80, 3, 184, 80, false, 'HS', 1],
  [80, 3, 480, 112, true, 'HS', 1],
  [112, 3, 672, 112, true, 'HS', 1],
  [112, 5, 672, 160, true, 'HS', 2],
  [160, 5, 960, 160, true, 'HS', 1],
  [160, 5, 960, 160, true, 'HS', 1],
];
const SMALL: readonly Row[] = [
  [16, 3, 16, 16, true, 'RE', 2],
  [16, 3, 72, 24, false, 'RE', 2],
  [24, 3, 88, 24, false, 'RE', 1],
  [24, 5, 96, 40, true, 'HS', 2],
  [40, 5, 240, 40, true, 'HS', 1],
  [40, 5, 240, 40, true, 'HS', 1],
  [40, 5, 120, 48, true, 'HS', 1],
  [48, 5, 144, 48, true, 'HS', 1],
  [48, 5, 288, 96, true, 'HS', 2],
  [96, 5, 576, 96, true, 'HS', 1],
  [96, 5, 576, 96, true, 'HS', 1],
];
/** The last blocks, which `reducedTail` narrows and `dilated` dilates. */
const TAIL = 3;

export interface MobileNetV3ConfigOptions {
  /** Multiplies the channels of all layers. Default 1. */
  widthMult?: number;
  /** Half the channels in the last three blocks. Default `false`. */
  reducedTail?: boolean;
  /** Dilate the last three blocks instead of halving the resolution. Default `false`. */
  dilated?: boolean;
}

/** The blocks of a MobileNetV3 and the width of its classifier. */
export function mobileNetV3Config(
  architecture: 'large' | 'small',
  { widthMult = 1, reducedTail = false, dilated = false }: MobileNetV3ConfigOptions = {},
): { invertedResidualSetting: InvertedResidualConfig[]; lastChannel: number } {
  requirePositive('widthMult', widthMult);
  const [rows, hidden] = architecture === 'large' ? [LARGE, 1280] : [SMALL, 1024];
  const divider = reducedTail ? 2 : 1;
  const scaled = (channels: number) => makeDivisible(channels * widthMult, 8);
  const invertedResidualSetting = rows.map(([input, kernel, expanded, out, useSe, activation, stride], i) => {
    const tail = i - (rows.length - TAIL);
    // The first block of the tail narrows its output only.
    const inner = tail > 0 ? divider : 1;
    return {
      inputChannels: scaled(Math.floor(input / inner)),
      kernel,
      expandedChannels: scaled(Math.floor(expanded / inner)),
      outChannels: scaled(Math.floor(out / (tail >= 0 ? divider : 1))),
      useSe,
      activation,
      stride,
      dilation: tail >= 0 && dilated ? 2 : 1,
    };
  });
  return { invertedResidualSetting, lastChannel: scaled(Math.floor(hidden / divider)) };
}

export interface MobileNetV3BuilderOptions extends MobileNetV3Options, MobileNetV3ConfigOptions {}

function mobilenet(architecture: 'large' | 'small', weights: WeightsEnum) {
  return registerClassifier(`mobilenet_v3_${architecture}`, {
    make: (options: MobileNetV3BuilderOptions) => {
      const { invertedResidualSetting, lastChannel } = mobileNetV3Config(architecture, options);
      return new MobileNetV3(invertedResidualSetting, lastChannel, options);
    },
    weights,
    defaults: {
      widthMult: 1,
      reducedTail: false,
      dilated: false,
      block: undefined,
      normLayer: undefined,
      dropout: 0.2,
    },
  });
}

/** MobileNetV3 Large. */
export const mobilenet_v3_large = mobilenet('large', MobileNet_V3_Large_Weights);
/** MobileNetV3 Small. */
export const mobilenet_v3_small = mobilenet('small', MobileNet_V3_Small_Weights);
