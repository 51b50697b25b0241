/** @file ResNet of edgeailite: torchvision's blocks under `features`, with strides and width to choose (He et al. 2015, arXiv:1512.03385). */

import { nn, type Tensor } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { initialise, pipe } from '../../layers/conv.ts';
import { type Backbone, type BackboneOptions, checkStrides, type Tap } from '../backbone.ts';

/** Kind of block and how many in each stage. */
export interface ResNetLayout {
  readonly block: typeof models.BasicBlock | typeof models.Bottleneck;
  readonly layers: readonly [number, number, number, number];
}

export interface ResNetOptions extends BackboneOptions {
  /** Default 1000. */
  numClasses?: number;
}

function stage(layout: ResNetLayout, inputs: number, planes: number, repeats: number, stride: number): nn.Sequential {
  const outputs = planes * layout.block.expansion;
  const downsample =
    stride === 1 && inputs === outputs
      ? null
      : new nn.Sequential(new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }), new nn.BatchNorm2d(outputs));
  const blocks = new nn.Sequential(new layout.block(inputs, planes, { stride, downsample }));
  for (let i = 1; i < repeats; i++) blocks.append(new layout.block(outputs, planes));
  return blocks;
}

/** Stem, pool and four stages: `conv1`, `bn1`, `relu`, `maxpool`, `layer1` … `layer4`. */
export function resNetFeatures(layout: ResNetLayout, options: BackboneOptions = {}): Backbone {
  const { inputChannels = 3, widthMult = 1, fastdown = false } = options;
  const [s0, s1, s2, s3, s4] = checkStrides(options.strides);
  const width = (channels: number) => Math.trunc(channels * widthMult);
  const stem = width(64);
  const named: Record<string, nn.Module> = {
    conv1: new nn.Conv2d(inputChannels, stem, 7, { stride: s0, padding: 3, bias: false }),
    bn1: new nn.BatchNorm2d(stem),
    relu: new nn.ReLU({ inplace: true }),
    maxpool: new nn.MaxPool2d(3, { stride: s1, padding: 1 }),
  };
  let total = s0 * s1;
  const taps: Tap[] = [s0, s0, s0, total].map((stride) => ({ channels: stem, stride }));
  let channels = stem;
  const strides = [fastdown ? 2 : 1, s2, s3, s4] as const;
  for (const [i, repeats] of layout.layers.entries()) {
    const planes = width(64 * 2 ** i);
    const stride = strides[i] ?? 1;
    named[`layer${i + 1}`] = stage(layout, channels, planes, repeats, stride);
    channels = planes * layout.block.expansion;
    total *= stride;
    taps.push({ channels, stride: total });
  }
  return { features: new nn.Sequential(named), taps };
}

/** `(N, 3, H, W)` to `(N, numClasses)`. */
export class ResNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Linear;

  constructor(layout: ResNetLayout, options: ResNetOptions = {}) {
    super();
    const { features, taps } = resNetFeatures(layout, options);
    this.features = features;
    this.classifier = new nn.Linear(taps.at(-1)?.channels ?? 0, options.numClasses ?? 1000);
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, (map) => map.mean([2, 3]), this.classifier);
  }
}

export const RESNET18: ResNetLayout = { block: models.BasicBlock, layers: [2, 2, 2, 2] };
export const RESNET50: ResNetLayout = { block: models.Bottleneck, layers: [3, 4, 6, 3] };
