/** @file What GoogLeNet and Inception v3 share: convolution with batch norm, and the change of input normalisation. */

import { cat, nn, type Tensor } from '@edgeai/torch';
import type { LayerFactory } from '../ops/layer-factory.ts';
import { pipe } from '../ops/pipe.ts';

export type ConvBlockOptions = Omit<nn.ConvOptions, 'bias'>;

/** Makes a convolution with what follows it. */
export type ConvBlock = LayerFactory<
  [inChannels: number, outChannels: number, kernelSize: nn.Size2, options?: ConvBlockOptions]
>;

/** Convolution, batch norm, ReLU. */
export class BasicConv2d extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly bn: nn.BatchNorm2d;

  constructor(inChannels: number, outChannels: number, kernelSize: nn.Size2, options: ConvBlockOptions = {}) {
    super();
    this.conv = new nn.Conv2d(inChannels, outChannels, kernelSize, { ...options, bias: false });
    this.bn = new nn.BatchNorm2d(outChannels, { eps: 0.001 });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.conv, this.bn, (normed) => nn.functional.relu(normed, { inplace: true }));
  }
}

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** Brings images that were normalised with ImageNet's statistics to the range of -1 … 1 that these networks were trained on. */
export function transformInput(x: Tensor): Tensor {
  const channels = MEAN.map((mean, channel) => {
    const std = STD[channel] ?? 1;
    return x
      .select(1, channel)
      .unsqueeze(1)
      .mul(std / 0.5)
      .add((mean - 0.5) / 0.5);
  });
  return cat(channels, 1);
}

/** Draws the weights of all convolutions and linear layers from a truncated normal distribution. */
export function truncatedNormal(model: nn.AnyModule, stdOf: (layer: nn.Conv2d | nn.Linear) => number): void {
  for (const layer of model.modules()) {
    if (layer instanceof nn.Conv2d || layer instanceof nn.Linear) {
      nn.init.truncNormal_(layer.weight, 0, stdOf(layer), -2, 2);
    } else if (layer instanceof nn.BatchNorm2d) {
      if (layer.weight !== null) nn.init.ones_(layer.weight);
      if (layer.bias !== null) nn.init.zeros_(layer.bias);
    }
  }
}
