/** @file What happens to images on their way to a classifier, in training and in evaluation, as the options of a recipe say. */

import { transforms } from '@edgeai/vision';

import type { ClassificationConfig } from '../../recipes/classification-options.ts';

/** How evaluation images become input; kept in checkpoints, so that predictions use the same. */
export interface Preprocessing {
  readonly resizeSize: number;
  readonly cropSize: number;
  readonly interpolation: transforms.Interpolation;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Whose arithmetic resizes; Pillow's where it is not said. */
  readonly backend?: transforms.Backend;
}

/** The settings that training images depend on. */
export type AugmentationConfig = Pick<
  ClassificationConfig,
  | 'trainCrop'
  | 'trainCropPadding'
  | 'trainCropSize'
  | 'interpolation'
  | 'autoAugment'
  | 'raMagnitude'
  | 'augmixSeverity'
  | 'randomErase'
  | 'backend'
>;

const { IMAGENET_MEAN: mean, IMAGENET_STD: std } = transforms;

/** Of the evaluation that a recipe describes. */
export function preprocessingOf(
  config: Pick<ClassificationConfig, 'valResizeSize' | 'valCropSize' | 'interpolation' | 'backend'>,
): Required<Preprocessing> {
  const { valResizeSize: resizeSize, valCropSize: cropSize, interpolation, backend } = config;
  return { resizeSize, cropSize, interpolation, mean, std, backend };
}

/** A random part, mirrored half of the time, perhaps augmented, normalised, perhaps with a part erased. */
export function trainTransform(config: AugmentationConfig): transforms.Transform {
  const { trainCrop, trainCropSize: size, trainCropPadding: padding, interpolation, backend, randomErase } = config;
  return new transforms.Compose([
    new transforms.RGB(),
    trainCrop === 'padded'
      ? new transforms.RandomCrop(size, { padding, padIfNeeded: true })
      : new transforms.RandomResizedCrop(size, { interpolation, backend }),
    new transforms.RandomHorizontalFlip(),
    ...automaticAugmentation(config),
    new transforms.ConvertImageDtype(),
    new transforms.Normalize(mean, std, { inplace: true }),
    ...(randomErase > 0 ? [new transforms.RandomErasing({ p: randomErase, inplace: true })] : []),
  ]);
}

function automaticAugmentation(config: AugmentationConfig): transforms.Transform[] {
  const { autoAugment, interpolation, backend, raMagnitude: magnitude, augmixSeverity: severity } = config;
  switch (autoAugment) {
    case null:
      return [];
    case 'ra':
      return [new transforms.RandAugment({ magnitude, interpolation, backend })];
    case 'ta_wide':
      return [new transforms.TrivialAugmentWide({ interpolation, backend })];
    case 'augmix':
      return [new transforms.AugMix({ severity, interpolation })];
    default:
      return [new transforms.AutoAugment(autoAugment, { interpolation, backend })];
  }
}

/** Resized, the middle cropped, normalised. */
export function evaluationTransform(preprocessing: Preprocessing): transforms.Transform {
  return new transforms.Compose([new transforms.RGB(), new transforms.ImageClassification(preprocessing)]);
}
