/**
 * @file DeepLabV3: convolutions of several dilations side by side, on a dilated backbone.
 *
 * Paper: Chen et al. 2017 (arXiv:1706.05587). Lineage: torchvision's form. Weights: deeplabv3-weights.ts.
 */

import { cat, nn, type Tensor } from '@edgeai/torch';
import { pipe } from '../../ops/pipe.ts';
import { mobileNetBackbone, resnetBackbone } from './backbones.ts';
import * as weightsOf from './deeplabv3-weights.ts';
import { FCNHead } from './fcn.ts';
import { registerSegmenter, resizeLike, SimpleSegmentationModel } from './simple-segmentation.ts';

/** A dilated convolution with norm and activation. */
export class ASPPConv extends nn.Sequential {
  constructor(inChannels: number, outChannels: number, dilation: number) {
    super(
      new nn.Conv2d(inChannels, outChannels, 3, { padding: dilation, dilation, bias: false }),
      new nn.BatchNorm2d(outChannels),
      new nn.ReLU(),
    );
  }
}

/** The mean over the whole image, everywhere. */
export class ASPPPooling extends nn.Sequential {
  constructor(inChannels: number, outChannels: number) {
    super(
      new nn.AdaptiveAvgPool2d(1),
      new nn.Conv2d(inChannels, outChannels, 1, { bias: false }),
      new nn.BatchNorm2d(outChannels),
      new nn.ReLU(),
    );
  }

  override forward(x: Tensor): Tensor {
    return resizeLike(super.forward(x), x);
  }
}

/** Atrous spatial pyramid pooling: one 1×1 convolution, one convolution a rate and the image's mean, joined by a 1×1 convolution. */
export class ASPP extends nn.Module {
  readonly convs: nn.ModuleList;
  readonly project: nn.Sequential;

  constructor(inChannels: number, atrousRates: readonly number[], outChannels = 256) {
    super();
    const pointwise = (channels: number) => [
      new nn.Conv2d(channels, outChannels, 1, { bias: false }),
      new nn.BatchNorm2d(outChannels),
      new nn.ReLU(),
    ];
    this.convs = new nn.ModuleList([
      new nn.Sequential(...pointwise(inChannels)),
      ...atrousRates.map((rate) => new ASPPConv(inChannels, outChannels, rate)),
      new ASPPPooling(inChannels, outChannels),
    ]);
    this.project = new nn.Sequential(...pointwise(this.convs.size * outChannels), new nn.Dropout(0.5));
  }

  forward(x: Tensor): Tensor {
    const joined = (input: Tensor) =>
      cat(
        Array.from(this.convs, (branch) => branch(input)),
        1,
      );
    return pipe(x, joined, this.project);
  }
}

/** The classifier of each pixel. */
export class DeepLabHead extends nn.Sequential {
  constructor(inChannels: number, numClasses: number) {
    super(
      new ASPP(inChannels, [12, 24, 36]),
      new nn.Conv2d(256, 256, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(256),
      new nn.ReLU(),
      new nn.Conv2d(256, numClasses, 1),
    );
  }
}

/** The network. `(N, 3, H, W)` to scores of each pixel. While training, a batch of one image is refused by its batch norm. */
export class DeepLabV3 extends SimpleSegmentationModel {}

function onResNet(resnet: 'resnet50' | 'resnet101', weights: typeof weightsOf.DeepLabV3_ResNet50_Weights) {
  return registerSegmenter(`deeplabv3_${resnet}`, {
    weights,
    hasAux: true,
    make: (numClasses, auxLoss, weightsBackbone) => {
      const backbone = resnetBackbone(resnet, weightsBackbone, { last: 'out', third: auxLoss ? 'aux' : undefined });
      // Both heads draw from the generator, the auxiliary one first.
      const aux = auxLoss ? new FCNHead(1024, numClasses) : null;
      return new DeepLabV3(backbone, new DeepLabHead(2048, numClasses), aux);
    },
  });
}

/** DeepLabV3 on ResNet-50. */
export const deeplabv3_resnet50 = onResNet('resnet50', weightsOf.DeepLabV3_ResNet50_Weights);
/** DeepLabV3 on ResNet-101. */
export const deeplabv3_resnet101 = onResNet('resnet101', weightsOf.DeepLabV3_ResNet101_Weights);
/** DeepLabV3 on MobileNetV3 Large. */
export const deeplabv3_mobilenet_v3_large = registerSegmenter('deeplabv3_mobilenet_v3_large', {
  weights: weightsOf.DeepLabV3_MobileNet_V3_Large_Weights,
  hasAux: true,
  make: (numClasses, auxLoss, weightsBackbone) => {
    const names = { high: 'out', low: auxLoss ? 'aux' : undefined };
    const { backbone, lowChannels, highChannels } = mobileNetBackbone(weightsBackbone, names);
    const aux = auxLoss ? new FCNHead(lowChannels, numClasses) : null;
    return new DeepLabV3(backbone, new DeepLabHead(highChannels, numClasses), aux);
  },
});
