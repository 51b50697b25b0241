/**
 * @file ResNets for videos: convolutions in space and time (R3D), in time only at first (MC3), or one after the other (R(2+1)D).
 *
 * Paper: Tran et al. 2017 (arXiv:1711.11248). Lineage: torchvision's form. Weights: resnet-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer } from '../../ops/layer-factory.ts';
import { pipe } from '../../ops/pipe.ts';
import { kaimingFanOut } from '../initialise.ts';
import { requireCount } from '../utils.ts';
import type { WeightsEnum } from '../weights.ts';
import * as weightsOf from './resnet-weights.ts';
import { registerVideoClassifier } from './video-classifier.ts';

/** A kind of 3×3×3 convolution: a class of layers that also knows by what it divides time, height and width. */
export interface ConvMaker {
  new (inPlanes: number, outPlanes: number, midPlanes: number, stride?: number, padding?: number): nn.Module;
  downsampleStride(stride: number): [time: number, height: number, width: number];
}

/** In space and time at once. */
export class Conv3DSimple extends nn.Conv3d {
  constructor(inPlanes: number, outPlanes: number, _midPlanes?: number, stride = 1, padding = 1) {
    super(inPlanes, outPlanes, 3, { stride, padding, bias: false });
  }

  static downsampleStride(stride: number): [number, number, number] {
    return [stride, stride, stride];
  }
}

/** In space, then in time, with a norm and an activation between. */
export class Conv2Plus1D extends nn.Sequential {
  constructor(inPlanes: number, outPlanes: number, midPlanes: number, stride = 1, padding = 1) {
    super(
      ...inSpace(inPlanes, midPlanes, 3, stride, padding),
      new nn.Conv3d(midPlanes, outPlanes, [3, 1, 1], {
        stride: [stride, 1, 1],
        padding: [padding, 0, 0],
        bias: false,
      }),
    );
  }

  static downsampleStride(stride: number): [number, number, number] {
    return [stride, stride, stride];
  }
}

/** In space only. */
export class Conv3DNoTemporal extends nn.Conv3d {
  constructor(inPlanes: number, outPlanes: number, _midPlanes?: number, stride = 1, padding = 1) {
    super(inPlanes, outPlanes, [1, 3, 3], {
      stride: [1, stride, stride],
      padding: [0, padding, padding],
      bias: false,
    });
  }

  static downsampleStride(stride: number): [number, number, number] {
    return [1, stride, stride];
  }
}

/** A convolution of each frame by itself, with norm and activation. */
function inSpace(inPlanes: number, outPlanes: number, kernel: number, stride: number, padding: number): nn.Module[] {
  return [
    new nn.Conv3d(inPlanes, outPlanes, [1, kernel, kernel], {
      stride: [1, stride, stride],
      padding: [0, padding, padding],
      bias: false,
    }),
    new nn.BatchNorm3d(outPlanes),
    new nn.ReLU({ inplace: true }),
  ];
}

/** Channels between the two parts of a factorised convolution that keep its number of parameters. */
function midPlanesFor(inPlanes: number, planes: number): number {
  return Math.floor((inPlanes * planes * 27) / (inPlanes * 9 + 3 * planes));
}

/** A class of residual blocks; `expansion` is the ratio of output channels to `planes`. */
export interface VideoBlock {
  readonly expansion: number;
  new (
    inPlanes: number,
    planes: number,
    convMaker: ConvMaker,
    stride?: number,
    downsample?: nn.Module | null,
  ): VideoBasicBlock | VideoBottleneck;
}

/** Two convolutions of the given kind. */
export class VideoBasicBlock extends nn.Module {
  static readonly expansion: number = 1;
  readonly conv1: nn.Sequential;
  readonly conv2: nn.Sequential;
  readonly relu: nn.ReLU;
  readonly downsample: nn.Module | null;
  readonly stride: number;

  constructor(inPlanes: number, planes: number, convMaker: ConvMaker, stride = 1, downsample: nn.Module | null = null) {
    super();
    const midPlanes = midPlanesFor(inPlanes, planes);
    this.conv1 = new nn.Sequential(
      new convMaker(inPlanes, planes, midPlanes, stride),
      new nn.BatchNorm3d(planes),
      new nn.ReLU({ inplace: true }),
    );
    this.conv2 = new nn.Sequential(new convMaker(planes, planes, midPlanes), new nn.BatchNorm3d(planes));
    this.relu = new nn.ReLU({ inplace: true });
    this.downsample = downsample;
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    const out = pipe(x, this.conv1, this.conv2);
    return this.relu(out.add_(this.downsample === null ? x : this.downsample(x)));
  }
}

/** A convolution of the given kind between two that narrow and widen. */
export class VideoBottleneck extends nn.Module {
  static readonly expansion: number = 4;
  readonly conv1: nn.Sequential;
  readonly conv2: nn.Sequential;
  readonly conv3: nn.Sequential;
  readonly relu: nn.ReLU;
  readonly downsample: nn.Module | null;
  readonly stride: number;

  constructor(inPlanes: number, planes: number, convMaker: ConvMaker, stride = 1, downsample: nn.Module | null = null) {
    super();
    const outPlanes = planes * VideoBottleneck.expansion;
    const normed = (conv: nn.Module, channels: number) => [conv, new nn.BatchNorm3d(channels)];
    const pointwise = (input: number, output: number) => new nn.Conv3d(input, output, 1, { bias: false });
    this.conv1 = new nn.Sequential(...normed(pointwise(inPlanes, planes), planes), new nn.ReLU({ inplace: true }));
    this.conv2 = new nn.Sequential(
      ...normed(new convMaker(planes, planes, midPlanesFor(inPlanes, planes), stride), planes),
      new nn.ReLU({ inplace: true }),
    );
    this.conv3 = new nn.Sequential(...normed(pointwise(planes, outPlanes), outPlanes));
    this.relu = new nn.ReLU({ inplace: true });
    this.downsample = downsample;
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    const out = pipe(x, this.conv1, this.conv2, this.conv3);
    return this.relu(out.add_(this.downsample === null ? x : this.downsample(x)));
  }
}

/** The first layers: one convolution in space and time. */
export class BasicStem extends nn.Sequential {
  constructor() {
    super(
      new nn.Conv3d(3, 64, [3, 7, 7], { stride: [1, 2, 2], padding: [1, 3, 3], bias: false }),
      new nn.BatchNorm3d(64),
      new nn.ReLU({ inplace: true }),
    );
  }
}

/** The first layers: a convolution in space, then one in time. */
export class R2Plus1dStem extends nn.Sequential {
  constructor() {
    super(
      ...inSpace(3, 45, 7, 2, 3),
      new nn.Conv3d(45, 64, [3, 1, 1], { padding: [1, 0, 0], bias: false }),
      new nn.BatchNorm3d(64),
      new nn.ReLU({ inplace: true }),
    );
  }
}

export interface VideoResNetOptions {
  /** Default 400. */
  numClasses?: number;
  /** Let the residual branches of bottlenecks start as zero; basic blocks know no such start. Default `false`. */
  zeroInitResidual?: boolean;
}

/** The network: stem, four stages, global average, linear classifier. `(N, 3, T, H, W)` to `(N, numClasses)`. */
export class VideoResNet extends nn.Module {
  readonly stem: nn.Module;
  readonly layer1: nn.Sequential;
  readonly layer2: nn.Sequential;
  readonly layer3: nn.Sequential;
  readonly layer4: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool3d;
  readonly fc: nn.Linear;

  /**
   * @param convMakers the kind of convolution of each stage
   * @param layers the number of blocks of each stage
   * @throws {ArgumentError} unless there are four of each
   */
  constructor(
    block: VideoBlock,
    convMakers: readonly ConvMaker[],
    layers: readonly number[],
    stem: LayerFactory<[]>,
    options: VideoResNetOptions = {},
  ) {
    super();
    const { numClasses = 400, zeroInitResidual = false } = options;
    requireCount('numClasses', numClasses);
    if (layers.length !== 4) throw ArgumentError.expected('layers', 'four block counts', layers);
    if (convMakers.length !== 4) throw ArgumentError.expected('convMakers', 'four kinds of convolutions', convMakers);
    this.stem = makeLayer(stem);
    let inPlanes = 64;
    const stage = (index: number) => {
      const planes = 64 * 2 ** index;
      const convMaker = convMakers[index] ?? Conv3DSimple;
      const made = makeStage(block, convMaker, inPlanes, planes, layers[index] ?? 1, index === 0 ? 1 : 2);
      inPlanes = planes * block.expansion;
      return made;
    };
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.avgpool = new nn.AdaptiveAvgPool3d([1, 1, 1]);
    this.fc = new nn.Linear(512 * block.expansion, numClasses);
    initialise(this, zeroInitResidual);
  }

  forward(x: Tensor): Tensor {
    const { stem, layer1, layer2, layer3, layer4, avgpool, fc } = this;
    return pipe(x, stem, layer1, layer2, layer3, layer4, avgpool, (pooled) => pooled.flatten(1), fc);
  }
}

function makeStage(
  block: VideoBlock,
  convMaker: ConvMaker,
  inPlanes: number,
  planes: number,
  count: number,
  stride: number,
): nn.Sequential {
  const outPlanes = planes * block.expansion;
  // The projection comes before the block: both draw from the generator.
  const downsample =
    stride === 1 && inPlanes === outPlanes
      ? null
      : new nn.Sequential(
          new nn.Conv3d(inPlanes, outPlanes, 1, { stride: convMaker.downsampleStride(stride), bias: false }),
          new nn.BatchNorm3d(outPlanes),
        );
  const stage = new nn.Sequential(new block(inPlanes, planes, convMaker, stride, downsample));
  for (let i = 1; i < count; i++) stage.append(new block(outPlanes, planes, convMaker));
  return stage;
}

function initialise(model: VideoResNet, zeroInitResidual: boolean): void {
  for (const layer of model.modules()) {
    if (layer instanceof nn.Conv3d) {
      kaimingFanOut(layer.weight);
    } else if (layer instanceof nn.Linear) {
      nn.init.normal_(layer.weight, 0, 0.01);
      if (layer.bias !== null) nn.init.zeros_(layer.bias);
    }
  }
  if (!zeroInitResidual) return;
  for (const layer of model.modules()) {
    const norm = layer instanceof VideoBottleneck ? layer.conv3.at(1) : undefined;
    if (norm instanceof nn.BatchNorm3d && norm.weight !== null) nn.init.zeros_(norm.weight);
  }
}

function resnet(name: string, convMakers: readonly ConvMaker[], stem: LayerFactory<[]>, weights: WeightsEnum) {
  return registerVideoClassifier(name, {
    make: (options: VideoResNetOptions) => new VideoResNet(VideoBasicBlock, convMakers, [2, 2, 2, 2], stem, options),
    weights,
    size: 112,
    defaults: { zeroInitResidual: false },
  });
}

const four = (maker: ConvMaker): ConvMaker[] => [maker, maker, maker, maker];

/** R3D of 18 layers. */
export const r3d_18 = resnet('r3d_18', four(Conv3DSimple), BasicStem, weightsOf.R3D_18_Weights);
/** MC3 of 18 layers. */
export const mc3_18 = resnet(
  'mc3_18',
  [Conv3DSimple, Conv3DNoTemporal, Conv3DNoTemporal, Conv3DNoTemporal],
  BasicStem,
  weightsOf.MC3_18_Weights,
);
/** R(2+1)D of 18 layers. */
export const r2plus1d_18 = resnet('r2plus1d_18', four(Conv2Plus1D), R2Plus1dStem, weightsOf.R2Plus1D_18_Weights);
