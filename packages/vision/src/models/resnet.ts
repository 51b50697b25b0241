/**
 * @file ResNet and its wider relatives.
 *
 * Papers: He et al. 2015 (arXiv:1512.03385), Xie et al. 2016 for ResNeXt (arXiv:1611.05431), Zagoruyko and Komodakis 2016 for
 * wide ResNets (arXiv:1605.07146). Lineage: torchvision's form, with the stride of a bottleneck on its 3×3 convolution
 * ("v1.5"). Weights: resnet-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { pipe } from '../ops/pipe.ts';
import { type ModelBuilder, registerModel } from './registry.ts';
import * as weightsOf from './resnet-weights.ts';
import { prescribe, requireCount } from './utils.ts';
import type { WeightsEnum, WeightsOption } from './weights.ts';
import { withWeights } from './weights-loading.ts';

function conv3x3(inPlanes: number, outPlanes: number, stride = 1, groups = 1, dilation = 1): nn.Conv2d {
  return new nn.Conv2d(inPlanes, outPlanes, 3, { stride, padding: dilation, dilation, groups, bias: false });
}

function conv1x1(inPlanes: number, outPlanes: number, stride = 1): nn.Conv2d {
  return new nn.Conv2d(inPlanes, outPlanes, 1, { stride, bias: false });
}

export interface BlockOptions {
  /** Default 1. */
  stride?: number;
  /** Brings the identity to the block's output shape; `null` where it has it already. */
  downsample?: nn.Module | null;
  /** Groups of the 3×3 convolution. Default 1. */
  groups?: number;
  /** Channels a group, for 64 planes. Default 64. */
  baseWidth?: number;
  /** Default 1. */
  dilation?: number;
  /** Default `nn.BatchNorm2d`. */
  normLayer?: NormLayer;
}

/** A class of residual blocks; `expansion` is the ratio of output channels to `planes`. */
export interface ResidualBlock {
  readonly expansion: number;
  new (inplanes: number, planes: number, options?: BlockOptions): nn.Module;
}

/** Two 3×3 convolutions. */
export class BasicBlock extends nn.Module {
  static readonly expansion: number = 1;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.Module;
  readonly relu: nn.ReLU;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.Module;
  readonly downsample: nn.Module | null;
  readonly stride: number;

  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    super();
    const {
      stride = 1,
      downsample = null,
      groups = 1,
      baseWidth = 64,
      dilation = 1,
      normLayer = nn.BatchNorm2d,
    } = options;
    if (groups !== 1) throw new ArgumentError('groups', `Expected 1 for groups of a BasicBlock but received ${groups}`);
    if (baseWidth !== 64)
      throw new ArgumentError('baseWidth', `Expected 64 for baseWidth of a BasicBlock but received ${baseWidth}`);
    if (dilation !== 1)
      throw new ArgumentError('dilation', `Expected 1 for dilation of a BasicBlock but received ${dilation}`);
    this.conv1 = conv3x3(inplanes, planes, stride);
    this.bn1 = makeLayer(normLayer, planes);
    this.relu = new nn.ReLU({ inplace: true });
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = makeLayer(normLayer, planes);
    this.downsample = downsample;
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    const out = pipe(x, this.conv1, this.bn1, this.relu, this.conv2, this.bn2);
    return this.relu(out.add_(this.downsample === null ? x : this.downsample(x)));
  }
}

/** A 3×3 convolution between two 1×1 convolutions that narrow and widen. */
export class Bottleneck extends nn.Module {
  static readonly expansion: number = 4;
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.Module;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.Module;
  readonly conv3: nn.Conv2d;
  readonly bn3: nn.Module;
  readonly relu: nn.ReLU;
  readonly downsample: nn.Module | null;
  readonly stride: number;

  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    super();
    const {
      stride = 1,
      downsample = null,
      groups = 1,
      baseWidth = 64,
      dilation = 1,
      normLayer = nn.BatchNorm2d,
    } = options;
    const width = Math.trunc(planes * (baseWidth / 64)) * groups;
    const outPlanes = planes * Bottleneck.expansion;
    this.conv1 = conv1x1(inplanes, width);
    this.bn1 = makeLayer(normLayer, width);
    this.conv2 = conv3x3(width, width, stride, groups, dilation);
    this.bn2 = makeLayer(normLayer, width);
    this.conv3 = conv1x1(width, outPlanes);
    this.bn3 = makeLayer(normLayer, outPlanes);
    this.relu = new nn.ReLU({ inplace: true });
    this.downsample = downsample;
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    const out = pipe(x, this.conv1, this.bn1, this.relu, this.conv2, this.bn2, this.relu, this.conv3, this.bn3);
    return this.relu(out.add_(this.downsample === null ? x : this.downsample(x)));
  }
}

export interface ResNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Let each residual branch start as zero. Default `false`. */
  zeroInitResidual?: boolean;
  /** Groups of the 3×3 convolutions. Default 1. */
  groups?: number;
  /** Default 64. */
  widthPerGroup?: number;
  /** For stages 2, 3 and 4: dilate instead of halving the resolution. Default: none. */
  replaceStrideWithDilation?: readonly boolean[] | null;
  /** Default `nn.BatchNorm2d`. */
  normLayer?: NormLayer;
}

/** The network: a 7×7 stem, four stages of residual blocks, global average, linear classifier. `(N, 3, H, W)` to `(N, numClasses)`. */
export class ResNet extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.Module;
  readonly relu: nn.ReLU;
  readonly maxpool: nn.MaxPool2d;
  readonly layer1: nn.Sequential;
  readonly layer2: nn.Sequential;
  readonly layer3: nn.Sequential;
  readonly layer4: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly fc: nn.Linear;

  /**
   * @param layers number of blocks in each of the four stages
   * @throws {ArgumentError} for a wrong number of stages or dilations, or a block that does not support an option
   */
  constructor(block: ResidualBlock, layers: readonly number[], options: ResNetOptions = {}) {
    super();
    const { numClasses = 1000, zeroInitResidual = false, normLayer = nn.BatchNorm2d } = options;
    requireCount('numClasses', numClasses);
    requireCount('groups', options.groups ?? 1);
    requireCount('widthPerGroup', options.widthPerGroup ?? 64);
    const stage = new StageBuilder(block, options);
    const dilate = options.replaceStrideWithDilation ?? [false, false, false];
    if (!Array.isArray(dilate) || dilate.length !== 3)
      throw ArgumentError.expected('replaceStrideWithDilation', 'three booleans or null', dilate);
    const [first, second, third, fourth, ...more] = layers;
    if (first === undefined || second === undefined || third === undefined || fourth === undefined || more.length > 0) {
      throw ArgumentError.expected('layers', 'four block counts', layers);
    }
    this.conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = makeLayer(normLayer, 64);
    this.relu = new nn.ReLU({ inplace: true });
    this.maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stage.make(64, first, 1, false);
    this.layer2 = stage.make(128, second, 2, dilate[0]);
    this.layer3 = stage.make(256, third, 2, dilate[1]);
    this.layer4 = stage.make(512, fourth, 2, dilate[2]);
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.fc = new nn.Linear(512 * block.expansion, numClasses);
    initialise(this, zeroInitResidual);
  }

  forward(x: Tensor): Tensor {
    const { conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4, avgpool, fc } = this;
    return pipe(
      x,
      conv1,
      bn1,
      relu,
      maxpool,
      layer1,
      layer2,
      layer3,
      layer4,
      avgpool,
      (pooled) => pooled.flatten(1),
      fc,
    );
  }
}

/** Makes the four stages one after another; each continues with the channels and the dilation of the one before. */
class StageBuilder {
  readonly #block: ResidualBlock;
  readonly #shared: Required<Pick<BlockOptions, 'groups' | 'baseWidth' | 'normLayer'>>;
  #inplanes = 64;
  #dilation = 1;

  constructor(block: ResidualBlock, { groups = 1, widthPerGroup = 64, normLayer = nn.BatchNorm2d }: ResNetOptions) {
    this.#block = block;
    this.#shared = { groups, baseWidth: widthPerGroup, normLayer };
  }

  make(planes: number, blocks: number, stageStride: number, dilate: boolean | undefined): nn.Sequential {
    const outPlanes = planes * this.#block.expansion;
    const firstDilation = this.#dilation;
    const stride = dilate ? 1 : stageStride;
    if (dilate) this.#dilation *= stageStride;
    // The projection comes before the block: both draw from the generator.
    const downsample =
      stride === 1 && this.#inplanes === outPlanes
        ? null
        : new nn.Sequential(conv1x1(this.#inplanes, outPlanes, stride), makeLayer(this.#shared.normLayer, outPlanes));
    const stage = new nn.Sequential();
    stage.append(
      new this.#block(this.#inplanes, planes, { ...this.#shared, stride, downsample, dilation: firstDilation }),
    );
    this.#inplanes = outPlanes;
    for (let i = 1; i < blocks; i++) {
      stage.append(new this.#block(outPlanes, planes, { ...this.#shared, dilation: this.#dilation }));
    }
    return stage;
  }
}

function initialise(model: ResNet, zeroInitResidual: boolean): void {
  for (const module of model.modules()) {
    if (module instanceof nn.Conv2d) nn.init.kaimingNormal_(module.weight, { mode: 'fan_out', nonlinearity: 'relu' });
    else if (module instanceof nn.BatchNorm2d || module instanceof nn.GroupNorm) {
      if (module.weight !== null) nn.init.ones_(module.weight);
      if (module.bias !== null) nn.init.zeros_(module.bias);
    }
  }
  if (!zeroInitResidual) return;
  for (const module of model.modules()) {
    const last = module instanceof Bottleneck ? module.bn3 : module instanceof BasicBlock ? module.bn2 : undefined;
    const scale = Array.from(last?.ownParameters() ?? []).find(([name]) => name === 'weight');
    if (scale !== undefined) nn.init.zeros_(scale[1]);
  }
}

export interface ResNetBuilderOptions extends ResNetOptions {
  /** Published weights or a checkpoint file. Default: none. */
  weights?: WeightsOption;
}

type ResNetBuilder = ModelBuilder<ResNetBuilderOptions, ResNet>;

/** `fixed` is what makes a ResNet a ResNeXt or a wide ResNet. */
function builder(
  name: string,
  block: ResidualBlock,
  layers: readonly number[],
  weights: WeightsEnum,
  fixed: { groups?: number; widthPerGroup?: number } = {},
): ResNetBuilder {
  const build: ResNetBuilder = (given = {}) => {
    let options = given;
    if (fixed.groups !== undefined) options = prescribe(options, 'groups', fixed.groups, name);
    if (fixed.widthPerGroup !== undefined) options = prescribe(options, 'widthPerGroup', fixed.widthPerGroup, name);
    return withWeights(weights, options, (rest: ResNetOptions) => new ResNet(block, layers, rest));
  };
  return registerModel(name, build, {
    task: 'classification',
    module: 'classification',
    inputShapes: [[1, 3, 224, 224]],
    defaultOptions: {
      numClasses: 1000,
      zeroInitResidual: false,
      groups: fixed.groups ?? 1,
      widthPerGroup: fixed.widthPerGroup ?? 64,
      replaceStrideWithDilation: null,
      normLayer: undefined,
    },
    weights,
  });
}

/** ResNet-18. */
export const resnet18 = builder('resnet18', BasicBlock, [2, 2, 2, 2], weightsOf.ResNet18_Weights);
/** ResNet-34. */
export const resnet34 = builder('resnet34', BasicBlock, [3, 4, 6, 3], weightsOf.ResNet34_Weights);
/** ResNet-50. */
export const resnet50 = builder('resnet50', Bottleneck, [3, 4, 6, 3], weightsOf.ResNet50_Weights);
/** ResNet-101. */
export const resnet101 = builder('resnet101', Bottleneck, [3, 4, 23, 3], weightsOf.ResNet101_Weights);
/** ResNet-152. */
export const resnet152 = builder('resnet152', Bottleneck, [3, 8, 36, 3], weightsOf.ResNet152_Weights);
/** ResNeXt-50 with 32 groups of 4 channels. */
export const resnext50_32x4d = builder('resnext50_32x4d', Bottleneck, [3, 4, 6, 3], weightsOf.ResNeXt50_32X4D_Weights, {
  groups: 32,
  widthPerGroup: 4,
});
/** ResNeXt-101 with 32 groups of 8 channels. */
export const resnext101_32x8d = builder(
  'resnext101_32x8d',
  Bottleneck,
  [3, 4, 23, 3],
  weightsOf.ResNeXt101_32X8D_Weights,
  {
    groups: 32,
    widthPerGroup: 8,
  },
);
/** ResNeXt-101 with 64 groups of 4 channels. */
export const resnext101_64x4d = builder(
  'resnext101_64x4d',
  Bottleneck,
  [3, 4, 23, 3],
  weightsOf.ResNeXt101_64X4D_Weights,
  {
    groups: 64,
    widthPerGroup: 4,
  },
);
/** ResNet-50 with twice as many channels inside the bottlenecks. */
export const wide_resnet50_2 = builder('wide_resnet50_2', Bottleneck, [3, 4, 6, 3], weightsOf.Wide_ResNet50_2_Weights, {
  widthPerGroup: 128,
});
/** ResNet-101 with twice as many channels inside the bottlenecks. */
export const wide_resnet101_2 = builder(
  'wide_resnet101_2',
  Bottleneck,
  [3, 4, 23, 3],
  weightsOf.Wide_ResNet101_2_Weights,
  {
    widthPerGroup: 128,
  },
);
