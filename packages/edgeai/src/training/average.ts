/** @file How strongly the moving average of the weights holds on to the past, adapted to the length of the training. */

import type { TrainingConfig } from '../recipes/training-options.ts';

/**
 * The decay for one update of the average. `model-ema-decay` is meant for an update an image and one epoch; batches, steps
 * between updates and epochs scale what it lets go of.
 */
export function averageDecay(
  config: Pick<TrainingConfig, 'modelEmaDecay' | 'modelEmaSteps' | 'batchSize' | 'epochs'>,
  processes = 1,
): number {
  const scale = (processes * config.batchSize * config.modelEmaSteps) / config.epochs;
  return 1 - Math.min(1, (1 - config.modelEmaDecay) * scale);
}
