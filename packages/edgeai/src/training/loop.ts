/** @file The training loop of every task: epochs of training and evaluation, figures, the best state, checkpoints, a clean stop. */

import { dispose, type nn } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import type { TrainingConfig } from '../recipes/training-options.ts';
import type { EventWriter } from '../runs/events.ts';
import type { RunLogger } from '../runs/logger.ts';
import type { MetricsLog, MetricsRecord } from '../runs/metrics-log.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import { writeBest } from './best.ts';
import { type Checkpoint, copyCheckpoint, type RunPosition, takeCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { evaluate } from './evaluate.ts';
import { describeFigures, isBetter } from './figures.ts';
import { batchLimit } from './limits.ts';
import type { PassOutcome, PassServices } from './pass.ts';
import { showDetails } from './show-details.ts';
import type { MeterDetail, Task } from './task.ts';
import { trainEpoch } from './train-epoch.ts';
import type { Trainer } from './trainer.ts';

/** Where a run tells how it goes. */
export interface RunServices extends PassServices {
  readonly folder: RunFolder;
  readonly logger: RunLogger;
  readonly metrics: MetricsLog;
  readonly events: EventWriter;
}

/** How the loop ended. */
export interface LoopOutcome {
  readonly position: RunPosition;
  /** Figures of the last evaluation; null where none was made in this session. */
  readonly last: Readonly<Record<string, number>> | null;
  /** False where the user stopped the run; its state is in the checkpoint. */
  readonly complete: boolean;
}

/**
 * Trains from `start` to the last epoch. After every epoch the figures go to the metrics log, to TensorBoard and to the log;
 * after every `checkpoint-freq` epochs the state goes to `checkpoint.pth`, and a state better than all before to `best.pth`.
 *
 * When a stop is asked for, the step at hand is finished and `checkpoint.pth` is left such that a resumed run goes on to the
 * same numbers: an epoch that was not trained to its end is trained anew from its beginning.
 */
export async function runLoop<Batch, Output>(
  task: Task<Batch, Output>,
  trainer: Trainer,
  config: TrainingConfig,
  start: RunPosition,
  services: RunServices,
): Promise<LoopOutcome> {
  const { folder, logger, metrics } = services;
  const trainLimit = batchLimit(task.training.length, config.trainEpochSizeFactor, config.limitTrainBatches);
  const evaluationLimit = batchLimit(task.evaluation.length, config.valEpochSizeFactor);
  const total = config.epochs;
  let position = start;
  let last: Record<string, number> | null = null;
  const take = (): Checkpoint => takeCheckpoint(trainer, position, config, task.facts);
  const stopped = (): LoopOutcome => ({ position, last, complete: false });

  // Also the test that the disk takes a checkpoint at all, before hours are spent.
  writeCheckpoint(folder.checkpointPath, take());
  let saved = position.epoch;

  const firstEpoch = position.unevaluated === null ? position.epoch + 1 : position.epoch;
  for (let epoch = firstEpoch; epoch < total; epoch++) {
    // People count from 1; files count from 0, as the original does.
    const name = `epoch ${epoch + 1}/${total}`;
    if (position.unevaluated === null) {
      // Where the file is older than this moment, a stop within the epoch needs the state of now.
      const before = saved === position.epoch ? null : copyCheckpoint(take());
      try {
        const trained = await trainEpoch(task, trainer, { epoch, label: name, limit: trainLimit }, services);
        if (!trained.complete) {
          if (before !== null) writeCheckpoint(folder.checkpointPath, before);
          logger.info(`stopped in ${name} after ${trained.steps} of ${trainLimit} steps; it will be trained anew`);
          return stopped();
        }
        // Later epochs see the same data.
        if (epoch === firstEpoch) for (const remark of trained.remarks) logger.info(`${name}: ${remark}`);
        const record = recordOf(epoch, 'train', trained, { lr: trainer.learningRate });
        trainer.scheduler.step();
        position = {
          ...position,
          epoch,
          unevaluated: record,
          seconds: position.seconds + trained.seconds,
          images: position.images + trained.items,
        };
      } finally {
        dispose(before);
      }
    }
    const trained = position.unevaluated;
    if (trained === null) throw new Error('internal: an epoch was trained and has no figures');

    const pending = take();
    const judged = await evaluateAll(task, trainer, name, evaluationLimit, services);
    if (judged === null) {
      // The weights have not changed since; the random numbers that the evaluation drew are taken back by `pending`.
      writeCheckpoint(folder.checkpointPath, pending);
      logger.info(`stopped in the evaluation of ${name}; it will be made anew`);
      return stopped();
    }
    const records = [trained, ...judged.map(({ phase, outcome }) => recordOf(epoch, phase, outcome))];
    for (const record of records) metrics.append(record);
    showInTensorBoard(services.events, records, epoch);
    for (const { phase, details } of judged) await showDetails(details, phase, services.events, epoch);
    await showPictures(task, trainer, services.events, epoch);
    for (const record of records) logger.info(describeFigures(record, name));

    const decisive = judged.at(-1);
    last = decisive?.outcome.figures ?? null;
    const value = last?.[task.decisive.figure] ?? Number.NaN;
    position = { ...position, unevaluated: null };
    if (isBetter(value, position.best?.value, task.decisive.better)) {
      position = { ...position, best: { epoch, value } };
      // Before the checkpoint: killed in between, the resumed run writes the same file again.
      writeBest(folder.bestPath, trainer, { epoch, figures: last ?? {} }, task.facts);
    }
    if ((epoch + 1) % config.checkpointFreq === 0 || epoch === total - 1) {
      writeCheckpoint(folder.checkpointPath, take());
      saved = epoch;
    }
    if (services.interrupt.requested && epoch < total - 1) {
      if (saved !== epoch) writeCheckpoint(folder.checkpointPath, take());
      logger.info(`stopped after ${name}`);
      return stopped();
    }
  }
  return { position, last, complete: true };
}

interface Judgement {
  phase: string;
  outcome: PassOutcome;
  details: readonly MeterDetail[];
}

/** Evaluates the model and, where there is one, the average, which then decides; null where a stop came in between. */
async function evaluateAll<Batch, Output>(
  task: Task<Batch, Output>,
  trainer: Trainer,
  name: string,
  limit: number,
  services: RunServices,
): Promise<Judgement[] | null> {
  const { placement, average } = trainer;
  const judged: Judgement[] = [];
  trainer.beginEvaluation();
  const judge = async (phase: string, model: nn.AnyModule, label: string): Promise<boolean> => {
    const meter = task.meter();
    const outcome = await evaluate(task, model, { label, placement, limit }, services, meter);
    judged.push({ phase, outcome, details: meter.details?.() ?? [] });
    return outcome.complete;
  };
  const complete = await judge('val', trainer.model, `${name} evaluation`);
  if (complete && average !== null) await judge('val-ema', average.module, `${name} evaluation of the average`);
  return judged.every(({ outcome: { complete } }) => complete) ? judged : null;
}

function recordOf(
  epoch: number,
  phase: string,
  outcome: PassOutcome,
  more: Record<string, number> = {},
): MetricsRecord {
  const { figures, items, seconds } = outcome;
  return {
    epoch,
    phase,
    ...figures,
    ...more,
    images: items,
    time: { seconds: round(seconds, 3), imagesPerSecond: round(items / seconds, 1) },
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function showInTensorBoard(events: EventWriter, records: readonly MetricsRecord[], epoch: number): void {
  for (const { phase, epoch: _, time, ...figures } of records) {
    for (const [name, value] of Object.entries(figures)) {
      if (typeof value === 'number' && name !== 'images') events.scalar(`${name}/${phase}`, value, epoch);
    }
    if (typeof time?.imagesPerSecond === 'number') events.scalar(`img_per_s/${phase}`, time.imagesPerSecond, epoch);
  }
  events.flush();
}

async function showPictures<Batch, Output>(
  task: Task<Batch, Output>,
  trainer: Trainer,
  events: EventWriter,
  epoch: number,
): Promise<void> {
  const pictures = (await task.pictures?.(trainer.model, trainer.placement)) ?? [];
  for (const { tag, image } of pictures) {
    using owned = image;
    const png = await io.encodePng(owned);
    events.image(tag, png, owned.size(2), owned.size(1), epoch);
  }
  if (pictures.length > 0) events.flush();
}
