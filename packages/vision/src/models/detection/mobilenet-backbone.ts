/** @file MobileNets as backbones of detectors: partly frozen, with a feature pyramid or a single map. */

import { ArgumentError, nn } from '@edgeai/torch';
import { FrozenBatchNorm2d } from '../../ops/frozen-batch-norm.ts';
import { mobileNetStages } from '../mobilenet-stages.ts';
import { type MobileNetV2, mobilenet_v2 } from '../mobilenetv2.ts';
import { type MobileNetV3, mobilenet_v3_large, mobilenet_v3_small } from '../mobilenetv3.ts';
import { type BackboneOptions, BackboneWithFPN, type BackboneWithFPNOptions } from './backbone-utils.ts';

export interface MobileNetFpnOptions extends BackboneWithFPNOptions {
  /** Which stages the pyramid has, counted from 0, the first layer. Default: the last two. */
  returnedLayers?: readonly number[];
}

/** Channels of every map. */
const WIDTH = 256;

/** All layers of a MobileNet and a 1×1 convolution that brings the last map to 256 channels. `(N, 3, H, W)` to one map. */
export class MobileNetSingleMap extends nn.Sequential {
  readonly outChannels: number = WIDTH;
}

/**
 * A MobileNet with a feature pyramid of 256 channels on top, all but its last stages frozen. Its layers move into the result.
 *
 * @param trainableLayers how many stages are trained, from the end: those between two halvings of the resolution
 * @throws {ArgumentError} for numbers out of range
 */
export function mobileNetFpnExtractor(
  backbone: MobileNetV2 | MobileNetV3,
  trainableLayers: number,
  options: MobileNetFpnOptions = {},
): BackboneWithFPN {
  const { features } = backbone;
  const stages = mobileNetStages(features);
  const { returnedLayers = [stages.length - 2, stages.length - 1], ...rest } = options;
  const returned = returnedLayers.map((layer) => {
    const stage = stages[layer];
    if (stage !== undefined) return stage;
    throw ArgumentError.expected('returnedLayers', `stages from 0 to ${stages.length - 1}`, returnedLayers);
  });
  if (returned.length === 0) throw ArgumentError.expected('returnedLayers', 'at least one stage', returnedLayers);
  freezeFirst(features, trainableLayers);
  backbone.classifier.dispose();
  const names = Object.fromEntries(returned.map(({ position }, i) => [position, String(i)]));
  const widths = returned.map(({ channels }) => channels);
  return new BackboneWithFPN(features, names, widths, WIDTH, rest);
}

/** The same without a pyramid: one map of 256 channels. */
export function mobileNetExtractor(backbone: MobileNetV2 | MobileNetV3, trainableLayers: number): MobileNetSingleMap {
  const { features } = backbone;
  freezeFirst(features, trainableLayers);
  backbone.classifier.dispose();
  const channels = mobileNetStages(features).at(-1)?.channels ?? 0;
  return new MobileNetSingleMap(features, new nn.Conv2d(channels, WIDTH, 1));
}

function freezeFirst(features: nn.Sequential, trainableLayers: number): void {
  const stages = mobileNetStages(features);
  if (!Number.isInteger(trainableLayers) || trainableLayers < 0 || trainableLayers > stages.length)
    throw ArgumentError.expected('trainableLayers', `a whole number from 0 to ${stages.length}`, trainableLayers);
  const firstTrained = stages[stages.length - trainableLayers]?.position ?? features.size;
  for (const layer of features.children().slice(0, firstTrained)) layer.requiresGrad_(false);
}

const MOBILENETS = { mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small };

/** {@link mobileNetFpnExtractor} of a network by name, with 2 stages trained unless told otherwise. */
export function mobileNetFpnBackbone(
  name: keyof typeof MOBILENETS,
  {
    weights,
    normLayer = FrozenBatchNorm2d,
    trainableLayers = 2,
    ...fpn
  }: BackboneOptions & Omit<MobileNetFpnOptions, 'normLayer'> = {},
): BackboneWithFPN {
  return mobileNetFpnExtractor(MOBILENETS[name]({ weights, normLayer }), trainableLayers, fpn);
}

/** {@link mobileNetExtractor} of a network by name. */
export function mobileNetBackbone(
  name: keyof typeof MOBILENETS,
  { weights, normLayer = FrozenBatchNorm2d, trainableLayers = 2 }: BackboneOptions = {},
): MobileNetSingleMap {
  return mobileNetExtractor(MOBILENETS[name]({ weights, normLayer }), trainableLayers);
}
