/** @file The `datasets` namespace: data sets of dense tasks. */

export { collateDense } from './collate.ts';
export { type DenseBatch, DenseDataset, type DenseSource } from './dense-dataset.ts';
export { type DenseOpenOptions, type DenseTaskKind, denseDatasetNames, openDense, type Split } from './open.ts';
export { CAMVID_PALETTE, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS, paletteOf } from './palettes.ts';
export { type ClassTarget, type Colour, type DepthTarget, IGNORE, MOTION_TARGET, type TargetInfo } from './targets.ts';
