/** @file Two sides in turn, round by round, and what comes out of it: medians, and the median of the ratios. */

import type { Side } from './child.ts';

/** Who is measured, and how often each. */
export interface Settings {
  readonly sides: readonly Side[];
  readonly rounds: number;
}

/** One figure, ours beside theirs. `null` where there is no Python to compare with. */
export interface Comparison {
  readonly name: string;
  readonly unit: 's' | 'ms' | 'µs' | 'MiB' | 'img/s' | 'ratio';
  readonly ours: number;
  readonly theirs: number | null;
  /** Ours ÷ theirs: the median over rounds, each of which measured both sides one after the other. */
  readonly ratio: number | null;
  /** What the ratio must not exceed (`most`) or fall below (`least`). */
  readonly target: { readonly most: number } | { readonly least: number } | null;
  readonly met: boolean | null;
  readonly rounds: number;
  readonly note?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export interface CompareOptions {
  readonly name: string;
  readonly unit: Comparison['unit'];
  readonly target?: Comparison['target'];
  readonly rounds: number;
  readonly sides: readonly Side[];
  /** One measurement of one side, in `unit`. */
  measure(side: Side, round: number): Promise<number>;
  readonly note?: string;
}

/** Measures the sides alternately; which one goes first changes from round to round. */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { name, unit, rounds, sides, target = null, note } = options;
  const values: Record<Side, number[]> = { ours: [], theirs: [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? sides : [...sides].reverse();
    for (const side of order) values[side].push(await options.measure(side, round));
  }
  const both = values.theirs.length > 0;
  const ratio = both ? median(values.ours.map((value, i) => value / (values.theirs[i] ?? Number.NaN))) : null;
  return {
    name,
    unit,
    ours: median(values.ours),
    theirs: both ? median(values.theirs) : null,
    ratio,
    target,
    met: ratio === null || target === null ? null : 'most' in target ? ratio <= target.most : ratio >= target.least,
    rounds,
    ...(note === undefined ? {} : { note }),
  };
}
