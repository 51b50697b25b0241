/**
 * @file FCN: a small convolutional head on a dilated ResNet.
 *
 * Paper: Long et al. 2014 (arXiv:1411.4038). Lineage: torchvision's form. Weights: fcn-weights.ts.
 */

import { nn } from '@edgeai/torch';
import { resnetBackbone } from './backbones.ts';
import { FCN_ResNet50_Weights, FCN_ResNet101_Weights } from './fcn-weights.ts';
import { registerSegmenter, SimpleSegmentationModel } from './simple-segmentation.ts';

/** A convolution to a quarter of the channels, then one to the classes. Other networks use it as their auxiliary head. */
export class FCNHead extends nn.Sequential {
  constructor(inChannels: number, channels: number) {
    const inner = Math.floor(inChannels / 4);
    super(
      new nn.Conv2d(inChannels, inner, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(inner),
      new nn.ReLU(),
      new nn.Dropout(0.1),
      new nn.Conv2d(inner, channels, 1),
    );
  }
}

/** The network. `(N, 3, H, W)` to scores of each pixel. */
export class FCN extends SimpleSegmentationModel {}

function fcn(resnet: 'resnet50' | 'resnet101', weights: typeof FCN_ResNet50_Weights) {
  return registerSegmenter(`fcn_${resnet}`, {
    weights,
    hasAux: true,
    make: (numClasses, auxLoss, weightsBackbone) => {
      const backbone = resnetBackbone(resnet, weightsBackbone, { last: 'out', third: auxLoss ? 'aux' : undefined });
      // Both heads draw from the generator, the auxiliary one first.
      const aux = auxLoss ? new FCNHead(1024, numClasses) : null;
      return new FCN(backbone, new FCNHead(2048, numClasses), aux);
    },
  });
}

/** FCN on ResNet-50. */
export const fcn_resnet50 = fcn('resnet50', FCN_ResNet50_Weights);
/** FCN on ResNet-101. */
export const fcn_resnet101 = fcn('resnet101', FCN_ResNet101_Weights);
