/** @file The `metrics` namespace: figures of dense predictions, accumulated without keeping them. */

export { ConfusionMatrix, type SegmentationFigures } from './confusion.ts';
export { type DepthFigures, DepthMeter, type DepthMeterOptions } from './depth.ts';
export { type FlowFigures, FlowMeter } from './flow.ts';
