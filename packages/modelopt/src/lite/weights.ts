/** @file The published checkpoints of lite networks. */

import { models } from '@edgeai/vision';

const BASE = 'https://software-dl.ti.com/jacinto7/esd/modelzoo/stable/models/vision/classification/imagenet1k';
const RECIPE =
  'https://github.com/TexasInstruments/edgeai-tensorlab/tree/main/edgeai-torchvision/references/classification';

interface LiteWeights {
  file: string;
  numParams: number;
  /** 10⁹ multiply-accumulates an image. */
  ops: number;
  /** MB. */
  fileSize: number;
  /** Top-1 accuracy in percent. */
  accuracy: number;
  docs: string;
}

function imageNet({ file, accuracy, ...meta }: LiteWeights): Omit<models.Weights, 'name'> {
  return {
    url: `${BASE}/${file}`,
    transforms: {
      kind: 'classification',
      cropSize: 224,
      resizeSize: 256,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
      interpolation: 'bilinear',
    },
    meta: {
      ...meta,
      categories: models.MobileNet_V2_Weights.DEFAULT.meta.categories,
      minSize: [1, 1],
      recipe: RECIPE,
      metrics: { 'ImageNet-1K': { 'acc@1': accuracy } },
    },
  };
}

/** Checkpoints of `mobilenet_v2_lite`. */
export const MobileNet_V2_Lite_Weights = models.defineWeights(
  'MobileNet_V2_Lite_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'edgeai-tv/mobilenet_v2_20191224_checkpoint.pth',
      numParams: 3_504_872,
      ops: 0.301,
      fileSize: 13.6,
      accuracy: 72.0,
      docs: 'Trained from scratch with ReLU in the place of ReLU6.',
    }),
    IMAGENET1K_V2: imageNet({
      file: 'edgeai-tv2/mobilenet_v2_lite_wt-v2_20231101_checkpoint.pth',
      numParams: 3_504_872,
      ops: 0.301,
      fileSize: 13.6,
      accuracy: 72.938,
      docs: 'Fine-tuned after surgery from the improved weights of mobilenet_v2.',
    }),
  },
  'IMAGENET1K_V2',
);

/** Checkpoints of `mobilenet_v3_large_lite`. */
export const MobileNet_V3_Large_Lite_Weights = models.defineWeights(
  'MobileNet_V3_Large_Lite_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'edgeai-tv/mobilenet_v3_lite_large_20210507_checkpoint.pth',
      numParams: 3_970_752,
      ops: 0.215,
      fileSize: 15.3,
      accuracy: 72.122,
      docs: 'Trained from scratch without squeeze and excitation and with ReLU.',
    }),
  },
  'IMAGENET1K_V1',
);

/** Checkpoints of `mobilenet_v3_small_lite`. */
export const MobileNet_V3_Small_Lite_Weights = models.defineWeights(
  'MobileNet_V3_Small_Lite_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'edgeai-tv/mobilenet_v3_lite_small_20210429_checkpoint.pth',
      numParams: 2_081_216,
      ops: 0.056,
      fileSize: 8.1,
      accuracy: 62.688,
      docs: 'Trained from scratch without squeeze and excitation and with ReLU.',
    }),
  },
  'IMAGENET1K_V1',
);
