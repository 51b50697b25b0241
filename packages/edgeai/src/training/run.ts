/** @file A training run from its folder to its result: sets everything up in the original's order, trains, exports, reports. */

import type { Progress } from '../cli/progress.ts';
import type { Styler } from '../cli/style.ts';
import type { Interrupt } from '../interrupt.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import { EventWriter } from '../runs/events.ts';
import { RunLogger } from '../runs/logger.ts';
import { MetricsLog } from '../runs/metrics-log.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { argsOf, type RunPosition, resumeFrom } from './checkpoint.ts';
import { finishRun, type TrainingResult } from './finish.ts';
import { runLoop } from './loop.ts';
import { adoptBest, changedSettings, findCheckpoint } from './resume.ts';
import { type OpenTask, setUpTraining } from './set-up.ts';
import type { Trainer } from './trainer.ts';

export interface RunInput<Config extends TrainingConfig, Batch, Output> {
  config: Config;
  /** The settings as the text of a recipe, for `recipe.yaml`. */
  recipe: string;
  openTask: OpenTask<Config, Batch, Output>;
  progress: Progress;
  style: Styler;
  interrupt: Interrupt;
}

/** How a run ended: with a result, or stopped by the user with its state in the checkpoint. */
export type RunOutcome = { status: 'complete'; result: TrainingResult } | { status: 'stopped'; folder: string };

/** Trains as `config` says, in its output folder. Everything that was opened is closed again, whatever happens. */
export async function runTraining<Config extends TrainingConfig, Batch, Output>(
  input: RunInput<Config, Batch, Output>,
): Promise<RunOutcome> {
  const { config, progress, style, interrupt } = input;
  const checkpoint = findCheckpoint(config.resume, config.outputDir);
  const mode = config.overwrite ? 'overwrite' : config.resume !== null ? 'resume' : 'new';
  using open = new Openings();
  const folder = open.add(RunFolder.open(config.outputDir, mode));
  const logger = open.add(
    new RunLogger({ file: folder.logPath, append: checkpoint !== null, printer: progress, style }),
  );
  try {
    // A run that goes on has its ranges in the checkpoint.
    const { task, trainer } = await setUpTraining(config, input.openTask, { calibrate: checkpoint === null, logger });
    // Only what could be set up is a run: a wrong path may be put right without --overwrite.
    folder.writeText('recipe.yaml', input.recipe);

    const start = begin(config, checkpoint, trainer, folder, logger);
    const recorded = start.unevaluated === null ? start.epoch : start.epoch - 1;
    const metrics = open.add(MetricsLog.open(folder.metricsPath, recorded));
    const events = open.add(new EventWriter(folder.path, checkpoint === null ? {} : { purgeStep: recorded + 1 }));

    const outcome = await runLoop(task, trainer, config, start, {
      folder,
      logger,
      metrics,
      events,
      progress,
      interrupt,
    });
    await Promise.all([task.training.close?.(), task.evaluation.close?.()]);
    if (!outcome.complete) return { status: 'stopped', folder: folder.path };
    return { status: 'complete', result: await finishRun(task, trainer, config, outcome, { folder, logger }) };
  } catch (error) {
    progress.cancel();
    logger.detail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    throw error;
  }
}

/** Where the run starts: at the beginning, or where the checkpoint left off. */
function begin(
  config: TrainingConfig,
  checkpoint: string | null,
  trainer: Trainer,
  folder: RunFolder,
  logger: RunLogger,
): RunPosition {
  if (checkpoint === null) {
    return { epoch: config.startEpoch - 1, unevaluated: null, best: null, seconds: 0, images: 0 };
  }
  const { position, args, foreign } = resumeFrom(checkpoint, trainer);
  const next = position.unevaluated === null ? position.epoch + 1 : position.epoch;
  if (next >= config.epochs) {
    logger.info(`${checkpoint} is at the end of ${position.epoch + 1} epochs: nothing is left to train`);
  } else {
    logger.info(`continuing with epoch ${next + 1}/${config.epochs} from ${checkpoint}`);
  }
  const changes = foreign ? [] : changedSettings(args, argsOf(config));
  if (changes.length > 0) {
    logger.warn(
      `settings have changed since: ${changes.join(', ')}; optimiser and learning rate go on as they were saved`,
    );
  }
  if (foreign) {
    logger.warn('the checkpoint does not say where the random numbers and the best metric stood: they begin anew');
  }
  return adoptBest(folder, checkpoint, position, logger);
}

/** What has been opened, to be closed in the opposite order. */
class Openings implements Disposable {
  readonly #open: { close(): void }[] = [];

  add<T extends { close(): void }>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }

  [Symbol.dispose](): void {
    for (const resource of this.#open.reverse()) resource.close();
  }
}
