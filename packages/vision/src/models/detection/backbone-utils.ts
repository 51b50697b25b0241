/** @file Classifiers as backbones of detectors: cut off, partly frozen, with a feature pyramid on top. */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import {
  type ExtraFPNBlock,
  type FeatureMaps,
  FeaturePyramidNetwork,
  LastLevelMaxPool,
} from '../../ops/feature-pyramid-network.ts';
import { FrozenBatchNorm2d } from '../../ops/frozen-batch-norm.ts';
import type { NormLayer } from '../../ops/layer-factory.ts';
import { cutAfter, type IntermediateLayerGetter } from '../intermediate-layers.ts';
import {
  type ResNet,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  resnext101_32x8d,
  resnext101_64x4d,
  wide_resnet50_2,
  wide_resnet101_2,
} from '../resnet.ts';
import type { WeightsOption } from '../weights.ts';

export interface BackboneWithFPNOptions {
  /** Further maps. Default {@link LastLevelMaxPool}. */
  extraBlocks?: ExtraFPNBlock;
  /** After the pyramid's convolutions. Default: none. */
  normLayer?: NormLayer | null;
}

/** A network with a feature pyramid on top. `(N, 3, H, W)` to feature maps of `outChannels`, the finest first. */
export class BackboneWithFPN extends nn.Module<[Tensor], FeatureMaps> {
  readonly body: IntermediateLayerGetter;
  readonly fpn: FeaturePyramidNetwork;
  readonly outChannels: number;

  /**
   * @param backbone the network; its layers move here, those behind the last one returned are released
   * @param returnLayers the name of each layer to that of its map in the result
   * @param inChannelsList channels of each of those layers
   */
  constructor(
    backbone: nn.AnyModule,
    returnLayers: Readonly<Record<string, string>>,
    inChannelsList: readonly number[],
    outChannels: number,
    { extraBlocks = new LastLevelMaxPool(), normLayer = null }: BackboneWithFPNOptions = {},
  ) {
    super();
    this.body = cutAfter(backbone, returnLayers);
    this.fpn = new FeaturePyramidNetwork(inChannelsList, outChannels, { extraBlocks, normLayer });
    this.outChannels = outChannels;
  }

  forward(x: Tensor): FeatureMaps {
    return this.fpn(this.body(x));
  }
}

export interface ResnetFpnOptions extends BackboneWithFPNOptions {
  /** Which of the four stages the pyramid has. Default all. */
  returnedLayers?: readonly number[];
}

/** Parts of a ResNet, in the order in which they are freed for training. */
const PARTS = ['layer4', 'layer3', 'layer2', 'layer1', 'conv1'];

/**
 * A ResNet with a feature pyramid of 256 channels on top, all but its last parts frozen. The ResNet's layers move into the
 * result.
 *
 * @param trainableLayers 0 … 5: how many of the four stages and the stem are trained, from the end
 * @throws {ArgumentError} for numbers out of range
 */
export function resnetFpnExtractor(
  backbone: ResNet,
  trainableLayers: number,
  { returnedLayers = [1, 2, 3, 4], ...options }: ResnetFpnOptions = {},
): BackboneWithFPN {
  if (!Number.isInteger(trainableLayers) || trainableLayers < 0 || trainableLayers > 5)
    throw ArgumentError.expected('trainableLayers', 'a whole number from 0 to 5', trainableLayers);
  if (returnedLayers.length === 0 || returnedLayers.some((layer) => ![1, 2, 3, 4].includes(layer)))
    throw ArgumentError.expected('returnedLayers', 'stages from 1 to 4', returnedLayers);
  const trained = [...PARTS.slice(0, trainableLayers), ...(trainableLayers === 5 ? ['bn1'] : [])];
  for (const [key, parameter] of backbone.namedParameters())
    if (!trained.some((part) => key.startsWith(part))) parameter.requiresGrad = false;
  const returnLayers = Object.fromEntries(returnedLayers.map((layer, i) => [`layer${layer}`, String(i)]));
  const firstWidth = backbone.fc.inFeatures / 8;
  const widths = returnedLayers.map((layer) => firstWidth * 2 ** (layer - 1));
  return new BackboneWithFPN(backbone, returnLayers, widths, 256, options);
}

const RESNETS = {
  ...{ resnet18, resnet34, resnet50, resnet101, resnet152 },
  ...{ resnext50_32x4d, resnext101_32x8d, resnext101_64x4d, wide_resnet50_2, wide_resnet101_2 },
};

export interface BackboneOptions {
  /** Published weights of the classifier, or a file. Default: none. */
  weights?: WeightsOption;
  /** Of the network itself. Default {@link FrozenBatchNorm2d}. */
  normLayer?: NormLayer;
  /** How many parts are trained, from the end. */
  trainableLayers?: number;
}

/** {@link resnetFpnExtractor} of a network by name, with 3 parts trained unless told otherwise. */
export function resnetFpnBackbone(
  name: keyof typeof RESNETS,
  options: BackboneOptions & Omit<ResnetFpnOptions, 'normLayer'> = {},
): BackboneWithFPN {
  const { weights, normLayer = FrozenBatchNorm2d, trainableLayers = 3, ...fpn } = options;
  return resnetFpnExtractor(RESNETS[name]({ weights, normLayer }), trainableLayers, fpn);
}

/**
 * How many parts of a detector's backbone are trained: all of an untrained one, else what was asked for or the default.
 *
 * @param isTrained whether any part of the detector starts from published weights
 * @throws {ArgumentError} for a number out of range, or one that a backbone without weights would ignore
 */
export function trainableBackboneLayers(
  isTrained: boolean,
  asked: number | undefined,
  most: number,
  standard: number,
): number {
  if (asked !== undefined && (!Number.isInteger(asked) || asked < 0 || asked > most))
    throw ArgumentError.expected('trainableBackboneLayers', `a whole number from 0 to ${most}`, asked);
  if (!isTrained && asked !== undefined && asked !== most)
    throw new ArgumentError(
      'trainableBackboneLayers',
      `Without weights all ${most} layers of the backbone must be trained, but trainableBackboneLayers is ${asked}`,
    );
  return isTrained ? (asked ?? standard) : most;
}
