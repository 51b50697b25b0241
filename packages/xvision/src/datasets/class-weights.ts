/** @file Weights that make up for rare classes, from the pixels of a data set. */

import { ArgumentError, scope, type Tensor } from '@edgeai/torch';
import type { DenseSource } from './dense-dataset.ts';
import { checkLabels, isClasses } from './targets.ts';

export type ClassWeightMethod = 'median-frequency' | 'enet';

/** What a data set has of one class. */
export interface ClassCount {
  readonly name: string;
  /** Of all images. */
  readonly pixels: number;
  /** That have the class. */
  readonly images: number;
  /** Known pixels of those images. */
  readonly within: number;
}

/** Counts the pixels of each class. @param task which of the data set's maps @param limit samples to read at most, evenly spread */
export async function countClasses(
  source: DenseSource,
  task = 0,
  options: { limit?: number; onProgress?: (done: number, total: number) => void } = {},
): Promise<ClassCount[]> {
  const info = source.targets[task];
  if (info === undefined || !isClasses(info))
    throw ArgumentError.expected('task', 'a map of classes', info?.kind ?? task);
  const names = info.classes;
  const counts = names.map((name) => ({ name, pixels: 0, images: 0, within: 0 }));
  const total = Math.min(options.limit ?? source.length, source.length);
  for (let done = 0; done < total; done++) {
    const index = Math.floor((done * source.length) / total);
    const loaded = await source.load?.(index);
    const pixels = scope(() => {
      const { targets } = source.finish(loaded, index);
      const map = targets[task] as Tensor;
      checkLabels(map, names.length, source.describe(index));
      return map.flatten().to('int64').bincount(null, 256).toArray() as number[];
    });
    const known = names.reduce((sum, _, i) => sum + Number(pixels[i] ?? 0), 0);
    for (const [i, count] of counts.entries()) {
      const found = Number(pixels[i] ?? 0);
      if (found === 0) continue;
      count.pixels += found;
      count.images++;
      count.within += known;
    }
    options.onProgress?.(done + 1, total);
  }
  return counts;
}

/**
 * A weight for each class; null for classes without a pixel, of which nothing can be said.
 *
 * `median-frequency` (Eigen and Fergus, 2015): the frequency of a class in the images that have it; weights are the median of
 * frequencies over the class's own. (The original divided by the number of those images instead of by their pixels.)
 * `enet` (Paszke et al., 2016): 1 / ln(1.02 + share of all pixels).
 */
export function weightsOf(counts: readonly ClassCount[], method: ClassWeightMethod): (number | null)[] {
  if (method === 'enet') {
    const total = counts.reduce((sum, { pixels }) => sum + pixels, 0);
    return counts.map(({ pixels }) => (pixels === 0 ? null : 1 / Math.log(1.02 + pixels / total)));
  }
  const frequencies = counts.map(({ pixels, within }) => (pixels === 0 ? null : pixels / within));
  const median = medianOf(frequencies.filter((value) => value !== null));
  return frequencies.map((frequency) => (frequency === null ? null : median / frequency));
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [Math.ceil(middle) - 1, Math.floor(middle)];
  return ((sorted[low] ?? Number.NaN) + (sorted[high] ?? Number.NaN)) / 2;
}
