/** @file An image classifier as quantisation sees it. */

import { data, nn, scope, type Tensor } from '@edgeai/torch';

import { type QuantizationSubject, type SubjectOptions, shareOut } from '../../quantization/subject.ts';
import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import type { TaskFacts } from '../../training/task.ts';
import { buildClassifier, classifierOptions, type TaskLog } from './build-model.ts';
import { openEvaluationData } from './data.ts';
import { ImageList } from './image-list.ts';
import { classesOf } from './implied-settings.ts';
import { collateInWorkers, evaluationTransformInWorkers, loaderOptions } from './in-workers.ts';
import { ClassificationMeter } from './meter.ts';
import type { ClassificationBatch } from './mix.ts';
import { preprocessingOf } from './transforms.ts';

/** Opens evaluation images and network; the images of the calibration are spread over all of them. */
export async function openClassificationSubject(
  config: ClassificationConfig,
  subjectOptions: SubjectOptions,
  log: TaskLog,
): Promise<QuantizationSubject<ClassificationBatch>> {
  const preprocessing = preprocessingOf(config);
  const known = await classesOf(config.weights);
  const images = await openEvaluationData(config, evaluationTransformInWorkers(preprocessing), known);
  const options = classifierOptions(config, images.classes);
  const model = await buildClassifier(config, options, { exact: true, log });
  if (config.weights === null) log.warn('no --weights: an untrained network is quantised');
  model.eval();
  const facts: TaskFacts = {
    task: 'classification',
    model: config.model.toLowerCase(),
    modelOptions: options,
    inputShapes: [[1, 3, config.valCropSize, config.valCropSize]],
    classes: [...images.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
  };
  const { chosen, unseen } = shareOut(images.length, subjectOptions);
  const loader = (indices: readonly number[]) =>
    new data.DataLoader(new data.Subset(images, indices), { ...loaderOptions(config), collateFn: collateInWorkers });
  const criterion = new nn.CrossEntropyLoss();
  const order = [...chosen, ...unseen];
  return {
    model,
    facts,
    calibration: loader(chosen),
    calibrationImages: chosen.length,
    seen: loader(chosen),
    unseen: unseen.length === 0 ? null : loader(unseen),
    inputsOf: ([input]) => [input],
    meter() {
      const meter = new ClassificationMeter();
      return {
        add(batch, [output]: readonly Tensor[]) {
          if (output === undefined) throw new Error('internal: a classifier has an output');
          const loss = scope(() => criterion(output, batch[1]).item());
          meter.add(batch, output, loss);
        },
        figures: () => meter.figures(),
      };
    },
    fileOf: (index) => (images instanceof ImageList ? images.describe(order[index] ?? -1) : null),
  };
}
