/** @file `best.pth`: the weights of the best epoch, ready to be used; the average's where it decides. */

import { type nn, save } from '@edgeai/torch';

import type { TaskFacts } from './task.ts';
import type { Trainer } from './trainer.ts';

export interface BestFacts {
  epoch: number;
  /** Figures of its evaluation. */
  figures: Readonly<Record<string, number>>;
}

/**
 * Writes the weights that the evaluation has just judged, under the key `model` as in a checkpoint, so that whatever reads
 * one reads the other. It has no optimiser state: runs are resumed from `checkpoint.pth`.
 */
export function writeBest(path: string, trainer: Trainer, best: BestFacts, facts: TaskFacts): void {
  const { average } = trainer;
  const model: nn.StateDict = (average?.module ?? trainer.model).stateDict();
  const from = average === null ? 'model' : 'model_ema';
  save({ model, epoch: best.epoch, edgeai: { from, figures: { ...best.figures }, facts } }, path, { detach: true });
}
