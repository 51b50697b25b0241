/** @file What the segmentation entries share: trained on the images of COCO that show one of Pascal VOC's 20 classes. */

import type { Weights } from '../weights.ts';

/** Pascal VOC's classes, the background first. */
export const vocCategories: readonly string[] = [
  ...['__background__', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow'],
  ...['diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'],
];

export interface CocoVocWeights {
  /** File name; the eight hexadecimal digits in it begin the file's SHA-256. */
  file: string;
  numParams: number;
  /** 10^9 multiply-accumulates of an image of 520×520. */
  ops: number;
  /** MB. */
  fileSize: number;
  /** Mean intersection over union, in percent. */
  miou: number;
  /** Share of pixels with the right class, in percent. */
  pixelAccuracy: number;
  /** Section of the reference training script's description. */
  recipe: string;
}

/** A checkpoint trained on COCO with VOC's labels. */
export function cocoWithVocLabels(given: CocoVocWeights): Omit<Weights, 'name'> {
  const { file, numParams, ops, fileSize, miou, pixelAccuracy, recipe } = given;
  return {
    url: `https://download.pytorch.org/models/${file}`,
    transforms: {
      kind: 'segmentation',
      resizeSize: 520,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
      interpolation: 'bilinear',
    },
    meta: {
      categories: vocCategories,
      numParams,
      minSize: [1, 1],
      recipe: `https://github.com/pytorch/vision/tree/main/references/segmentation#${recipe}`,
      metrics: { 'COCO-val2017-VOC-labels': { miou, pixel_acc: pixelAccuracy } },
      ops,
      fileSize,
      docs: 'Trained on those images of COCO that show one of the 20 classes of Pascal VOC.',
    },
  };
}
