/** @file The `optim.lrScheduler` namespace: schedules of the learning rate, with PyTorch's names and numbers. */

export { LRScheduler, type Scheduler, type SchedulerOptions } from './lr-scheduler/base.ts';
export { ChainedScheduler, SequentialLR } from './lr-scheduler/compose.ts';
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from './lr-scheduler/cosine.ts';
export { ExponentialLR, MultiStepLR, PolynomialLR, StepLR } from './lr-scheduler/decay.ts';
export { type EpochFactor, LambdaLR, MultiplicativeLR } from './lr-scheduler/lambda.ts';
export { OneCycleLR, type OneCycleOptions } from './lr-scheduler/one-cycle.ts';
export { type PlateauOptions, ReduceLROnPlateau } from './lr-scheduler/plateau.ts';
export { ConstantLR, LinearLR } from './lr-scheduler/warmup.ts';
