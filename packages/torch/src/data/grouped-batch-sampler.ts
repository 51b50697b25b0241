/** @file GroupedBatchSampler: batches of samples that belong together, such as images of like shape. */

import { ArgumentError } from '../errors.ts';
import type { BatchIndices, Sampler } from './samplers.ts';

/**
 * Batches in which all samples are of one group, in the order of a sampler as far as that allows. All batches are full: at the end,
 * the largest unfinished ones are filled up with samples of their group that came before.
 *
 * ```ts
 * const groups = data.aspectRatioGroups(sizes.map(([height, width]) => width / height), 3);
 * new data.DataLoader(dataset, { batchSampler: new data.GroupedBatchSampler(sampler, groups, 8) });
 * ```
 */
export class GroupedBatchSampler implements BatchIndices {
  readonly sampler: Sampler;
  /** The group of every sample of the data set. */
  readonly groupIds: readonly number[];
  readonly batchSize: number;

  constructor(sampler: Sampler, groupIds: readonly number[], batchSize: number) {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw ArgumentError.expected('batchSize', 'a whole number of at least 1', batchSize);
    this.sampler = sampler;
    this.groupIds = groupIds;
    this.batchSize = batchSize;
  }

  get length(): number {
    return Math.floor(this.sampler.length / this.batchSize);
  }

  /** @throws {ArgumentError} for an index without a group */
  *[Symbol.iterator](): Iterator<number[]> {
    const open = new Map<number, number[]>();
    const seen = new Map<number, number[]>();
    let left = this.length;
    for (const index of this.sampler) {
      const group = this.groupIds[index];
      if (group === undefined)
        throw new ArgumentError('groupIds', `Expected a group for each sample but sample ${index} has none`);
      const batch = listOf(open, group);
      batch.push(index);
      listOf(seen, group).push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      left--;
      open.delete(group);
    }
    // Equally large ones in the order in which they began.
    const unfinished = [...open].sort(([, a], [, b]) => b.length - a.length);
    for (const [group, batch] of unfinished.slice(0, left)) {
      const known = seen.get(group) ?? [];
      for (let i = 0; batch.length < this.batchSize; i++) batch.push(known[i % known.length] as number);
      yield batch;
    }
  }
}

/**
 * Groups by the ratio of width to height: `2k + 1` borders between 1/2 and 2, evenly spaced as exponents of 2; with k = 0, wide and
 * high images.
 *
 * @returns the group of each ratio
 */
export function aspectRatioGroups(ratios: readonly number[], k: number): number[] {
  if (!Number.isInteger(k) || k < 0) throw ArgumentError.expected('k', 'a whole number of at least 0', k);
  const borders = k === 0 ? [1] : Array.from({ length: 2 * k + 1 }, (_, i) => 2 ** (i / k - 1));
  return ratios.map((ratio) => borders.filter((border) => border <= ratio).length);
}

function listOf(map: Map<number, number[]>, key: number): number[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}
