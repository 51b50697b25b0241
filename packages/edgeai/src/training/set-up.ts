/** @file Sets up what trains: machine, task, network in its place, quantisers where asked for, optimiser. */

import type { TrainingConfig } from '../recipes/training-options.ts';
import type { RunLogger } from '../runs/logger.ts';
import { setUpMachine } from './machine.ts';
import { prepareTraining } from './quantization.ts';
import type { Task } from './task.ts';
import { Trainer } from './trainer.ts';

/** Opens the data, then builds the network: both may draw random numbers, in this order. */
export type OpenTask<Config extends TrainingConfig, Batch, Output> = (
  config: Config,
  logger: RunLogger,
) => Promise<Task<Batch, Output>>;

/** A task and its trainer, ready for the first step. @param calibrate find the first ranges of quantisers; otherwise they come with a state */
export async function setUpTraining<Config extends TrainingConfig, Batch, Output>(
  config: Config,
  openTask: OpenTask<Config, Batch, Output>,
  { calibrate, logger }: { calibrate: boolean; logger: RunLogger },
): Promise<{ task: Task<Batch, Output>; trainer: Trainer }> {
  const placement = setUpMachine(config);
  const opened = await openTask(config, logger);
  opened.model.to({ device: placement.device, memoryFormat: placement.memoryFormat });
  opened.companion?.to({ device: placement.device });
  const { task, quantization } = await prepareTraining(opened, config, { placement, calibrate, logger });
  return { task, trainer: new Trainer(task.model, placement, config, task.companion ?? null, quantization) };
}
