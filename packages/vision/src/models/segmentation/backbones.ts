/** @file The backbones of the segmentation networks: classifiers with dilated last stages, cut off before their heads. */

import { ArgumentError } from '@edgeai/torch';
import { cutAfter, type IntermediateLayerGetter } from '../intermediate-layers.ts';
import { type MobileNetV3, mobilenet_v3_large } from '../mobilenetv3.ts';
import { resnet50, resnet101 } from '../resnet.ts';
import type { WeightsOption } from '../weights.ts';

const RESNETS = { resnet50, resnet101 };

/** A ResNet of output stride 8, with the feature map of its last stage and, on demand, of the one before. */
export function resnetBackbone(
  name: keyof typeof RESNETS,
  weights: WeightsOption,
  names: { last: string; third?: string | undefined },
): IntermediateLayerGetter {
  const network = RESNETS[name]({ weights, replaceStrideWithDilation: [false, true, true] });
  return cutAfter(network, { layer4: names.last, ...(names.third === undefined ? {} : { layer3: names.third }) });
}

/** A backbone and the number of channels of its two feature maps. */
export interface MobileNetBackbone {
  readonly backbone: IntermediateLayerGetter;
  /** Of output stride 8. */
  readonly lowChannels: number;
  /** Of output stride 16. */
  readonly highChannels: number;
}

/** MobileNetV3 Large of output stride 16, with the feature map of its last layer and, on demand, of the stage of stride 8. */
export function mobileNetBackbone(
  weights: WeightsOption,
  names: { high: string; low?: string | undefined },
): MobileNetBackbone {
  const network = mobilenet_v3_large({ weights, dilated: true });
  const positions = stagePositions(network);
  const [low = 0] = positions.slice(-4);
  const [high = 0] = positions.slice(-1);
  const channels = (position: number) => channelsOf(network, position);
  const found = { lowChannels: channels(low), highChannels: channels(high) };
  network.classifier.dispose();
  const layers = { ...(names.low === undefined ? {} : { [low]: names.low }), [high]: names.high };
  return { backbone: cutAfter(network.features, layers), ...found };
}

/** Positions in `features` of the first layer, of the blocks that halve the resolution, and of the last layer. */
function stagePositions({ features }: MobileNetV3): number[] {
  const strided = features.children().flatMap((block, i) => ('isCn' in block && block.isCn === true ? [i] : []));
  return [0, ...strided, features.size - 1];
}

function channelsOf({ features }: MobileNetV3, position: number): number {
  const layer = features.at(position);
  if ('outChannels' in layer && typeof layer.outChannels === 'number') return layer.outChannels;
  throw new ArgumentError('position', `internal: layer ${position} does not tell its channels`);
}
