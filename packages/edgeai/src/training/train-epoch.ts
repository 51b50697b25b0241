/** @file One epoch of training: forward, loss, backward, step, moving average, for each batch. */

import { autocast } from '@edgeai/torch';

import { FailureError } from '../errors.ts';
import { type PassOutcome, type PassServices, runPass } from './pass.ts';
import type { Task } from './task.ts';
import type { Trainer } from './trainer.ts';

export interface EpochOptions {
  epoch: number;
  label: string;
  /** How many batches to use. */
  limit: number;
}

/** Trains for one epoch. Throws a FailureError `DIVERGED` where the loss is no longer a number. */
export function trainEpoch<Batch, Output>(
  task: Task<Batch, Output>,
  trainer: Trainer,
  { epoch, label, limit }: EpochOptions,
  services: PassServices,
): Promise<PassOutcome> {
  trainer.beginEpoch(epoch);
  task.beginEpoch?.(epoch);
  return runPass({
    ...services,
    label,
    batches: task.training,
    limit,
    meter: task.meter(),
    sizeOf: (batch) => task.sizeOf(batch),
    extra: () => ({ lr: trainer.learningRate }),
    step: (given, index) => {
      const batch = task.place(given, trainer.placement);
      const forward = () => trainer.step(task, batch);
      const { loss, output } = trainer.autocast === null ? forward() : autocast(trainer.autocast, forward);
      const value = loss.item();
      if (!Number.isFinite(value) && !trainer.scalesLoss) throw diverged(value, epoch, index);
      trainer.update(loss, epoch, index);
      return { batch, output, loss: value };
    },
  });
}

function diverged(loss: number, epoch: number, step: number): FailureError {
  return new FailureError(
    'DIVERGED',
    `the loss became ${loss} in epoch ${epoch + 1}, step ${step + 1}: the training has diverged; a lower --lr, a warm-up (--lr-warmup-epochs) or --clip-grad-norm usually helps`,
  );
}
