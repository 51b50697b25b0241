/** @file What happens to images on their way to a classifier, in training and in evaluation, as the options of a recipe say. */

import type { Tensor } from '@edgeai/torch';
import { transforms } from '@edgeai/vision';

import { UsageError } from '../../errors.ts';
import type { ClassificationConfig } from '../../recipes/classification-options.ts';

/** How evaluation images become input; kept in checkpoints, so that predictions use the same. */
export interface Preprocessing {
  readonly resizeSize: number;
  readonly cropSize: number;
  readonly interpolation: transforms.Interpolation;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The settings that training images depend on. */
export type AugmentationConfig = Pick<
  ClassificationConfig,
  'trainCrop' | 'trainCropPadding' | 'trainCropSize' | 'interpolation' | 'autoAugment' | 'randomErase'
>;

const { IMAGENET_MEAN: mean, IMAGENET_STD: std } = transforms;

/** Of the evaluation that a recipe describes. */
export function preprocessingOf(
  config: Pick<ClassificationConfig, 'valResizeSize' | 'valCropSize' | 'interpolation'>,
): Preprocessing {
  const { valResizeSize: resizeSize, valCropSize: cropSize, interpolation } = config;
  return { resizeSize, cropSize, interpolation, mean, std };
}

/** A random part, mirrored half of the time, normalised, perhaps with a part erased. Throws a UsageError for what is not there. */
export function trainTransform(config: AugmentationConfig): transforms.Transform {
  const { trainCrop, trainCropSize: size, trainCropPadding: padding, interpolation } = config;
  if (config.autoAugment !== null) {
    throw new UsageError(
      `--auto-augment ${config.autoAugment}: automatic augmentation is not part of this version; leave the option out (--auto-augment none)`,
    );
  }
  const steps: transforms.Transform[] = [
    toThreeChannels,
    trainCrop === 'padded'
      ? new transforms.RandomCrop(size, { padding, padIfNeeded: true })
      : new transforms.RandomResizedCrop(size, { interpolation }),
    new transforms.RandomHorizontalFlip(),
    new transforms.ConvertImageDtype(),
    new transforms.Normalize(mean, std, { inplace: true }),
  ];
  if (config.randomErase > 0) steps.push(new transforms.RandomErasing({ p: config.randomErase, inplace: true }));
  return new transforms.Compose(steps);
}

/** Resized, the middle cropped, normalised. */
export function evaluationTransform(preprocessing: Preprocessing): transforms.Transform {
  return new transforms.Compose([toThreeChannels, new transforms.ImageClassification(preprocessing)]);
}

/** Grey images show the same in all three channels; what has more than three loses the rest (transparency). */
export function toThreeChannels(image: Tensor): Tensor {
  const channels = image.size(0);
  if (channels === 3) return image;
  return channels > 3 ? image.narrow(0, 0, 3) : image.narrow(0, 0, 1).expand([3, -1, -1]).contiguous();
}
