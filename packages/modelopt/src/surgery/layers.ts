/** @file Layers and blocks that surgery puts in the place of others. */

import { nn, type Tensor } from '@edgeai/torch';
import { ops } from '@edgeai/vision';

/** Batch normalisation over the last dimension: `(N, C)`, `(N, L, C)` or `(N, H, W, C)`. Takes the place of a layer norm. */
export class ChannelsLastBatchNorm extends nn.BatchNorm {
  protected override accepts(dimensions: number): boolean {
    return dimensions >= 2;
  }

  override forward(input: Tensor): Tensor {
    const { ndim } = input;
    if (ndim === 2) return super.forward(input);
    const inner = Array.from({ length: ndim - 2 }, (_, i) => i + 1);
    const channelsFirst = input.permute([0, ndim - 1, ...inner]);
    return super.forward(channelsFirst).permute([0, ...inner.map((i) => i + 1), 1]);
  }
}

export interface DepthwiseSeparableOptions {
  kernelSize: readonly number[];
  stride: readonly number[];
  padding: readonly number[] | 'same' | 'valid';
  dilation: readonly number[];
  /** Of the spatial convolution. */
  groups: number;
  /** In both convolutions. */
  bias: boolean;
}

/**
 * A spatial convolution in groups with norm and ReLU (child `0`), then a 1×1 convolution (child `1`): the layout of the original
 * library, whose checkpoints therefore load.
 */
export class DepthwiseSeparableConv2d extends nn.Sequential {
  constructor(inChannels: number, outChannels: number, options: DepthwiseSeparableOptions) {
    const { kernelSize, stride, padding, dilation, groups, bias } = options;
    type Pair = readonly [number, number];
    const sizes = {
      stride: stride as Pair,
      padding: padding as Pair | 'same' | 'valid',
      dilation: dilation as Pair,
    };
    super(
      new nn.Sequential(
        new nn.Conv2d(inChannels, inChannels, kernelSize as Pair, { ...sizes, groups, bias }),
        new nn.BatchNorm2d(inChannels),
        new nn.ReLU(),
      ),
      new nn.Sequential(new nn.Conv2d(inChannels, outChannels, 1, { bias })),
    );
  }

  get spatial(): nn.Conv2d {
    return this.getSubmodule('0.0') as nn.Conv2d;
  }

  get norm(): nn.BatchNorm2d {
    return this.getSubmodule('0.1') as nn.BatchNorm2d;
  }

  get pointwise(): nn.Conv2d {
    return this.getSubmodule('1.0') as nn.Conv2d;
  }
}

/**
 * A ConvNeXt block of convolutions, batch norms and ReLUs: depthwise 5×5 and 3×3 in the place of 7×7, 1×1 convolutions in the
 * place of linear layers. Stochastic depth stays.
 */
export class LiteCNBlock extends nn.Module {
  readonly block: nn.Sequential;
  readonly stochastic_depth: ops.StochasticDepth;

  constructor(dim: number, stochasticDepthProb: number) {
    super();
    const shared = { bias: true, inplace: false };
    this.block = new nn.Sequential(
      new ops.Conv2dNormActivation(dim, dim, { kernelSize: 5, groups: dim, ...shared }),
      new ops.Conv2dNormActivation(dim, dim, { kernelSize: 3, groups: dim, ...shared }),
      new ops.Conv2dNormActivation(dim, 4 * dim, { kernelSize: 1, ...shared }),
      new ops.Conv2dNormActivation(4 * dim, dim, { kernelSize: 1, activationLayer: null, ...shared }),
    );
    this.stochastic_depth = new ops.StochasticDepth(stochasticDepthProb, 'row');
  }

  forward(x: Tensor): Tensor {
    return this.stochastic_depth(this.block(x)).add(x);
  }
}
