/** @file The end of a run: the best weights are exported and verified, and `result.json` says what came out. */

import { existsSync } from 'node:fs';
import { getNumThreads, scope } from '@edgeai/torch';
import { z } from 'zod';

import { type ExportReport, exportVerified } from '../models/export-model.ts';
import { readWeights } from '../models/read-weights.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import type { RunLogger } from '../runs/logger.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { LoopOutcome } from './loop.ts';
import type { Task } from './task.ts';
import type { Trainer } from './trainer.ts';

/** What is in `result.json`. The figures of the best epoch (`loss`, `acc1` …) are among its top-level keys. */
export interface TrainingResult {
  task: string;
  model: string;
  params: number;
  epochs: number;
  /** Which epoch's weights the figures, `best.pth` and the export are of; counted from 0. */
  bestEpoch: number | null;
  /** Whether these are the weights themselves or their moving average. */
  bestWeights: 'model' | 'model_ema';
  /** Seconds of training, evaluations and exports not counted, over all sessions of the run. */
  seconds: number;
  imagesPerSecond: number;
  threads: number;
  device: string;
  onnx: ExportReport | null;
  files: Record<string, string>;
  [figure: string]: unknown;
}

/** Inputs that the export is compared on. */
const VERIFIED_INPUTS = 3;

const bestPart = z.object({
  epoch: z.int(),
  edgeai: z.object({ from: z.enum(['model', 'model_ema']), figures: z.record(z.string(), z.number()) }),
});

/** Exports where the recipe wants it, writes `result.json` and returns its content. The model holds the best weights then. */
export async function finishRun<Batch, Output>(
  task: Task<Batch, Output>,
  trainer: Trainer,
  config: TrainingConfig,
  { position, last }: LoopOutcome,
  { folder, logger }: { folder: RunFolder; logger: RunLogger },
): Promise<TrainingResult> {
  const best = existsSync(folder.bestPath) ? loadBest(folder.bestPath, trainer) : null;
  const onnx = config.export ? await exportBest(task, config, best, folder, logger) : null;
  const files: Record<string, string> = {
    recipe: folder.recipePath,
    metrics: folder.metricsPath,
    log: folder.logPath,
    checkpoint: folder.checkpointPath,
    ...(best === null ? {} : { best: folder.bestPath }),
    ...(onnx === null ? {} : { onnx: onnx.path }),
  };
  const result: TrainingResult = {
    task: task.name,
    model: task.modelName,
    params: task.model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0),
    ...(best?.figures ?? last ?? {}),
    epochs: position.epoch + 1,
    bestEpoch: best?.epoch ?? null,
    bestWeights: best?.from ?? 'model',
    seconds: Number(position.seconds.toFixed(1)),
    imagesPerSecond: Number((position.images / position.seconds || 0).toFixed(1)),
    threads: getNumThreads(),
    device: config.device,
    onnx,
    files,
  };
  folder.writeJson('result.json', result);
  return result;
}

interface LoadedBest {
  epoch: number;
  from: 'model' | 'model_ema';
  figures: Record<string, number>;
}

function loadBest(path: string, trainer: Trainer): LoadedBest {
  return scope(() => {
    const { epoch, edgeai } = bestPart.parse(readCheckpoint(path));
    trainer.model.loadStateDict(readWeights(path).state);
    return { epoch, from: edgeai.from, figures: edgeai.figures };
  });
}

async function exportBest<Batch, Output>(
  task: Task<Batch, Output>,
  config: TrainingConfig,
  best: LoadedBest | null,
  folder: RunFolder,
  logger: RunLogger,
): Promise<ExportReport> {
  const which =
    best === null
      ? 'the last weights'
      : `the ${best.from === 'model' ? '' : 'averaged '}weights of epoch ${best.epoch + 1} (the best)`;
  logger.info(`exporting ${which} to ${folder.onnxPath}`);
  const report = await exportVerified(task.model, await task.samples(VERIFIED_INPUTS), {
    path: folder.onnxPath,
    opset: config.opsetVersion,
    dynamicBatch: true,
    facts: task.facts,
  });
  logger.info(
    `onnxruntime agrees: largest difference ${report.maxDifference.toExponential(1)} on ${report.checkedInputs} inputs`,
  );
  return report;
}
