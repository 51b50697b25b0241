/** @file Automatic augmentation: AutoAugment, RandAugment, TrivialAugment, AugMix. */

export { AugMix, type AugMixOptions } from './aug-mix.ts';
export {
  AutoAugment,
  RandAugment,
  type RandAugmentOptions,
  TrivialAugmentWide,
  type TrivialAugmentWideOptions,
} from './methods.ts';
export {
  type AugmentationSpace,
  type AugmentOptions,
  applyOperation,
  augMixSpace,
  autoAugmentSpace,
  type OperationName,
  randAugmentSpace,
  type Strengths,
  trivialAugmentWideSpace,
} from './operations.ts';
export { AutoAugmentPolicy, type PolicyStep, type SubPolicy } from './policies.ts';
