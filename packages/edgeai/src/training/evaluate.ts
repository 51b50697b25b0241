/** @file Evaluates a network on the evaluation data of its task. */

import { inferenceMode, type nn } from '@edgeai/torch';

import { type PassOutcome, type PassServices, runPass } from './pass.ts';
import type { EvaluationTask, Meter, Placement } from './task.ts';

export interface EvaluateOptions {
  /** Such as `evaluate` or `epoch 3 ema`. */
  label: string;
  placement: Placement;
  /** How many batches to use. Default: all. */
  limit?: number;
}

/** Runs `model` (the task's, or an average of it) in evaluation mode over the evaluation data. Leaves it in that mode. */
export function evaluate<Batch, Output>(
  task: EvaluationTask<Batch, Output>,
  model: nn.AnyModule,
  options: EvaluateOptions,
  services: PassServices,
  meter: Meter<Batch, Output> = task.meter(),
): Promise<PassOutcome> {
  model.eval();
  return runPass({
    ...services,
    label: options.label,
    batches: task.evaluation,
    limit: Math.min(options.limit ?? task.evaluation.length, task.evaluation.length),
    meter,
    sizeOf: (batch) => task.sizeOf(batch),
    step: (given) =>
      inferenceMode(() => {
        const batch = task.place(given, options.placement);
        const { loss, output } = task.step(model, batch);
        return { batch, output, loss: loss.item() };
      }),
  });
}
