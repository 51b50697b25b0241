/** @file The published checkpoints of the ResNet family. */

import { imageNet, recipes, trainedWith } from './imagenet-weights.ts';
import { defineWeights } from './weights.ts';

/** Checkpoints of `resnet18`. */
export const ResNet18_Weights = defineWeights(
  'ResNet18_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnet18-f37072fd.pth',
      numParams: 11_689_512,
      ops: 1.814,
      fileSize: 44.661,
      accuracy: [69.758, 89.078],
      recipe: recipes.reference('resnet'),
      docs: trainedWith.paper,
    }),
  },
  'IMAGENET1K_V1',
);

/** Checkpoints of `resnet34`. */
export const ResNet34_Weights = defineWeights(
  'ResNet34_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnet34-b627a593.pth',
      numParams: 21_797_672,
      ops: 3.664,
      fileSize: 83.275,
      accuracy: [73.314, 91.42],
      recipe: recipes.reference('resnet'),
      docs: trainedWith.paper,
    }),
  },
  'IMAGENET1K_V1',
);

/** Checkpoints of `resnet50`. */
export const ResNet50_Weights = defineWeights(
  'ResNet50_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnet50-0676ba61.pth',
      numParams: 25_557_032,
      ops: 4.089,
      fileSize: 97.781,
      accuracy: [76.13, 92.862],
      recipe: recipes.reference('resnet'),
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'resnet50-11ad3fa6.pth',
      numParams: 25_557_032,
      ops: 4.089,
      fileSize: 97.79,
      accuracy: [80.858, 95.434],
      recipe: 'https://github.com/pytorch/vision/issues/3995#issuecomment-1013906621',
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);

/** Checkpoints of `resnet101`. */
export const ResNet101_Weights = defineWeights(
  'ResNet101_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnet101-63fe2227.pth',
      numParams: 44_549_160,
      ops: 7.801,
      fileSize: 170.511,
      accuracy: [77.374, 93.546],
      recipe: recipes.reference('resnet'),
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'resnet101-cd907fc2.pth',
      numParams: 44_549_160,
      ops: 7.801,
      fileSize: 170.53,
      accuracy: [81.886, 95.78],
      recipe: recipes.improved,
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);

/** Checkpoints of `resnet152`. */
export const ResNet152_Weights = defineWeights(
  'ResNet152_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnet152-394f9c45.pth',
      numParams: 60_192_808,
      ops: 11.514,
      fileSize: 230.434,
      accuracy: [78.312, 94.046],
      recipe: recipes.reference('resnet'),
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'resnet152-f82ba261.pth',
      numParams: 60_192_808,
      ops: 11.514,
      fileSize: 230.474,
      accuracy: [82.284, 96.002],
      recipe: recipes.improved,
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);

/** Checkpoints of `resnext50_32x4d`. */
export const ResNeXt50_32X4D_Weights = defineWeights(
  'ResNeXt50_32X4D_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnext50_32x4d-7cdf4587.pth',
      numParams: 25_028_904,
      ops: 4.23,
      fileSize: 95.789,
      accuracy: [77.618, 93.698],
      recipe: recipes.reference('resnext'),
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'resnext50_32x4d-1a0047aa.pth',
      numParams: 25_028_904,
      ops: 4.23,
      fileSize: 95.833,
      accuracy: [81.198, 95.34],
      recipe: recipes.improved,
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);

/** Checkpoints of `resnext101_32x8d`. */
export const ResNeXt101_32X8D_Weights = defineWeights(
  'ResNeXt101_32X8D_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnext101_32x8d-8ba56ff5.pth',
      numParams: 88_791_336,
      ops: 16.414,
      fileSize: 339.586,
      accuracy: [79.312, 94.526],
      recipe: recipes.reference('resnext'),
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'resnext101_32x8d-110c445d.pth',
      numParams: 88_791_336,
      ops: 16.414,
      fileSize: 339.673,
      accuracy: [82.834, 96.228],
      recipe: recipes.fixRes,
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);

/** Checkpoints of `resnext101_64x4d`. */
export const ResNeXt101_64X4D_Weights = defineWeights(
  'ResNeXt101_64X4D_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'resnext101_64x4d-173b62eb.pth',
      numParams: 83_455_272,
      ops: 15.46,
      fileSize: 319.318,
      accuracy: [83.246, 96.454],
      recipe: 'https://github.com/pytorch/vision/pull/5935',
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V1',
);

/** Checkpoints of `wide_resnet50_2`. */
export const Wide_ResNet50_2_Weights = defineWeights(
  'Wide_ResNet50_2_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'wide_resnet50_2-95faca4d.pth',
      numParams: 68_883_240,
      ops: 11.398,
      fileSize: 131.82,
      accuracy: [78.468, 94.086],
      recipe: 'https://github.com/pytorch/vision/pull/912#issue-445437439',
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'wide_resnet50_2-9ba9bcbe.pth',
      numParams: 68_883_240,
      ops: 11.398,
      fileSize: 263.124,
      accuracy: [81.602, 95.758],
      recipe: recipes.fixRes,
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);

/** Checkpoints of `wide_resnet101_2`. */
export const Wide_ResNet101_2_Weights = defineWeights(
  'Wide_ResNet101_2_Weights',
  {
    IMAGENET1K_V1: imageNet({
      file: 'wide_resnet101_2-32ee1156.pth',
      numParams: 126_886_696,
      ops: 22.753,
      fileSize: 242.896,
      accuracy: [78.848, 94.284],
      recipe: 'https://github.com/pytorch/vision/pull/912#issue-445437439',
      docs: trainedWith.paper,
    }),
    IMAGENET1K_V2: imageNet({
      file: 'wide_resnet101_2-d733dc28.pth',
      numParams: 126_886_696,
      ops: 22.753,
      fileSize: 484.747,
      accuracy: [82.51, 96.02],
      recipe: recipes.improved,
      docs: trainedWith.improved,
      resizeSize: 232,
    }),
  },
  'IMAGENET1K_V2',
);
