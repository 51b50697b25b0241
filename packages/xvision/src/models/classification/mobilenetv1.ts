/** @file MobileNetV1 of edgeailite: depthwise separable convolutions in a row (Howard et al. 2017, arXiv:1704.04861). */

import { nn, type Tensor } from '@edgeai/torch';
import { ConvDWSepNormAct2d, ConvNormAct2d, divisibleBy8, initialise, pipe } from '../../layers/conv.ts';
import { type Backbone, type BackboneOptions, checkStrides, type Tap } from '../backbone.ts';

export interface MobileNetV1Options extends BackboneOptions {
  /** Default 1000. */
  numClasses?: number;
  /** A dropout of 0.2 before the classifier. Default `false`. */
  dropout?: boolean;
}

/** The stem and thirteen separable blocks. */
export function mobileNetV1Features(options: BackboneOptions = {}): Backbone {
  const { inputChannels = 3, widthMult = 1, fastdown = false } = options;
  const [s0, s1, s2, s3, s4] = checkStrides(options.strides);
  const width = (channels: number) => divisibleBy8(channels * widthMult);
  const stages = [
    [64, 1, fastdown ? 2 : 1],
    [128, 2, s1],
    [256, 2, s2],
    [512, 6, s3],
    [1024, 2, s4],
  ] as const;
  let channels = width(32);
  let total: number = s0;
  const features = new nn.Sequential(new ConvNormAct2d(inputChannels, channels, 3, { stride: s0 }));
  const taps: Tap[] = [{ channels, stride: total }];
  for (const [planes, repeats, first] of stages) {
    for (let i = 0; i < repeats; i++) {
      const stride = i === 0 ? first : 1;
      features.append(new ConvDWSepNormAct2d(channels, width(planes), 3, { stride }));
      channels = width(planes);
      total *= stride;
      taps.push({ channels, stride: total });
    }
  }
  return { features, taps };
}

/** `(N, 3, H, W)` to `(N, numClasses)`. */
export class MobileNetV1 extends nn.Module {
  readonly classifier: nn.Sequential;
  readonly features: nn.Sequential;

  constructor(options: MobileNetV1Options = {}) {
    super();
    const { features, taps } = mobileNetV1Features(options);
    this.classifier = new nn.Sequential(
      options.dropout ? new nn.Dropout(0.2) : new nn.Identity(),
      new nn.Linear(taps.at(-1)?.channels ?? 0, options.numClasses ?? 1000),
    );
    this.features = features;
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, (map) => map.mean([2, 3]), this.classifier);
  }
}
