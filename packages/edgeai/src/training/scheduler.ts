/** @file Makes the learning rate schedule that a recipe asks for; one step an epoch. */

import { optim } from '@edgeai/torch';

import type { TrainingConfig } from '../recipes/training-options.ts';

const { ConstantLR, CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, SequentialLR, StepLR } =
  optim.lrScheduler;

/** The settings that are looked at here. */
export type SchedulerConfig = Pick<
  TrainingConfig,
  | 'epochs'
  | 'lrScheduler'
  | 'lrStepSize'
  | 'lrMilestones'
  | 'lrPower'
  | 'lrGamma'
  | 'lrMin'
  | 'lrWarmupEpochs'
  | 'lrWarmupMethod'
  | 'lrWarmupDecay'
>;

/** A schedule with one step an epoch. */
export type EpochScheduler = optim.lrScheduler.Scheduler & { step(): void };

/** The main schedule, after a warm-up where the recipe has one. */
export function makeScheduler(optimizer: optim.Optimizer, config: SchedulerConfig): EpochScheduler {
  const { lrWarmupEpochs: totalIters, lrWarmupMethod: method, lrWarmupDecay: decay } = config;
  const main = mainScheduler(optimizer, config);
  if (totalIters === 0) return main;
  const warmup =
    method === 'linear'
      ? new LinearLR(optimizer, { startFactor: decay, totalIters })
      : new ConstantLR(optimizer, { factor: decay, totalIters });
  return new SequentialLR(optimizer, [warmup, main], [totalIters]);
}

function mainScheduler(optimizer: optim.Optimizer, config: SchedulerConfig): optim.lrScheduler.LRScheduler {
  const { lrGamma: gamma } = config;
  switch (config.lrScheduler) {
    case 'steplr':
      return new StepLR(optimizer, config.lrStepSize, { gamma });
    case 'multisteplr': {
      // Counted from the beginning of the run; the schedule begins after the warm-up.
      const milestones = config.lrMilestones.map((epoch) => epoch - config.lrWarmupEpochs).filter((epoch) => epoch > 0);
      return new MultiStepLR(optimizer, milestones, { gamma });
    }
    case 'polynomiallr':
      return new PolynomialLR(optimizer, { totalIters: config.epochs - config.lrWarmupEpochs, power: config.lrPower });
    case 'cosineannealinglr':
      return new CosineAnnealingLR(optimizer, config.epochs - config.lrWarmupEpochs, { etaMin: config.lrMin });
    case 'exponentiallr':
      return new ExponentialLR(optimizer, gamma);
  }
}
