/** @file The settings of an evaluation that weights imply: model, classes and image sizes of a checkpoint or a published entry. */

import { scope } from '@edgeai/torch';

import { models } from '../../models/all-models.ts';
import { readWeights } from '../../models/read-weights.ts';
import { localFile } from '../../models/remote-file.ts';
import { parseWeightsSpec } from '../../models/weights-spec.ts';
import { preprocessingFor } from './predict.ts';
import type { Preprocessing } from './transforms.ts';

/** Values by camelCase option name; empty where the weights say nothing. */
export async function impliedSettings(weights: string, model: string | undefined): Promise<Record<string, unknown>> {
  const spec = parseWeightsSpec(weights);
  if (spec.file !== null) {
    const file = await localFile(spec.file, () => {});
    const facts = scope(() => readWeights(file).facts);
    if (facts === null) return {};
    const { numClasses, ...modelOption } = facts.modelOptions;
    return {
      model: facts.model,
      modelOption,
      numClasses,
      ...sizes(preprocessingFor({ facts, entry: null, info: models.getModelInfo(facts.model) })),
    };
  }
  if (spec.entry === null || model === undefined) return {};
  const entry = models.getModelWeights(model).get(spec.entry);
  const info = models.getModelInfo(model);
  return { numClasses: entry.meta.categories.length, ...sizes(preprocessingFor({ facts: null, entry, info })) };
}

/** Names of the classes in the order of the network's outputs, where a checkpoint of ours says them. */
export async function classesOf(weights: string | null): Promise<readonly string[]> {
  const { file } = parseWeightsSpec(weights);
  if (file === null) return [];
  const path = await localFile(file, () => {});
  return scope(() => readWeights(path).facts?.classes ?? []);
}

function sizes({ resizeSize, cropSize, interpolation, backend = 'pil' }: Preprocessing): Record<string, unknown> {
  return { valResizeSize: resizeSize, valCropSize: cropSize, interpolation, backend };
}
