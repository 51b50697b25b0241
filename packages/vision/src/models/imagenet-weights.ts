/** @file What the ImageNet-1K entries of all classifiers share: address, categories, preset, layout of the metrics. */

import { imagenetCategories } from './generated/imagenet-categories.ts';
import type { Weights } from './weights.ts';

const BASE = 'https://download.pytorch.org/models/';
const REFERENCE = 'https://github.com/pytorch/vision/tree/main/references/classification';

/** The training recipes that most entries name. */
export const recipes = {
  /** Section of the reference training script's description. */
  reference: (section: string) => `${REFERENCE}#${section}`,
  /** Longer training with stronger augmentation. */
  improved: 'https://github.com/pytorch/vision/issues/3995#new-recipe',
  /** The same with a last phase at the test resolution. */
  fixRes: 'https://github.com/pytorch/vision/issues/3995#new-recipe-with-fixres',
  /** The same with tuned regularisation. */
  regularised: 'https://github.com/pytorch/vision/issues/3995#new-recipe-with-reg-tuning',
  /** Weakly supervised training on hashtags. */
  swag: 'https://github.com/facebookresearch/SWAG',
} as const;

/** The licence of the weights that were trained on hashtags; it excludes commercial use. */
export const SWAG_LICENSE = 'https://github.com/facebookresearch/SWAG/blob/main/LICENSE';

export interface ImageNetWeights {
  /** File name; the eight hexadecimal digits in it begin the file's SHA-256. */
  file: string;
  numParams: number;
  /** 10^9 multiply-accumulates an image. */
  ops: number;
  /** MB. */
  fileSize: number;
  /** Top-1 and top-5 accuracy in percent. Left out where the checkpoint was not trained to classify. */
  accuracy?: readonly [number, number];
  recipe: string;
  docs: string;
  cropSize?: number;
  resizeSize?: number;
  interpolation?: 'bilinear' | 'bicubic';
  minSize?: readonly [number, number];
  mean?: readonly [number, number, number];
  std?: readonly [number, number, number];
  license?: string;
}

/** A checkpoint trained on ImageNet-1K. */
export function imageNet(given: ImageNetWeights): Omit<Weights, 'name'> {
  const { file, numParams, ops, fileSize, accuracy, recipe, docs, minSize = [1, 1] } = given;
  return {
    url: BASE + file,
    transforms: {
      kind: 'classification',
      cropSize: given.cropSize ?? 224,
      resizeSize: given.resizeSize ?? 256,
      mean: given.mean ?? [0.485, 0.456, 0.406],
      std: given.std ?? [0.229, 0.224, 0.225],
      interpolation: given.interpolation ?? 'bilinear',
    },
    meta: {
      categories: accuracy === undefined ? [] : imagenetCategories,
      numParams,
      minSize,
      recipe,
      metrics: accuracy === undefined ? {} : { 'ImageNet-1K': { 'acc@1': accuracy[0], 'acc@5': accuracy[1] } },
      ops,
      fileSize,
      docs,
      ...(given.license === undefined ? {} : { license: given.license }),
    },
  };
}

/** What the docs of an entry say about its recipe. */
export const trainedWith = {
  paper: 'Trained from scratch with a plain recipe; close to the results of the paper.',
  improved: 'Trained with a longer schedule and stronger augmentation; better than the paper.',
  ported: "The weights of the paper's authors, ported.",
  swagEndToEnd: 'Pre-trained on the hashtags of images (SWAG), then fine-tuned as a whole on ImageNet-1K.',
  swagLinear: 'Pre-trained on the hashtags of images (SWAG) and frozen, with a linear classifier for ImageNet-1K.',
  features: "Convolutions of the paper's authors, for use in detectors; the classifier is not usable.",
} as const;
