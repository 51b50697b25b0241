/** @file Analysis of quantised networks: where noise comes from, what each layer costs, which bits and ranges to choose. */

export { type AnalysedLayer, analysedLayers } from './layers.ts';
export {
  chooseBits,
  type LayerPrecision,
  type MixedPrecision,
  type MixedPrecisionOptions,
  type PrecisionBudget,
} from './mixed-precision.ts';
export { type LayerNoise, measureNoise, type NoiseOptions, type RoundingNoise, type ValueHistogram } from './noise.ts';
export { compareObservers, type ObserverComparison, type ObserverOptions } from './observers.ts';
export { drawErrors, type ReportContent, type ReportImage, renderReport } from './report.ts';
export {
  type LayerSensitivity,
  measureSensitivity,
  type Sensitivity,
  type SensitivityOptions,
} from './sensitivity.ts';
