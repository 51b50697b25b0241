/** @file Finds a learning rate in the place of a training: a sweep with the network, data and optimiser of the run, and its curve in files. */

import type { Progress } from '../cli/progress.ts';
import type { Styler } from '../cli/style.ts';
import { FailureError } from '../errors.ts';
import type { Interrupt } from '../interrupt.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import { RunLogger } from '../runs/logger.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { sweepChart } from './lr-chart.ts';
import { type Sweep, type SweepOptions, sweepLearningRate } from './lr-sweep.ts';
import { type OpenTask, setUpTraining } from './set-up.ts';

export interface FindInput<Config extends TrainingConfig, Batch, Output> {
  config: Config;
  openTask: OpenTask<Config, Batch, Output>;
  sweep: SweepOptions;
  progress: Progress;
  style: Styler;
  interrupt: Interrupt;
}

/** What was found, and the files that show it. */
export interface FoundRate extends Sweep {
  readonly files: { readonly json: string; readonly chart: string };
}

/**
 * Sweeps and writes `lr-find.json` and `lr-find.svg` to the output folder. There is no checkpoint, and a run that the folder holds
 * stays as it is.
 *
 * @throws {FailureError} `DIVERGED` where the loss is no number from the first steps on
 */
export async function findLearningRate<Config extends TrainingConfig, Batch, Output>(
  input: FindInput<Config, Batch, Output>,
): Promise<FoundRate> {
  const { config, progress, style, interrupt } = input;
  const folder = RunFolder.open(config.outputDir, 'add');
  const logger = new RunLogger({ file: folder.file('lr-find.log'), append: false, printer: progress, style });
  try {
    const { task, trainer } = await setUpTraining(config, input.openTask, { calibrate: true, logger });
    const sweep = await sweepLearningRate(task, trainer, input.sweep, { progress, interrupt });
    await Promise.all([task.training.close?.(), task.evaluation.close?.()]);
    if (sweep.points.length < 2)
      throw new FailureError('DIVERGED', 'the loss is no number from the first steps on: there is no rate to be found');
    folder.writeText('lr-find.json', `${JSON.stringify({ ...sweep, options: input.sweep }, null, 2)}\n`);
    folder.writeText('lr-find.svg', sweepChart(sweep));
    return { ...sweep, files: { json: folder.file('lr-find.json'), chart: folder.file('lr-find.svg') } };
  } catch (error) {
    progress.cancel();
    logger.detail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    throw error;
  } finally {
    logger.close();
    folder.close();
  }
}
