/** @file Evaluates a classifier on its evaluation data, over all and class by class. */

import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import { writeEvaluationReport } from '../../runs/evaluation-report.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { evaluate } from '../../training/evaluate.ts';
import { batchLimit } from '../../training/limits.ts';
import { setUpMachine } from '../../training/machine.ts';
import type { PassServices } from '../../training/pass.ts';
import { classesOf } from './implied-settings.ts';
import { type ClassFigures, ConfusionMeter } from './meter.ts';
import { openForEvaluation } from './task.ts';

/** What an evaluation found out. */
export interface EvaluationReport {
  task: string;
  model: string;
  weights: string | null;
  images: number;
  loss: number;
  /** Top-1 accuracy in percent. */
  acc1: number;
  acc5: number;
  seconds: number;
  imagesPerSecond: number;
  classes: ClassFigures[];
}

export interface EvaluationServices extends PassServices {
  /** The folder whose `result.json` gets the report; null for none. */
  folder: string | null;
  log: { info(message: string): void; warn(message: string): void };
}

/** Evaluates as `config` says; null where the user stopped it. */
export async function evaluateClassifier(
  config: ClassificationConfig,
  services: EvaluationServices,
): Promise<EvaluationReport | null> {
  const placement = setUpMachine(config);
  using folder = services.folder === null ? null : RunFolder.open(services.folder, 'add');
  const modelClasses = await classesOf(config.weights);
  const { task, classes, numClasses } = await openForEvaluation(config, services.log, modelClasses);
  task.model.to({ device: placement.device, memoryFormat: placement.memoryFormat });
  const meter = new ConfusionMeter(classes, numClasses);
  const limit = batchLimit(task.evaluation.length, config.valEpochSizeFactor);
  const outcome = await evaluate(task, task.model, { label: 'evaluation', placement, limit }, services, meter);
  if (!outcome.complete) return null;
  const report: EvaluationReport = {
    task: 'classification',
    model: config.model.toLowerCase(),
    weights: config.weights,
    images: outcome.items,
    ...meter.figures(),
    seconds: Number(outcome.seconds.toFixed(2)),
    imagesPerSecond: Number((outcome.items / outcome.seconds).toFixed(1)),
    classes: meter.classes(),
  };
  if (folder !== null) writeEvaluationReport(folder, report);
  return report;
}
