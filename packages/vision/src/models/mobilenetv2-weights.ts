/** @file The published checkpoints of MobileNetV2. */

import { imageNet, recipes, trainedWith } from './imagenet-weights.ts';
import { defineWeights } from './weights.ts';

/** Checkpoints of `mobilenet_v2`. */
export const MobileNet_V2_Weights = defineWeights(
  'MobileNet_V2_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'mobilenet_v2-b0353104.pth',
      numParams: 3_504_872,
      ops: 0.301,
      fileSize: 13.555,
      accuracy: [71.878, 90.286],
      recipe: recipes.reference('mobilenetv2'),
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'mobilenet_v2-7ebf99e0.pth',
      numParams: 3_504_872,
      ops: 0.301,
      fileSize: 13.598,
      accuracy: [72.154, 90.822],
      recipe: recipes.regularised,
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);
