/** @file Quantisation: schemes, quantisers, preparation of networks. */

export {
  type AnalysedLayer,
  analysedLayers,
  chooseBits,
  compareObservers,
  drawErrors,
  type LayerNoise,
  type LayerPrecision,
  type LayerSensitivity,
  type MixedPrecision,
  type MixedPrecisionOptions,
  measureNoise,
  measureSensitivity,
  type NoiseOptions,
  type ObserverComparison,
  type ObserverOptions,
  type PrecisionBudget,
  type ReportContent,
  type ReportImage,
  type RoundingNoise,
  renderReport,
  type Sensitivity,
  type SensitivityOptions,
  type ValueHistogram,
} from './analysis/index.ts';
export {
  mixedPrecision,
  type QuantizationConfig,
  type ResolvedConfig,
  resolveConfig,
  schemeFor,
} from './config.ts';
export { QuantizationError } from './errors.ts';
export { FakeQuantize, type FakeQuantizeOptions, type QuantizerRole } from './fake-quantize.ts';
export { IntegerModel } from './integer/integer-model.ts';
export { createObserver, observerKinds } from './observers/create.ts';
export { Observer, type ObserverContext, type RangeSearch } from './observers/observer.ts';
export type { ObserverKind, ObserverSpec } from './observers/spec.ts';
export { type OperatorRole, type OperatorRule, operatorRules } from './operators.ts';
export type { Place, QuantizationOverride } from './override.ts';
export {
  ceilPowerOfTwo,
  chooseParameters,
  type QuantParameters,
  type Range,
  SMALLEST_SCALE,
} from './parameters.ts';
export { prepareQuantization } from './prepare.ts';
export { type AdaRoundOptions, type AdaRoundReport, adaRound } from './ptq/adaround.ts';
export { type BalanceOptions, type BalanceReport, balanceChannels } from './ptq/balance.ts';
export {
  type CalibrationBatch,
  type CalibrationData,
  forEachBatch,
  type ProgressCallback,
  type QuantizationProgress,
} from './ptq/batches.ts';
export {
  type BiasCalibrationOptions,
  calibrateBiases,
  correctBiases,
  correctBiasesAnalytically,
} from './ptq/bias-correction.ts';
export { calibrate } from './ptq/calibrate.ts';
export { absorbHighBiases, equalizeLayers } from './ptq/equalize.ts';
export { FloatState } from './ptq/float-state.ts';
export { type PTQOptions, type PTQResult, quantizePTQ } from './ptq/quantize-ptq.ts';
export { correctDeviations, reestimateBatchNorms } from './ptq/reestimate.ts';
export {
  copyQuantizers,
  createQuantizer,
  Distillation,
  type DistillationOptions,
  type Distilled,
  LearnedClip,
  LearnedQuantizer,
  LearnedScale,
  type QuantizationPhase,
  QuantizationSchedule,
  type QuantizationScheduleOptions,
  type RangeMethod,
  rangeMethods,
  TrainedThreshold,
} from './qat/index.ts';
export {
  defineQConfig,
  getQConfig,
  type QConfig,
  type QConfigName,
  type QConfigOptions,
  qconfigNames,
} from './qconfig.ts';
export { QuantizedLayer } from './quantized-layer.ts';
export { QuantizedModel, type QuantizerSelection, type QuantizerState } from './quantized-model.ts';
export { fakeQuantize } from './rounding.ts';
export {
  defineScheme,
  describeScheme,
  type Granularity,
  type QuantizationScheme,
  type QuantLimits,
  quantLimits,
  type Rounding,
  type SchemeOptions,
} from './scheme.ts';
export { getTarget, type QuantizationTarget, quantizationTargets } from './targets.ts';
