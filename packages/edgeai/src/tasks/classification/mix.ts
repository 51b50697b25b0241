/** @file Batches for training: collated, and blended by mixup or CutMix where the recipe wants it. */

import { data, type Tensor } from '@edgeai/torch';
import { transforms } from '@edgeai/vision';

import type { ClassificationConfig } from '../../recipes/classification-options.ts';

/** Images (N, 3, height, width) and targets: class indices (N) or shares of classes (N, classes). */
export type ClassificationBatch = [images: Tensor, targets: Tensor];

/** An image and its class. */
export type ClassificationSample = [image: Tensor, label: number];

type Collate = (samples: ClassificationSample[]) => ClassificationBatch;

/** How training samples become a batch: with both mixup and CutMix, one of them by lot for each batch. */
export function trainCollate(
  config: Pick<ClassificationConfig, 'mixupAlpha' | 'cutmixAlpha'>,
  numClasses: number,
): Collate {
  const mixes: ((images: Tensor, targets: Tensor) => ClassificationBatch)[] = [];
  if (config.mixupAlpha > 0) mixes.push(new transforms.RandomMixup(numClasses, { p: 1, alpha: config.mixupAlpha }));
  if (config.cutmixAlpha > 0) mixes.push(new transforms.RandomCutmix(numClasses, { p: 1, alpha: config.cutmixAlpha }));
  if (mixes.length === 0) return collate;
  const mix = new transforms.RandomChoice<[Tensor, Tensor], ClassificationBatch>(mixes);
  return (samples) => mix(...collate(samples));
}

/** Samples as a batch. */
export function collate(samples: ClassificationSample[]): ClassificationBatch {
  return data.defaultCollate(samples);
}
