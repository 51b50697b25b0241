/** @file Quantisation-aware training: schedule, trained ranges, distillation. */

export { copyQuantizers } from './copy-quantizers.ts';
export { createQuantizer } from './create-quantizer.ts';
export { Distillation, type DistillationOptions, type Distilled, outputLoss } from './distillation.ts';
export { LearnedClip } from './learned-clip.ts';
export { LearnedQuantizer } from './learned-quantizer.ts';
export { LearnedScale, learnableFakeQuantize } from './learned-scale.ts';
export { type RangeMethod, rangeMethods } from './range-method.ts';
export { type QuantizationPhase, QuantizationSchedule, type QuantizationScheduleOptions } from './schedule.ts';
export { TrainedThreshold } from './trained-threshold.ts';
