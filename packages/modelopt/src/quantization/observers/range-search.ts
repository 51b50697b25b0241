/** @file Searches for a good range on a histogram: percentile, squared error, entropy, PyTorch's L2 search. */

import { scope, type Tensor, tensor } from '@edgeai/torch';
import type { Histogram, HistogramSearch } from './histogram.ts';
import type { RangeSearch } from './observer.ts';

type Bounds = readonly [min: number, max: number];

/** Leaves out what lies beyond `percentile` % of the values at either end. */
export function percentileSearch(percentile = 99.99): HistogramSearch {
  return ({ counts, low, high, min, max }) => {
    const width = (high - low) / counts.length;
    const limit = (sum(counts) * (100 - percentile)) / 100;
    const from = low + width * below(counts, limit, 1);
    const to = high - width * below(counts, limit, -1);
    return [Math.max(Math.min(from, to), min), Math.min(Math.max(from, to), max)];
  };
}

/** How many bins from one end hold at most `limit` values together. */
function below(counts: Float64Array, limit: number, direction: 1 | -1): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    total += counts[direction === 1 ? i : counts.length - 1 - i] ?? 0;
    if (total > limit) return i;
  }
  return counts.length - 1;
}

/** Fractions of the full range that are tried. */
const FRACTIONS = Array.from({ length: 100 }, (_, i) => 1 - i / 100).filter((fraction) => fraction > 0.05);

/**
 * The range with the least squared error of the values, rounded to the quantiser's own grid. Symmetric quantisers and one-sided values
 * have one end to find; otherwise the ends are found in turns.
 */
export function squaredErrorSearch(): HistogramSearch {
  return (histogram, search) => {
    const { min, max } = histogram;
    const best = (candidates: readonly Bounds[]): Bounds => leastError(histogram, search, candidates);
    const bothEnds = best(FRACTIONS.map((f) => [min * f, max * f]));
    if (search.symmetric || min >= 0 || max <= 0) return bothEnds;
    let found = bothEnds;
    for (let turn = 0; turn < 2; turn++) {
      const [low] = found;
      found = best(FRACTIONS.map((f) => [low, max * f]));
      const [, high] = found;
      found = best(FRACTIONS.map((f) => [min * f, high]));
    }
    return found;
  };
}

function leastError(histogram: Histogram, search: RangeSearch, candidates: readonly Bounds[]): Bounds {
  return scope(() => {
    const { values, weights } = centres(histogram);
    const simulated = search.simulate(values, {
      min: tensor(
        candidates.map(([min]) => min),
        { dtype: 'float32' },
      ),
      max: tensor(
        candidates.map(([, max]) => max),
        { dtype: 'float32' },
      ),
    });
    const errors = simulated.sub(values).square().mul(weights).sum(1);
    // `candidates` is not empty, so neither is this.
    return candidates[Number(errors.argmin().item())] as Bounds;
  });
}

/** Centres of the bins that are not empty, and the share of the values that each holds. */
function centres({ counts, low, high }: Histogram): { values: Tensor; weights: Tensor } {
  const width = (high - low) / counts.length;
  const total = sum(counts);
  const values: number[] = [];
  const weights: number[] = [];
  counts.forEach((count, i) => {
    if (count === 0) return;
    values.push(low + (i + 0.5) * width);
    weights.push(count / total);
  });
  return { values: tensor(values, { dtype: 'float32' }), weights: tensor(weights, { dtype: 'float32' }) };
}

const ENTROPY_BINS = 2048;
const ENTROPY_STEPS = 120;

/**
 * The threshold on |x| at which the distribution of the rounded values diverges least from that of the clipped ones (Migacz,
 * "8-bit inference with TensorRT", 2017).
 */
export function entropySearch(): HistogramSearch {
  return (histogram, { levels, symmetric }) => {
    const { min, max } = histogram;
    const magnitude = Math.max(-min, max);
    const twoSided = min < 0 && max > 0;
    const counts = magnitudes(histogram, magnitude);
    // |x| has half of the integers where both signs occur.
    const steps = twoSided || symmetric ? Math.max(Math.floor(levels / 2), 1) : levels;
    const smallest = Math.min(Math.max(steps, 2), ENTROPY_BINS);
    let best = ENTROPY_BINS;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i <= ENTROPY_STEPS; i++) {
      const kept = Math.round(smallest + ((ENTROPY_BINS - smallest) * i) / ENTROPY_STEPS);
      const divergence = divergenceAt(counts, kept, steps);
      if (divergence < least) {
        least = divergence;
        best = kept;
      }
    }
    const threshold = (magnitude * best) / ENTROPY_BINS;
    return [Math.max(min, -threshold), Math.min(max, threshold)];
  };
}

function magnitudes({ counts, low, high }: Histogram, magnitude: number): Float64Array {
  const width = (high - low) / counts.length;
  const result = new Float64Array(ENTROPY_BINS);
  counts.forEach((count, i) => {
    const at = Math.floor((Math.abs(low + (i + 0.5) * width) / magnitude) * ENTROPY_BINS);
    const bin = Math.min(at, ENTROPY_BINS - 1);
    result[bin] = (result[bin] ?? 0) + count;
  });
  return result;
}

/** KL(P ‖ Q): P the counts with the tail added to the last kept bin, Q these kept bins merged into `steps` and spread again. */
function divergenceAt(counts: Float64Array, kept: number, steps: number): number {
  const reference = counts.slice(0, kept);
  const tail = sum(counts.subarray(kept));
  const spread = new Float64Array(kept);
  for (let step = 0; step < steps; step++) {
    const from = Math.floor((step * kept) / steps);
    const to = Math.floor(((step + 1) * kept) / steps);
    const group = reference.subarray(from, to);
    const filled = group.reduce((n, count) => n + (count > 0 ? 1 : 0), 0);
    const mean = filled === 0 ? 0 : sum(group) / filled;
    for (let i = from; i < to; i++) if ((reference[i] ?? 0) > 0) spread[i] = mean;
  }
  reference[kept - 1] = (reference[kept - 1] ?? 0) + tail;
  const totalP = sum(reference);
  const totalQ = sum(spread);
  if (totalQ === 0) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  for (let i = 0; i < kept; i++) {
    const p = (reference[i] ?? 0) / totalP;
    if (p === 0) continue;
    // What was clipped into an empty bin has no counterpart; a little mass keeps the divergence finite.
    const q = Math.max((spread[i] ?? 0) / totalQ, 1e-9);
    divergence += p * Math.log(p / q);
  }
  return divergence;
}

const QUANTILE_STEP = 1e-5;

/**
 * PyTorch's search (`HistogramObserver`): two quantiles move inward in steps of 10⁻⁵, each time the one whose end jumps over more bins,
 * until the modelled L2 error grows.
 */
export function quantileSearch(): HistogramSearch {
  return (histogram, { levels }) => {
    const { counts, min, max } = histogram;
    const bins = counts.length;
    const width = (histogram.high - histogram.low) / bins;
    const total = sum(counts);
    const cumulative = Float64Array.from(counts);
    for (let i = 1; i < bins; i++) cumulative[i] = (cumulative[i] ?? 0) + (cumulative[i - 1] ?? 0);
    let start = 0;
    let end = bins - 1;
    let alpha = 0;
    let beta = 1;
    let least = Number.POSITIVE_INFINITY;
    while (alpha < beta) {
      const nextAlpha = alpha + QUANTILE_STEP;
      const nextBeta = beta - QUANTILE_STEP;
      let left = start;
      let right = end;
      while (left < end && (cumulative[left] ?? 0) < nextAlpha * total) left++;
      while (right > start && (cumulative[right] ?? 0) > nextBeta * total) right--;
      let nextStart = start;
      let nextEnd = end;
      if (left - start > end - right) {
        nextStart = left;
        alpha = nextAlpha;
      } else {
        nextEnd = right;
        beta = nextBeta;
      }
      if (nextStart === start && nextEnd === end) continue;
      const error = modelledError(counts, width, nextStart, nextEnd, levels);
      if (error > least) break;
      least = error;
      start = nextStart;
      end = nextEnd;
    }
    return [Math.max(histogram.low + width * start, min), Math.min(histogram.low + width * (end + 1), max)];
  };
}

/** Squared error when bins `start … end` are shared by `levels` integers, values spread evenly within a bin. */
function modelledError(counts: Float64Array, width: number, start: number, end: number, levels: number): number {
  const step = (width * (end - start + 1)) / levels;
  if (step === 0) return 0;
  const cube = (x: number) => x * x * x;
  const integral = (from: number, to: number, density: number) => (density * (cube(to) - cube(from))) / 3;
  let error = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const density = (counts[bin] ?? 0) / width;
    const from = (bin - start) * width;
    const to = from + width;
    const first = limit(Math.floor(from / step), levels - 1);
    const last = limit(Math.floor(to / step), levels - 1);
    const firstCentre = (first + 0.5) * step;
    if (first === last) {
      error += integral(from - firstCentre, to - firstCentre, density);
      continue;
    }
    error += integral(from - firstCentre, step / 2, density);
    error += (last - first - 1) * integral(-step / 2, step / 2, density);
    error += integral(-step / 2, to - (last * step + step / 2), density);
  }
  return error;
}

function limit(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
