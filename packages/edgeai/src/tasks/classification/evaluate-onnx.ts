/** @file Evaluates a classifier that is an ONNX file, in onnxruntime, on the same data and with the same figures as a network. */

import { data, nn, Scope, type Tensor, zeros } from '@edgeai/torch';

import { FailureError } from '../../errors.ts';
import { OnnxRunner, type RunBatch } from '../../models/onnx-runner.ts';
import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { batchLimit } from '../../training/limits.ts';
import { type PassServices, runPass } from '../../training/pass.ts';
import { openEvaluationData } from './data.ts';
import type { EvaluationReport } from './evaluate.ts';
import { collateInWorkers, evaluationTransformInWorkers, loaderOptions } from './in-workers.ts';
import { ConfusionMeter } from './meter.ts';
import type { ClassificationBatch } from './mix.ts';
import { preprocessingFor } from './predict.ts';
import { preprocessingOf } from './transforms.ts';

/** Settings by camelCase option name that the file implies: its preprocessing, and the size of its input. */
export async function onnxSettings(path: string): Promise<Record<string, unknown>> {
  const runner = await OnnxRunner.open(path);
  const { facts, inputShape } = runner;
  await runner.close();
  const size = inputShape[3] ?? null;
  if (facts === null) return size === null ? {} : { valCropSize: size };
  const {
    resizeSize,
    cropSize,
    interpolation,
    backend = 'pil',
  } = preprocessingFor({
    facts,
    entry: null,
    info: { task: 'classification', module: '', inputShapes: [], defaultOptions: {} },
  });
  return { valResizeSize: resizeSize, valCropSize: size ?? cropSize, interpolation, backend };
}

/** Evaluates the file as `config` says (its model and weights are not looked at); null where the user stopped it. */
export async function evaluateOnnxClassifier(
  path: string,
  config: ClassificationConfig,
  services: PassServices & { folder: string | null },
): Promise<EvaluationReport | null> {
  const runner = await OnnxRunner.open(path, config.threads === null ? {} : { threads: config.threads });
  using folder = services.folder === null ? null : RunFolder.open(services.folder, 'add');
  try {
    const transform = evaluationTransformInWorkers(preprocessingOf(config));
    const evaluation = await openEvaluationData(config, transform, runner.facts?.classes ?? []);
    const loader = new data.DataLoader(evaluation, { ...loaderOptions(config), collateFn: collateInWorkers });
    const batches = runner.over<ClassificationBatch>(loader, ([images]) => [images]);
    const numClasses = await outputsOf(runner, config.valCropSize);
    if (numClasses < evaluation.classes.length)
      throw new FailureError(
        'ONNX',
        `${path} knows ${numClasses} classes but the data has ${evaluation.classes.length}`,
      );
    const criterion = new nn.CrossEntropyLoss({ labelSmoothing: config.labelSmoothing });
    const meter = new ConfusionMeter(evaluation.classes, numClasses);
    const classMeter = {
      add: ({ batch }: RunBatch<ClassificationBatch>, output: Tensor, loss: number) => meter.add(batch, output, loss),
      figures: () => meter.figures(),
    };
    const outcome = await runPass({
      ...services,
      label: 'evaluation',
      batches,
      limit: batchLimit(batches.length, config.valEpochSizeFactor),
      meter: classMeter,
      sizeOf: ({ batch: [images] }) => images.size(0),
      step: (batch) => {
        const [output] = batch.outputs;
        if (output === undefined) throw new FailureError('ONNX', `${path} has no outputs`);
        const [, targets] = batch.batch;
        return { batch, output, loss: criterion(output, targets).item() };
      },
    });
    if (!outcome.complete) return null;
    const report: EvaluationReport = {
      task: 'classification',
      model: runner.facts?.model ?? 'onnx',
      weights: path,
      images: outcome.items,
      ...meter.figures(),
      seconds: Number(outcome.seconds.toFixed(2)),
      imagesPerSecond: Number((outcome.items / outcome.seconds).toFixed(1)),
      classes: meter.classes(),
    };
    folder?.writeJson('result.json', report);
    return report;
  } finally {
    await runner.close();
  }
}

/** How many scores the file gives an image. */
async function outputsOf(runner: OnnxRunner, size: number): Promise<number> {
  using owner = new Scope();
  const image = owner.run(() => zeros([1, 3, runner.inputShape[2] ?? size, runner.inputShape[3] ?? size]));
  const outputs = await runner.run([image]);
  const [scores] = outputs;
  const width = scores === undefined || scores.ndim !== 2 ? 0 : scores.size(1);
  for (const output of outputs) output.dispose();
  if (width === 0) throw new FailureError('ONNX', 'Expected an output of shape (N, classes); is it a classifier?');
  return width;
}
