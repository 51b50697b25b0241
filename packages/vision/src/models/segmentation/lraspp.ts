/**
 * @file Lite R-ASPP: a light head on two feature maps of a MobileNetV3.
 *
 * Paper: Howard et al. 2019 (arXiv:1905.02244). Lineage: torchvision's form. Weights: lraspp-weights.ts.
 */

import { nn, type Tensor } from '@edgeai/torch';
import { pipe } from '../../ops/pipe.ts';
import type { Features } from '../intermediate-layers.ts';
import { mobileNetBackbone } from './backbones.ts';
import { LRASPP_MobileNet_V3_Large_Weights } from './lraspp-weights.ts';
import { featureMap, registerSegmenter, resizeLike, type SegmentationOutputs } from './simple-segmentation.ts';

/** Classifies `high`, weighted channel by channel by its mean, at the size of `low`, and adds a classification of `low`. */
export class LRASPPHead extends nn.Module<[Features], Tensor> {
  readonly cbr: nn.Sequential;
  readonly scale: nn.Sequential;
  readonly low_classifier: nn.Conv2d;
  readonly high_classifier: nn.Conv2d;

  constructor(lowChannels: number, highChannels: number, numClasses: number, interChannels: number) {
    super();
    this.cbr = new nn.Sequential(
      new nn.Conv2d(highChannels, interChannels, 1, { bias: false }),
      new nn.BatchNorm2d(interChannels),
      new nn.ReLU({ inplace: true }),
    );
    this.scale = new nn.Sequential(
      new nn.AdaptiveAvgPool2d(1),
      new nn.Conv2d(highChannels, interChannels, 1, { bias: false }),
      new nn.Sigmoid(),
    );
    this.low_classifier = new nn.Conv2d(lowChannels, numClasses, 1);
    this.high_classifier = new nn.Conv2d(interChannels, numClasses, 1);
  }

  forward(features: Features): Tensor {
    const low = featureMap(features, 'low');
    const high = featureMap(features, 'high');
    const gate = (x: Tensor) => x.mul(this.scale(high));
    const gated = pipe(high, this.cbr, gate, (x) => resizeLike(x, low));
    return this.low_classifier(low).add(this.high_classifier(gated));
  }
}

/** The network. The backbone returns the feature maps `low` and `high`. `(N, 3, H, W)` to scores of each pixel. */
export class LRASPP extends nn.Module<[Tensor], SegmentationOutputs> {
  readonly backbone: nn.Module<[Tensor], Features>;
  readonly classifier: LRASPPHead;

  /** @param interChannels width of the head. Default 128 */
  constructor(
    backbone: nn.Module<[Tensor], Features>,
    lowChannels: number,
    highChannels: number,
    numClasses: number,
    interChannels = 128,
  ) {
    super();
    this.backbone = backbone;
    this.classifier = new LRASPPHead(lowChannels, highChannels, numClasses, interChannels);
  }

  forward(input: Tensor): SegmentationOutputs {
    return { out: resizeLike(this.classifier(this.backbone(input)), input) };
  }
}

/** Lite R-ASPP on MobileNetV3 Large. */
export const lraspp_mobilenet_v3_large = registerSegmenter('lraspp_mobilenet_v3_large', {
  weights: LRASPP_MobileNet_V3_Large_Weights,
  hasAux: false,
  make: (numClasses, _auxLoss, weightsBackbone) => {
    const names = { high: 'high', low: 'low' };
    const { backbone, lowChannels, highChannels } = mobileNetBackbone(weightsBackbone, names);
    return new LRASPP(backbone, lowChannels, highChannels, numClasses);
  },
});
