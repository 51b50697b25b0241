/** @file Image classification as a task of the training loop: data, network with weights, loss, figures. */

import { data, keep, nn, type Tensor } from '@edgeai/torch';
import { models } from '@edgeai/vision';

import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import type { EvaluationTask, Placement, StepResult, Task, TaskFacts } from '../../training/task.ts';
import { buildClassifier, classifierOptions, type TaskLog } from './build-model.ts';
import { openEvaluationData, openTrainingData } from './data.ts';
import {
  collateInWorkers,
  evaluationTransformInWorkers,
  loaderOptions,
  trainCollateInWorkers,
  trainTransformInWorkers,
} from './in-workers.ts';
import { ClassificationMeter } from './meter.ts';
import { type ClassificationBatch, type ClassificationSample, collate } from './mix.ts';
import { preprocessingOf } from './transforms.ts';

type Batches = data.DataLoader<ClassificationSample, ClassificationBatch>;

/** Opens the data, then builds the network for its classes, with the weights that the recipe names. */
export async function openClassification(
  config: ClassificationConfig,
  log: TaskLog,
): Promise<Task<ClassificationBatch, Tensor>> {
  const preprocessing = preprocessingOf(config);
  const train = await openTrainingData(config, trainTransformInWorkers(config));
  const evaluation = await openEvaluationData(config, evaluationTransformInWorkers(preprocessing), train.classes);
  const { classes } = train;
  log.info(`data: ${train.length} images to train, ${evaluation.length} to evaluate, ${classes.length} classes`);
  const options = classifierOptions(config, classes);
  const model = await buildClassifier(config, options, { exact: false, log });
  if (config.freeze !== null) {
    const frozen = models.freeze(
      model,
      config.freeze.split(',').map((pattern) => pattern.trim()),
    );
    log.info(`frozen: ${frozen.length} of ${model.parameters().length} parameter tensors`);
  }
  const facts: TaskFacts = {
    task: 'classification',
    model: config.model.toLowerCase(),
    modelOptions: options,
    inputShapes: [[1, 3, config.valCropSize, config.valCropSize]],
    classes,
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
  };
  const sampler = config.raSampler
    ? new data.RASampler(train, { repetitions: config.raReps, seed: config.seed })
    : undefined;
  const training = new data.DataLoader(train, {
    ...loaderOptions(config),
    ...(sampler === undefined ? { shuffle: true } : { sampler }),
    collateFn: trainCollateInWorkers(config, options.numClasses),
  });
  return new ClassificationTask({ model, facts, training, evaluation, sampler, config });
}

/** Opens only what an evaluation needs; the weights must fit the network exactly. */
export async function openForEvaluation(
  config: ClassificationConfig,
  log: TaskLog,
  modelClasses: readonly string[],
): Promise<{ task: EvaluationTask<ClassificationBatch, Tensor>; classes: readonly string[]; numClasses: number }> {
  const transform = evaluationTransformInWorkers(preprocessingOf(config));
  const evaluation = await openEvaluationData(config, transform, modelClasses);
  const options = classifierOptions(config, evaluation.classes);
  const model = await buildClassifier(config, options, { exact: true, log });
  if (config.weights === null) log.warn('no --weights: these are the figures of an untrained network');
  return {
    task: new Classifier(model, evaluation, config),
    classes: evaluation.classes,
    numClasses: options.numClasses,
  };
}

/** A classifier and data to measure it on. */
class Classifier implements EvaluationTask<ClassificationBatch, Tensor> {
  readonly model: nn.AnyModule;
  readonly evaluation: Batches;
  readonly #loss: nn.CrossEntropyLoss;

  constructor(
    model: nn.AnyModule,
    evaluation: data.Dataset<ClassificationSample>,
    config: Pick<ClassificationConfig, 'workers' | 'device' | 'batchSize' | 'labelSmoothing'>,
  ) {
    this.model = model;
    this.evaluation = new data.DataLoader(evaluation, { ...loaderOptions(config), collateFn: collateInWorkers });
    this.#loss = new nn.CrossEntropyLoss({ labelSmoothing: config.labelSmoothing });
  }

  sizeOf([images]: ClassificationBatch): number {
    return images.size(0);
  }

  place([images, targets]: ClassificationBatch, { device, memoryFormat }: Placement): ClassificationBatch {
    return [images.to({ device, memoryFormat }), targets.to({ device })];
  }

  step(model: nn.AnyModule, [images, targets]: ClassificationBatch): StepResult<Tensor> {
    const output: Tensor = model(images);
    return { output, loss: this.#loss(output, targets) };
  }

  meter(): ClassificationMeter {
    return new ClassificationMeter();
  }
}

interface Parts {
  model: nn.AnyModule;
  facts: TaskFacts;
  training: Batches;
  evaluation: data.Dataset<ClassificationSample>;
  sampler: data.RASampler | undefined;
  config: ClassificationConfig;
}

class ClassificationTask extends Classifier implements Task<ClassificationBatch, Tensor> {
  readonly name = 'classification';
  readonly decisive = { figure: 'acc1', better: 'higher' } as const;
  readonly facts: TaskFacts;
  readonly training: Batches;
  readonly #evaluationData: data.Dataset<ClassificationSample>;
  readonly #sampler: data.RASampler | undefined;

  constructor({ model, facts, training, evaluation, sampler, config }: Parts) {
    super(model, evaluation, config);
    this.facts = facts;
    this.training = training;
    this.#evaluationData = evaluation;
    this.#sampler = sampler;
  }

  get modelName(): string {
    return this.facts.model;
  }

  beginEpoch(epoch: number): void {
    this.#sampler?.setEpoch(epoch);
  }

  async samples(count: number): Promise<Tensor[][]> {
    const indices = Array.from({ length: Math.min(count, this.#evaluationData.length) }, (_, index) => index);
    const images = new data.DataLoader(new data.Subset(this.#evaluationData, indices), { collateFn: collate });
    const found: Tensor[][] = [];
    for await (const [image] of images) found.push([keep(image)]);
    return found;
  }
}
