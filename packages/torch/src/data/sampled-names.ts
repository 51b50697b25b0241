/** @file A cheap fingerprint of a data set, by which two threads notice that they do not have the same one. */

import type { Dataset } from './dataset.ts';

const MOST = 256;

/** What the data set calls some of its samples, spread evenly. */
export function sampledNames(dataset: Dataset<unknown>): string[] {
  if (dataset.describe === undefined) return [];
  const count = Math.min(dataset.length, MOST);
  return Array.from({ length: count }, (_, i) => dataset.describe?.(Math.floor((i * dataset.length) / count)) ?? '');
}
