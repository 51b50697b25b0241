/** @file The `optim` namespace: optimisers, learning-rate schedules, gradient clipping, weight averaging. */

export { Adagrad, type AdagradOptions } from './adagrad.ts';
export { Adam, type AdamOptions, AdamW } from './adam.ts';
export { type ClipGradNormOptions, clipGradNorm_, clipGradValue_, NonFiniteGradientError } from './clip.ts';
export { ExponentialMovingAverage } from './ema.ts';
export * as lrScheduler from './lr-scheduler.ts';
export { Optimizer, type OptimizerSpec, type UpdateList } from './optimizer.ts';
export { type OptimizerStateDict, OptimizerStateError, type ParamState } from './optimizer-state.ts';
export type { BaseOptions, ParamGroup, ParamGroupInit, Params } from './param-group.ts';
export { RMSprop, type RMSpropOptions } from './rmsprop.ts';
export { SGD, type SGDOptions } from './sgd.ts';
