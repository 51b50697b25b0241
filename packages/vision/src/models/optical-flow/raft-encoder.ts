/** @file The encoders of RAFT: residual networks that reduce an image to an eighth of its size. */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer, type NormLayer } from '../../ops/layer-factory.ts';
import { Conv2dNormActivation, type ConvNormActivationOptions } from '../../ops/misc.ts';
import { pipe } from '../../ops/pipe.ts';
import { kaimingFanOut } from '../initialise.ts';

export interface RaftBlockOptions {
  /** `null` for none. */
  readonly normLayer: NormLayer | null;
  /** Default 1. */
  readonly stride?: number;
}

/** A convolution with a bias even before a norm: batch norms are frozen for most of the training, so the bias counts. */
function conv(inChannels: number, outChannels: number, options: ConvNormActivationOptions): Conv2dNormActivation {
  return new Conv2dNormActivation(inChannels, outChannels, { bias: true, ...options });
}

/** What brings the input to the output's shape; nothing where the resolution stays. */
function projection(inChannels: number, outChannels: number, { normLayer, stride = 1 }: RaftBlockOptions): nn.Module {
  if (stride === 1) return new nn.Identity();
  return conv(inChannels, outChannels, { kernelSize: 1, stride, normLayer, activationLayer: null });
}

/** Two 3×3 convolutions, each with norm and activation, around which the input is added. */
export class RaftResidualBlock extends nn.Module {
  readonly convnormrelu1: nn.Module;
  readonly convnormrelu2: nn.Module;
  readonly downsample: nn.Module;
  readonly relu: nn.ReLU;

  constructor(inChannels: number, outChannels: number, options: RaftBlockOptions) {
    super();
    const { normLayer, stride = 1 } = options;
    this.convnormrelu1 = conv(inChannels, outChannels, { stride, normLayer });
    this.convnormrelu2 = conv(outChannels, outChannels, { normLayer });
    this.downsample = projection(inChannels, outChannels, options);
    this.relu = new nn.ReLU({ inplace: true });
  }

  forward(x: Tensor): Tensor {
    const result = pipe(x, this.convnormrelu1, this.convnormrelu2);
    return this.relu(this.downsample(x).add(result));
  }
}

/** A 3×3 convolution between two 1×1, with a quarter of the channels inside. */
export class RaftBottleneckBlock extends nn.Module {
  readonly convnormrelu1: nn.Module;
  readonly convnormrelu2: nn.Module;
  readonly convnormrelu3: nn.Module;
  readonly relu: nn.ReLU;
  readonly downsample: nn.Module;

  constructor(inChannels: number, outChannels: number, options: RaftBlockOptions) {
    super();
    const { normLayer, stride = 1 } = options;
    const inner = Math.floor(outChannels / 4);
    this.convnormrelu1 = conv(inChannels, inner, { kernelSize: 1, normLayer });
    this.convnormrelu2 = conv(inner, inner, { stride, normLayer });
    this.convnormrelu3 = conv(inner, outChannels, { kernelSize: 1, normLayer });
    this.relu = new nn.ReLU({ inplace: true });
    this.downsample = projection(inChannels, outChannels, options);
  }

  forward(x: Tensor): Tensor {
    const result = pipe(x, this.convnormrelu1, this.convnormrelu2, this.convnormrelu3);
    return this.relu(this.downsample(x).add(result));
  }
}

/** Makes the blocks of an encoder. */
export type RaftBlock = LayerFactory<[inChannels: number, outChannels: number, options: RaftBlockOptions]>;

export interface FeatureEncoderOptions {
  /** Default {@link RaftResidualBlock}. */
  block?: RaftBlock;
  /** Channels of the stem, of the three stages and of the result. Default 64, 64, 96, 128, 256. */
  layers?: readonly number[];
  /** Of the stem and the three stages. Default 2, 1, 2, 2. */
  strides?: readonly number[];
  /** `null` for none. Default `nn.BatchNorm2d`. */
  normLayer?: NormLayer | null;
}

/** A stem, three stages of two blocks, and a 1×1 convolution. `(N, 3, H, W)` to an eighth of the resolution. */
export class FeatureEncoder extends nn.Module {
  readonly convnormrelu: nn.Module;
  readonly layer1: nn.Sequential;
  readonly layer2: nn.Sequential;
  readonly layer3: nn.Sequential;
  readonly conv: nn.Conv2d;
  readonly outputDim: number;

  /** @throws {ArgumentError} unless there are five layers and four strides */
  constructor(options: FeatureEncoderOptions = {}) {
    super();
    const { block = RaftResidualBlock, normLayer = nn.BatchNorm2d } = options;
    const { layers = [64, 64, 96, 128, 256], strides = [2, 1, 2, 2] } = options;
    if (layers.length !== 5) throw ArgumentError.expected('layers', 'five widths', layers);
    if (strides.length !== 4) throw ArgumentError.expected('strides', 'four strides', strides);
    const width = (position: number) => layers[position] ?? 0;
    const stage = (i: number) =>
      new nn.Sequential(
        makeLayer(block, width(i - 1), width(i), { normLayer, stride: strides[i] ?? 1 }),
        makeLayer(block, width(i), width(i), { normLayer }),
      );
    this.convnormrelu = conv(3, width(0), { kernelSize: 7, stride: strides[0] ?? 1, normLayer });
    this.layer1 = stage(1);
    this.layer2 = stage(2);
    this.layer3 = stage(3);
    this.conv = new nn.Conv2d(width(3), width(4), 1);
    this.outputDim = width(4);
    // Norms are the identity from their construction.
    for (const layer of this.modules()) if (layer instanceof nn.Conv2d) kaimingFanOut(layer.weight);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.convnormrelu, this.layer1, this.layer2, this.layer3, this.conv);
  }
}
