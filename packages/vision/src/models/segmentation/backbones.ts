/** @file The backbones of the segmentation networks: classifiers with dilated last stages, cut off before their heads. */

import { cutAfter, type IntermediateLayerGetter } from '../intermediate-layers.ts';
import { mobileNetStages } from '../mobilenet-stages.ts';
import { mobilenet_v3_large } from '../mobilenetv3.ts';
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
  const stages = mobileNetStages(network.features);
  const [low, high] = [stages.at(-4), stages.at(-1)];
  if (low === undefined || high === undefined) throw new Error('internal: a MobileNet with fewer than four stages');
  network.classifier.dispose();
  const layers = { ...(names.low === undefined ? {} : { [low.position]: names.low }), [high.position]: names.high };
  const backbone = cutAfter(network.features, layers);
  return { backbone, lowChannels: low.channels, highChannels: high.channels };
}
