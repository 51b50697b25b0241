/** @file The `losses` namespace: what dense predictions are trained and judged by. */

export { DenseLoss, type DenseLossDefinition, type DenseLossOptions, type Reduction } from './dense-loss.ts';
export { denseLossNames, makeDenseLoss } from './registry.ts';
export { SegmentationLoss, type SegmentationLossOptions } from './segmentation.ts';
export {
  makeTaskWeighting,
  type TaskWeighting,
  type TaskWeightingOptions,
  taskWeightingNames,
} from './task-weighting.ts';
