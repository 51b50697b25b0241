/** @file The settings of an evaluation that a checkpoint implies: model, tasks, data set and how images are prepared. */

import { existsSync } from 'node:fs';
import { scope } from '@edgeai/torch';

import { readWeights } from '../../models/read-weights.ts';
import { camelCase, type OptionTable } from '../../recipes/option-table.ts';

/** Values by camelCase option name; empty where the file says nothing of itself. */
export function impliedDenseSettings(weights: string, table: OptionTable): Record<string, unknown> {
  if (!existsSync(weights)) return {};
  const facts = scope(() => readWeights(weights).facts);
  if (facts === null || facts.preprocessing.kind !== 'dense') return {};
  const { tasks, dataset, secondInput, size, outputSize, mean, imageScale, reverseChannels, backend } =
    facts.preprocessing;
  const implied = {
    model: facts.model,
    modelOption: facts.modelOptions,
    tasks: Array.isArray(tasks) ? tasks.join(',') : undefined,
    dataset,
    secondInput,
    inputImages: facts.inputShapes.length,
    imgResize: size,
    outputSize,
    imageMean: mean,
    imageScale,
    inputChannelReverse: reverseChannels,
    backend,
  };
  const known = new Set(Object.keys(table).map(camelCase));
  return Object.fromEntries(Object.entries(implied).filter(([key, value]) => value !== undefined && known.has(key)));
}
