/** @file The `datasets` namespace: data sets of dense tasks. */

export { type ClassCount, type ClassWeightMethod, countClasses, weightsOf } from './class-weights.ts';
export { collateDense } from './collate.ts';
export { type DenseBatch, DenseDataset, type DenseSource } from './dense-dataset.ts';
export { denseDatasetNames, openDense } from './open.ts';
export { CAMVID_PALETTE, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS, paletteOf } from './palettes.ts';
export type { DenseOpenOptions, DenseTaskKind, SecondInput, Split } from './source-options.ts';
export {
  type ClassTarget,
  type Colour,
  type DepthTarget,
  type FlowTarget,
  IGNORE,
  isClasses,
  MOTION_TARGET,
  type TargetInfo,
} from './targets.ts';
