/** @file Small trainings of dense tasks for tests: a few rendered scenes of 32 × 64 pixels, every step observed. */

import { join } from 'node:path';

import { Progress } from '../../cli/progress.ts';
import { plain } from '../../cli/style.ts';
import { Interrupt } from '../../interrupt.ts';
import { type DenseConfig, type DenseTaskName, denseTasks } from '../../recipes/dense-options.ts';
import { resolveRecipe } from '../../recipes/resolve.ts';
import { serializeRecipe } from '../../recipes/serialize.ts';
import { MetricsLog } from '../../runs/metrics-log.ts';
import { type RunOutcome, runTraining } from '../../training/run.ts';
import { openDenseTask } from './task.ts';

/** Settings by option name, on top of quick ones: an epoch has two steps, its evaluation has one. */
export function configOf(name: DenseTaskName, folder: string, flags: Record<string, unknown> = {}): DenseConfig {
  const quick = {
    scenes: [8, 2],
    sceneSize: [32, 64],
    imgResize: [32, 64],
    batchSize: 4,
    epochs: 1,
    lrWarmupEpochs: 0,
    threads: 1,
    workers: 0,
    export: false,
    outputDir: folder,
  };
  return resolveRecipe(denseTasks[name], { flags: { ...quick, ...flags } }).config;
}

/**
 * Trains.
 *
 * @param onStep called after each step of training and evaluation with how many there have been; `stop` interrupts as Ctrl-C does
 */
export async function trainDense(
  name: DenseTaskName,
  config: DenseConfig,
  onStep?: (step: number, stop: () => void) => void,
): Promise<RunOutcome> {
  let stop = () => {};
  const source = {
    on: (_: string, listener: (name: 'SIGINT') => void) => {
      stop = () => listener('SIGINT');
    },
    off: () => {},
  };
  using interrupt = new Interrupt({ source, exit: () => {} });
  let steps = 0;
  class Counting extends Progress {
    override update(state: Parameters<Progress['update']>[0]): void {
      super.update(state);
      onStep?.(++steps, stop);
    }
  }
  return runTraining({
    config,
    recipe: serializeRecipe(denseTasks[name], config),
    openTask: (settings, logger) => openDenseTask(name, settings, logger),
    progress: new Counting({ stream: { write: () => true }, terminal: false }),
    style: plain,
    interrupt,
  });
}

/** What a run measured, without what depends on the clock. */
export function measured(folder: string): unknown {
  return MetricsLog.read(join(folder, 'metrics.jsonl')).map((record) =>
    Object.fromEntries(Object.entries(record).filter(([key]) => !/time|seconds|PerSecond/i.test(key))),
  );
}
