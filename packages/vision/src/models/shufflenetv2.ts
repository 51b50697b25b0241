/**
 * @file ShuffleNetV2: half of the channels pass each block unchanged, and all are shuffled after it.
 *
 * Paper: Ma et al. 2018 (arXiv:1807.11164). Lineage: torchvision's form. Weights: shufflenetv2-weights.ts.
 */

import { ArgumentError, cat, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer } from '../ops/layer-factory.ts';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import * as weightsOf from './shufflenetv2-weights.ts';
import { requireCount } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** Deals the channels of `(N, C, H, W)` out to `groups` groups, one by one. */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [n = 0, channels = 0, height = 0, width = 0] = x.shape;
  const grouped = x.view([n, groups, Math.floor(channels / groups), height, width]);
  return grouped.transpose(1, 2).contiguous().view([n, channels, height, width]);
}

const relu = () => new nn.ReLU({ inplace: true });
const pointwise = (inChannels: number, outChannels: number) =>
  new nn.Conv2d(inChannels, outChannels, 1, { bias: false });
const depthwise = (channels: number, stride: number) =>
  new nn.Conv2d(channels, channels, 3, { stride, padding: 1, groups: channels, bias: false });

/** Two branches. At stride 1 one half of the channels is one of them, unchanged. */
export class InvertedResidual extends nn.Module {
  readonly stride: number;
  readonly branch1: nn.Sequential;
  readonly branch2: nn.Sequential;

  /** @throws {ArgumentError} for a stride outside 1 … 3, or channel counts that do not fit it */
  constructor(inChannels: number, outChannels: number, stride: number) {
    super();
    if (![1, 2, 3].includes(stride)) throw ArgumentError.expected('stride', '1, 2 or 3', stride);
    const width = Math.floor(outChannels / 2);
    if (stride === 1 && inChannels !== 2 * width) {
      throw ArgumentError.expected(
        'inChannels',
        `${2 * width} at stride 1 with ${outChannels} output channels`,
        inChannels,
      );
    }
    this.stride = stride;
    this.branch1 =
      stride === 1
        ? new nn.Sequential()
        : new nn.Sequential(
            depthwise(inChannels, stride),
            new nn.BatchNorm2d(inChannels),
            pointwise(inChannels, width),
            new nn.BatchNorm2d(width),
            relu(),
          );
    this.branch2 = new nn.Sequential(
      pointwise(stride > 1 ? inChannels : width, width),
      new nn.BatchNorm2d(width),
      relu(),
      depthwise(width, stride),
      new nn.BatchNorm2d(width),
      pointwise(width, width),
      new nn.BatchNorm2d(width),
      relu(),
    );
  }

  forward(x: Tensor): Tensor {
    if (this.stride > 1) return channelShuffle(cat([this.branch1(x), this.branch2(x)], 1), 2);
    const [kept, changed] = x.chunk(2, 1);
    if (kept === undefined || changed === undefined)
      throw ArgumentError.expected('x', 'at least two channels', x.shape);
    return channelShuffle(cat([kept, this.branch2(changed)], 1), 2);
  }
}

export interface ShuffleNetV2Options {
  /** Default 1000. */
  numClasses?: number;
  /** Makes the blocks. Default {@link InvertedResidual}. */
  invertedResidual?: LayerFactory<[inChannels: number, outChannels: number, stride: number]>;
}

/** The network: stem, three stages, 1×1 convolution, global average, linear. `(N, 3, H, W)` to `(N, numClasses)`. */
export class ShuffleNetV2 extends nn.Module {
  readonly conv1: nn.Sequential;
  readonly maxpool: nn.MaxPool2d;
  readonly stage2: nn.Sequential;
  readonly stage3: nn.Sequential;
  readonly stage4: nn.Sequential;
  readonly conv5: nn.Sequential;
  readonly fc: nn.Linear;

  /**
   * @param stagesRepeats blocks of each of the three stages
   * @param stagesOutChannels channels of the stem, the three stages and the last convolution
   * @throws {ArgumentError} for lists of another length
   */
  constructor(
    stagesRepeats: readonly number[],
    stagesOutChannels: readonly number[],
    { numClasses = 1000, invertedResidual = InvertedResidual }: ShuffleNetV2Options = {},
  ) {
    super();
    if (stagesRepeats.length !== 3) throw ArgumentError.expected('stagesRepeats', 'three counts', stagesRepeats);
    if (stagesOutChannels.length !== 5) {
      throw ArgumentError.expected('stagesOutChannels', 'five channel counts', stagesOutChannels);
    }
    requireCount('numClasses', numClasses);
    const [repeats2 = 0, repeats3 = 0, repeats4 = 0] = stagesRepeats;
    const [stem = 0, stage2 = 0, stage3 = 0, stage4 = 0, last = 0] = stagesOutChannels;
    const stage = (inChannels: number, outChannels: number, repeats: number) => {
      const made = new nn.Sequential(makeLayer(invertedResidual, inChannels, outChannels, 2));
      for (let i = 1; i < repeats; i++) made.append(makeLayer(invertedResidual, outChannels, outChannels, 1));
      return made;
    };
    const stemConv = new nn.Conv2d(3, stem, 3, { stride: 2, padding: 1, bias: false });
    this.conv1 = new nn.Sequential(stemConv, new nn.BatchNorm2d(stem), relu());
    this.maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
    this.stage2 = stage(stem, stage2, repeats2);
    this.stage3 = stage(stage2, stage3, repeats3);
    this.stage4 = stage(stage3, stage4, repeats4);
    this.conv5 = new nn.Sequential(pointwise(stage4, last), new nn.BatchNorm2d(last), relu());
    this.fc = new nn.Linear(last, numClasses);
  }

  forward(x: Tensor): Tensor {
    const { conv1, maxpool, stage2, stage3, stage4, conv5, fc } = this;
    return pipe(x, conv1, maxpool, stage2, stage3, stage4, conv5, (features) => features.mean([2, 3]), fc);
  }
}

function shufflenet(name: string, channels: readonly number[], weights: WeightsEnum) {
  return registerClassifier(name, {
    make: (options: ShuffleNetV2Options) => new ShuffleNetV2([4, 8, 4], channels, options),
    weights,
    defaults: { invertedResidual: undefined },
  });
}

/** ShuffleNetV2 with half the channels. */
export const shufflenet_v2_x0_5 = shufflenet(
  'shufflenet_v2_x0_5',
  [24, 48, 96, 192, 1024],
  weightsOf.ShuffleNet_V2_X0_5_Weights,
);
/** ShuffleNetV2. */
export const shufflenet_v2_x1_0 = shufflenet(
  'shufflenet_v2_x1_0',
  [24, 116, 232, 464, 1024],
  weightsOf.ShuffleNet_V2_X1_0_Weights,
);
/** ShuffleNetV2 with 1.5 times the channels. */
export const shufflenet_v2_x1_5 = shufflenet(
  'shufflenet_v2_x1_5',
  [24, 176, 352, 704, 1024],
  weightsOf.ShuffleNet_V2_X1_5_Weights,
);
/** ShuffleNetV2 with twice the channels. */
export const shufflenet_v2_x2_0 = shufflenet(
  'shufflenet_v2_x2_0',
  [24, 244, 488, 976, 2048],
  weightsOf.ShuffleNet_V2_X2_0_Weights,
);
