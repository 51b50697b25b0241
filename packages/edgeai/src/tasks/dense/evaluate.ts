/** @file Evaluates a network on the samples of a dense task, over all and class by class. */

import type { DenseConfig } from '../../recipes/dense-options.ts';
import { writeEvaluationReport } from '../../runs/evaluation-report.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { evaluate } from '../../training/evaluate.ts';
import { batchLimit } from '../../training/limits.ts';
import { setUpMachine } from '../../training/machine.ts';
import type { PassServices } from '../../training/pass.ts';
import type { DenseClassFigures } from './meter.ts';
import { openDenseEvaluation } from './task.ts';

/** What an evaluation found out. The figures (`mIoU`, `absRel` …) are among its keys. */
export interface DenseReport {
  task: string;
  model: string;
  weights: string | null;
  images: number;
  seconds: number;
  imagesPerSecond: number;
  classes: DenseClassFigures[];
  /** By task: row by row, how many pixels of each true class were taken for each class. */
  confusion: Record<string, number[][]>;
  [figure: string]: unknown;
}

export interface DenseEvaluationServices extends PassServices {
  /** The folder whose `result.json` gets the report; null for none. */
  folder: string | null;
  log: { info(message: string): void; warn(message: string): void };
}

/** Evaluates as `config` says; null where the user stopped it. */
export async function evaluateDenseNetwork(
  name: string,
  config: DenseConfig,
  services: DenseEvaluationServices,
): Promise<DenseReport | null> {
  const placement = setUpMachine(config);
  using folder = services.folder === null ? null : RunFolder.open(services.folder, 'add');
  const task = await openDenseEvaluation(config, services.log);
  task.model.to({ device: placement.device, memoryFormat: placement.memoryFormat });
  const meter = task.meter();
  const limit = batchLimit(task.evaluation.length, config.valEpochSizeFactor);
  const outcome = await evaluate(task, task.model, { label: 'evaluation', placement, limit }, services, meter);
  if (!outcome.complete) return null;
  const report: DenseReport = {
    task: name,
    model: config.model.toLowerCase(),
    weights: config.weights,
    images: outcome.items,
    ...meter.figures(),
    seconds: Number(outcome.seconds.toFixed(2)),
    imagesPerSecond: Number((outcome.items / outcome.seconds).toFixed(1)),
    classes: meter.classes(),
    confusion: meter.confusion(),
  };
  if (folder !== null) writeEvaluationReport(folder, report);
  return report;
}
