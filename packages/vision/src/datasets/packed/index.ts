/** @file Packed data sets: all images in one file that is mapped into memory. */

export type { PackFormat } from './layout.ts';
export { type PackFiles, type PackImages, type PackOptions, type PackReport, packDataset } from './pack.ts';
export { isPackedFile, PackedDataset, type PackedDatasetOptions, packedSplits } from './packed-dataset.ts';
