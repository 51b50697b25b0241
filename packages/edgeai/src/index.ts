/** @file What programs may use of this package: recipes, the training loop and its tasks, checkpoints, export. */

export { Progress, type ProgressOptions } from './cli/progress.ts';
export { plain, type Styler, stylerFor } from './cli/style.ts';
export { exitCodeOf, FailureError, INTERRUPTED_EXIT_CODE, UsageError } from './errors.ts';
export { Interrupt, type InterruptOptions } from './interrupt.ts';
export { describeModel, type ModelDescription } from './models/describe-model.ts';
export { type ExportReport, type ExportRequest, exportVerified, randomSamples } from './models/export-model.ts';
export { listImages } from './models/image-inputs.ts';
export { loadFitting } from './models/load-weights.ts';
export { type ModelRequest, openModel } from './models/open-model.ts';
export type { OpenedModel } from './models/opened-model.ts';
export { type LoadedWeights, readWeights } from './models/read-weights.ts';
export { type ClassificationConfig, classification } from './recipes/classification-options.ts';
export { type Problem, RecipeError } from './recipes/problems.ts';
export { type RecipeInput, type ResolvedRecipe, resolveRecipe } from './recipes/resolve.ts';
export { serializeRecipe } from './recipes/serialize.ts';
export type { TrainingConfig } from './recipes/training-options.ts';
export { MetricsLog, type MetricsRecord } from './runs/metrics-log.ts';
export { RunFolder, type RunMode } from './runs/run-folder.ts';
export { type EvaluationReport, evaluateClassifier } from './tasks/classification/evaluate.ts';
export { type ImagePrediction, predictImages } from './tasks/classification/predict.ts';
export { openClassification } from './tasks/classification/task.ts';
export { type PredictedFlow, predictFlows } from './tasks/optical-flow/predict.ts';
export { type SegmentedImage, segmentImages } from './tasks/segmentation/predict.ts';
export { topKCorrect } from './training/accuracy.ts';
export { averageDecay } from './training/average.ts';
export {
  type Checkpoint,
  copyCheckpoint,
  type RunPosition,
  readCheckpoint,
  resumeFrom,
  takeCheckpoint,
  writeCheckpoint,
} from './training/checkpoint.ts';
export { type EvaluateOptions, evaluate } from './training/evaluate.ts';
export { finishRun, type TrainingResult } from './training/finish.ts';
export { type LoopOutcome, type RunServices, runLoop } from './training/loop.ts';
export { requireDevice, setUpMachine } from './training/machine.ts';
export { type DecayGroup, decayGroups, makeOptimizer, type OptimizerConfig } from './training/optimizer.ts';
export type { Pass, PassOutcome, PassServices } from './training/pass.ts';
export { type RandomState, restoreRandomState, saveRandomState } from './training/random-state.ts';
export { type RunInput, type RunOutcome, runTraining } from './training/run.ts';
export { type EpochScheduler, makeScheduler, type SchedulerConfig } from './training/scheduler.ts';
export { SmoothedValue } from './training/smoothed-value.ts';
export type {
  BatchSource,
  EvaluationTask,
  Meter,
  Placement,
  StepResult,
  Task,
  TaskFacts,
} from './training/task.ts';
export { Trainer } from './training/trainer.ts';
