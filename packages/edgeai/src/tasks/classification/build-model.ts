/** @file Builds a classifier for the classes of the data and loads the weights that a recipe names. */

import { type nn, scope } from '@edgeai/torch';
import { UsageError } from '../../errors.ts';
import { models } from '../../models/all-models.ts';
import { buildModel, withSurgery } from '../../models/build-model.ts';
import { loadFitting } from '../../models/load-weights.ts';
import { fetchEntry } from '../../models/open-model.ts';
import { readWeights } from '../../models/read-weights.ts';
import { localFile } from '../../models/remote-file.ts';
import { parseWeightsSpec } from '../../models/weights-spec.ts';
import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import type { Json } from '../../recipes/kinds.ts';

/** Where remarks about what was opened go. */
export interface TaskLog {
  info(message: string): void;
  warn(message: string): void;
}

type ModelConfig = Pick<
  ClassificationConfig,
  'model' | 'modelOption' | 'modelSurgery' | 'weights' | 'weightsStateDictName' | 'numClasses'
>;

/** Constructor options with the number of classes: as many as the data has, unless the recipe asks for more. */
export function classifierOptions(
  config: ModelConfig,
  classes: readonly string[],
): Record<string, Json> & { numClasses: number } {
  const asked = config.numClasses ?? config.modelOption.numClasses ?? classes.length;
  if (typeof asked !== 'number' || asked < classes.length) {
    throw new UsageError(
      `--num-classes: expected at least the ${classes.length} classes of the data but received ${String(asked)}`,
    );
  }
  return { ...withSurgery(config.modelOption, config.modelSurgery), numClasses: asked };
}

/**
 * Builds the model. Weights may be of other classes when `exact` is false: what does not fit keeps its initial values and is
 * reported as a warning; otherwise every key must fit.
 */
export async function buildClassifier(
  config: ModelConfig,
  options: Readonly<Record<string, Json>>,
  { exact, log }: { exact: boolean; log: TaskLog },
): Promise<nn.AnyModule> {
  const info = models.getModelInfo(config.model);
  if (info.task !== 'classification') {
    throw new UsageError(`--model: expected a model for classification but ${config.model} is one for ${info.task}`);
  }
  const spec = parseWeightsSpec(config.weights);
  // Before the model is built, so that a wrong name costs no time.
  const entry = spec.entry === null ? null : models.getModelWeights(config.model).get(spec.entry);
  const published = entry === null ? null : await fetchEntry(entry, (message) => log.info(message));
  const own = spec.file === null ? null : await localFile(spec.file, (message) => log.info(message));
  const load = (model: nn.AnyModule, file: string | null): void => {
    if (file === null) return;
    scope(() => {
      const { state } = readWeights(file, config.weightsStateDictName);
      if (exact) model.loadStateDict(state);
      else for (const remark of loadFitting(model, state, file)) log.warn(remark);
    });
  };
  // Published weights are those of the network before surgery, files those of the network as it is used.
  const model = buildModel(config.model, options, (before) => load(before, published));
  load(model, own);
  return model;
}
