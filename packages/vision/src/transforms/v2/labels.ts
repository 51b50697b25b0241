/** @file Where the labels of a sample are, when nobody says so. */

import { ArgumentError, Tensor } from '@edgeai/torch';
import { Label } from '../../datapoints/datapoint.ts';
import { isStructure } from './sample.ts';

/** Finds the labels in a sample. */
export type LabelsGetter = (sample: unknown) => unknown;

/** What an object has under `labels`, or else under the first key with `label` in its name, or else what something inside it has so. */
export function findLabels(sample: unknown): unknown {
  if (!isStructure(sample)) return undefined;
  if (!Array.isArray(sample)) {
    const keys = Object.keys(sample);
    const key =
      keys.find((name) => name.toLowerCase() === 'labels') ?? keys.find((name) => name.toLowerCase().includes('label'));
    if (key !== undefined) return (sample as Record<string, unknown>)[key];
  }
  for (const part of Object.values(sample)) {
    const found = findLabels(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The class numbers of a batch: by {@link findLabels}, or the last tensor of an array such as [images, labels].
 *
 * @throws {ArgumentError} where there are none
 */
export function batchLabels(sample: unknown): Label | Tensor {
  let found = findLabels(sample);
  if (found === undefined && Array.isArray(sample))
    found = sample.find((item) => item instanceof Label) ?? sample.slice(1).findLast((item) => item instanceof Tensor);
  if (found instanceof Label || found instanceof Tensor) return found;
  throw new ArgumentError(
    'sample',
    'Found no labels in the sample; expected [images, labels], or an object with a key such as labels. labelsGetter can say where they are',
  );
}
