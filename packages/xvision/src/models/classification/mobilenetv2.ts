/** @file MobileNetV2 of edgeailite: torchvision's keys and shapes, with ReLU (Sandler et al. 2018, arXiv:1801.04381). */

import { nn, type Tensor } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { AddBlock } from '../../layers/blocks.ts';
import { type Activation, ConvNormAct2d, divisibleBy8, initialise, pipe, relu } from '../../layers/conv.ts';
import { type Backbone, type BackboneOptions, checkStrides, type Tap } from '../backbone.ts';

export interface MobileNetV2FeatureOptions extends BackboneOptions {
  /** How much each block widens. Default 6. */
  expandRatio?: number;
  /** Default ReLU. */
  activation?: Activation;
  /** Moves the activation from the spatial convolution to the block's end. Default `false`. */
  linearDw?: boolean;
}

export interface MobileNetV2Options extends MobileNetV2FeatureOptions {
  /** Default 1000. */
  numClasses?: number;
  /** A dropout of 0.2 before the classifier. Default `false`. */
  dropout?: boolean;
}

interface BlockOptions {
  stride: number;
  expandRatio: number;
  activation: Activation;
  linearDw: boolean;
}

/** Widens with a 1×1 convolution, filters each channel by itself, narrows; adds the input where shapes allow. */
class InvertedResidual extends nn.Module {
  readonly conv: nn.Sequential;
  declare readonly add?: AddBlock;

  constructor(inChannels: number, outChannels: number, options: BlockOptions) {
    super();
    const { stride, expandRatio, activation, linearDw } = options;
    const hidden = Math.round(inChannels * expandRatio);
    this.conv = new nn.Sequential();
    if (expandRatio !== 1) this.conv.append(new ConvNormAct2d(inChannels, hidden, 1, { activation }));
    this.conv
      .append(
        new ConvNormAct2d(hidden, hidden, 3, { stride, groups: hidden, activation: linearDw ? null : activation }),
      )
      .append(new nn.Conv2d(hidden, outChannels, 1, { bias: false }))
      .append(new nn.BatchNorm2d(outChannels));
    if (linearDw) this.conv.append(activation());
    if (stride === 1 && inChannels === outChannels) this.add = new AddBlock();
  }

  forward(x: Tensor): Tensor {
    return this.add === undefined ? this.conv(x) : this.add(x, this.conv(x));
  }
}

/** The stem and seventeen blocks. */
export function mobileNetV2Features(options: MobileNetV2FeatureOptions = {}): Backbone {
  const { inputChannels = 3, widthMult = 1, expandRatio = 6, fastdown = false, linearDw = false } = options;
  const { activation = relu } = options;
  const [s0, s1, s2, s3, s4] = checkStrides(options.strides);
  const width = (channels: number) => divisibleBy8(channels * widthMult);
  const stages = [
    [1, 16, 1, fastdown ? 2 : 1],
    [expandRatio, 24, 2, s1],
    [expandRatio, 32, 3, s2],
    [expandRatio, 64, 4, s3],
    [expandRatio, 96, 3, 1],
    [expandRatio, 160, 3, s4],
    [expandRatio, 320, 1, 1],
  ] as const;
  let channels = width(32);
  let total: number = s0;
  const features = new nn.Sequential(new ConvNormAct2d(inputChannels, channels, 3, { stride: s0, activation }));
  const taps: Tap[] = [{ channels, stride: total }];
  for (const [ratio, planes, repeats, first] of stages) {
    for (let i = 0; i < repeats; i++) {
      const stride = i === 0 ? first : 1;
      features.append(
        new InvertedResidual(channels, width(planes), { stride, expandRatio: ratio, activation, linearDw }),
      );
      channels = width(planes);
      total *= stride;
      taps.push({ channels, stride: total });
    }
  }
  return { features, taps };
}

/** `(N, 3, H, W)` to `(N, numClasses)`. */
export class MobileNetV2 extends nn.Module {
  readonly classifier: nn.Sequential;
  readonly features: nn.Sequential;

  constructor(options: MobileNetV2Options = {}) {
    super();
    const { widthMult = 1, activation = relu } = options;
    const { features, taps } = mobileNetV2Features(options);
    const last = models.makeDivisible(1280 * widthMult, 8);
    this.classifier = new nn.Sequential(
      options.dropout ? new nn.Dropout(0.2) : new nn.Identity(),
      new nn.Linear(last, options.numClasses ?? 1000),
    );
    this.features = features.append(new ConvNormAct2d(taps.at(-1)?.channels ?? 0, last, 1, { activation }));
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, (map) => map.mean([2, 3]), this.classifier);
  }
}
