/**
 * @file DeepLabV3 and DeepLabV3+ on MobileNets, which torchvision does not have and lite networks are made from. Importing this
 * file registers them.
 *
 * Papers: Chen et al. 2017 (arXiv:1706.05587) and 2018 (arXiv:1802.02611). Lineage: the original library's releases 8.x.
 */

import { cat, nn, type Tensor } from '@edgeai/torch';
import { models } from '@edgeai/vision';

/** Options of these networks. */
export interface DeepLabMobileNetOptions {
  /** A checkpoint file. Default: none. */
  weights?: models.WeightsOption;
  /** Classes, the background among them. Default 21. */
  numClasses?: number;
  /** Published weights of the MobileNet, or a file with them. Default: none. */
  weightsBackbone?: models.WeightsOption;
}

/** Channels of every map in the head. */
const WIDTH = 256;
/** Channels that the fine map keeps beside them. */
const SHORTCUT = 48;
/** The block whose map of output stride 4 is the shortcut. */
const SHORTCUT_BLOCK = 3;

function convNormReLU(inChannels: number, outChannels: number, kernelSize: number): nn.AnyModule[] {
  const padding = Math.floor(kernelSize / 2);
  return [
    new nn.Conv2d(inChannels, outChannels, kernelSize, { padding, bias: false }),
    new nn.BatchNorm2d(outChannels),
    new nn.ReLU(),
  ];
}

/** Puts what the pyramid finds in the coarse map beside the fine one, and classifies each pixel of that. */
export class DeepLabPlusHead extends nn.Module<[models.Features], Tensor> {
  readonly aspp: models.ASPP;
  readonly shortcut: nn.Sequential;
  readonly classifier: nn.Sequential;

  /** @param lowChannels of the fine map, `low` @param highChannels of the coarse one, `high` */
  constructor(lowChannels: number, highChannels: number, numClasses: number) {
    super();
    this.aspp = new models.ASPP(highChannels, [6, 12, 18], WIDTH);
    this.shortcut = new nn.Sequential(...convNormReLU(lowChannels, SHORTCUT, 1));
    this.classifier = new nn.Sequential(
      new nn.Dropout(0.1),
      ...convNormReLU(WIDTH + SHORTCUT, WIDTH, 3),
      ...convNormReLU(WIDTH, WIDTH, 3),
      new nn.Conv2d(WIDTH, numClasses, 1),
    );
  }

  /** @param features `low` `(N, C, H, W)` and `high` `(N, C', H/4, W/4)` @returns scores `(N, numClasses, H, W)` */
  forward(features: models.Features): Tensor {
    const low = models.featureMap(features, 'low');
    const coarse = models.resizeLike(this.aspp(models.featureMap(features, 'high')), low);
    return this.classifier(cat([coarse, this.shortcut(low)], 1));
  }
}

/** The network. `(N, 3, H, W)` to scores of each pixel. While training, a batch of one image is refused by its batch norm. */
export class DeepLabV3Plus extends nn.Module<[Tensor], models.SegmentationOutputs> {
  readonly backbone: models.IntermediateLayerGetter;
  readonly classifier: DeepLabPlusHead;

  constructor(backbone: models.IntermediateLayerGetter, classifier: DeepLabPlusHead) {
    super();
    this.backbone = backbone;
    this.classifier = classifier;
  }

  forward(x: Tensor): models.SegmentationOutputs {
    return { out: models.resizeLike(this.classifier(this.backbone(x)), x) };
  }
}

/** Keeps the resolution of the last stage and spreads its filters instead, which leaves weights as they are. */
function dilateLastStage(features: nn.Sequential): void {
  const first = models.mobileNetStages(features).at(-2)?.position ?? 0;
  for (const block of features.children().slice(first)) {
    for (const conv of block.modules()) {
      if (!(conv instanceof nn.Conv2d) || conv.kernelSize[0] === 1) continue;
      Object.assign(conv, { stride: [1, 1], dilation: [2, 2], padding: [2, 2] });
    }
  }
}

/** Layers of a MobileNet with output stride 16. */
const BACKBONES = {
  mobilenet_v2(weights: models.WeightsOption): nn.Sequential {
    const network = models.mobilenet_v2({ weights });
    network.classifier.dispose();
    dilateLastStage(network.features);
    return network.features;
  },
  mobilenet_v3_large(weights: models.WeightsOption): nn.Sequential {
    const network = models.mobilenet_v3_large({ weights, dilated: true });
    network.classifier.dispose();
    return network.features;
  },
} as const;

type Mobile = keyof typeof BACKBONES;

function deepLabV3(mobile: Mobile, numClasses: number, weights: models.WeightsOption): models.SimpleSegmentationModel {
  const features = BACKBONES[mobile](weights);
  const { position, channels } = lastLayer(features);
  const head = new models.DeepLabHead(channels, numClasses);
  return new models.SimpleSegmentationModel(models.cutAfter(features, { [position]: 'out' }), head);
}

function deepLabV3Plus(mobile: Mobile, numClasses: number, weights: models.WeightsOption): DeepLabV3Plus {
  const features = BACKBONES[mobile](weights);
  const { position, channels } = lastLayer(features);
  const shortcut = features.at(SHORTCUT_BLOCK) as nn.AnyModule & { readonly outChannels: number };
  const head = new DeepLabPlusHead(shortcut.outChannels, channels, numClasses);
  return new DeepLabV3Plus(models.cutAfter(features, { [SHORTCUT_BLOCK]: 'low', [position]: 'high' }), head);
}

function lastLayer(features: nn.Sequential): models.MobileNetStage {
  const last = models.mobileNetStages(features).at(-1);
  if (last === undefined) throw new Error('internal: a MobileNet without layers');
  return last;
}

function register(
  name: string,
  figures: { numParams: number; gmacs: number },
  make: (numClasses: number, weightsBackbone: models.WeightsOption) => nn.AnyModule,
): void {
  const build = ({ weights, ...rest }: DeepLabMobileNetOptions = {}) =>
    models.withWeights(null, { ...rest, weights }, ({ numClasses = 21, weightsBackbone }: DeepLabMobileNetOptions) =>
      make(numClasses, weightsBackbone),
    );
  models.registerModel(name, build, {
    task: 'segmentation',
    module: 'segmentation',
    inputShapes: [[1, 3, 520, 520]],
    defaultOptions: { numClasses: 21, weightsBackbone: undefined },
    figures,
  });
}

register('deeplabv3_mobilenet_v2', { numParams: 12_653_077, gmacs: 13.955 }, (numClasses, weights) =>
  deepLabV3('mobilenet_v2', numClasses, weights),
);
register('deeplabv3plus_mobilenet_v2', { numParams: 13_355_253, gmacs: 35.222 }, (numClasses, weights) =>
  deepLabV3Plus('mobilenet_v2', numClasses, weights),
);
register('deeplabv3plus_mobilenet_v3_large', { numParams: 11_727_653, gmacs: 31.704 }, (numClasses, weights) =>
  deepLabV3Plus('mobilenet_v3_large', numClasses, weights),
);
