/**
 * @file A histogram of a stream of tensors in bounded memory: a fixed number of bins that double their width, two merging into one,
 * whenever a value falls outside. No count is ever estimated.
 */

import { full, nn, type Tensor, tensor, zeros } from '@edgeai/torch';
import type { Range } from '../parameters.ts';
import { Observer, type ObserverContext, type RangeSearch } from './observer.ts';

/** Counts over equal bins from `low` to `high`; all values lay in [min, max]. */
export interface Histogram {
  readonly counts: Float64Array;
  readonly low: number;
  readonly high: number;
  readonly min: number;
  readonly max: number;
}

/** Finds a range on a histogram. */
export type HistogramSearch = (histogram: Histogram, search: RangeSearch) => readonly [min: number, max: number];

/** Maps of more values are thinned out before counting; their extrema are still exact. */
const COUNTED_AT_MOST = 1 << 18;

/** Counts values of a tensor in bins and searches the counts for a range. */
export class HistogramObserver extends Observer {
  /** int64 `(bins)` */
  readonly histogram: nn.Buffer;
  /** The ends of the bins, float64: `(2)`. */
  readonly bin_range: nn.Buffer;
  readonly bins: number;
  readonly search: HistogramSearch;
  private phase = 0;

  /** @param bins an even number */
  constructor(context: ObserverContext, search: HistogramSearch, bins = 2048) {
    super(context);
    this.search = search;
    this.bins = bins;
    this.histogram = nn.Buffer.from(zeros([bins], { dtype: 'int64' }));
    this.bin_range = nn.Buffer.from(full([2], 0, { dtype: 'float64' }));
  }

  protected update(x: Tensor, range: Range): void {
    const low = range.min.item();
    const high = range.max.item();
    this.cover(low, high);
    this.min_val.copy_(this.min_val.clamp({ max: low }));
    this.max_val.copy_(this.max_val.clamp({ min: high }));
    const [from = 0, to = 0] = this.bin_range.toArray() as number[];
    const counted = this.thinOut(x).to({ dtype: 'float32' }).histc(this.bins, from, to);
    this.histogram.add_(counted.to({ dtype: 'int64' }));
  }

  range(search: RangeSearch): Range {
    const [low = 0, high = 0] = this.bin_range.toArray() as number[];
    const min = this.min_val.item();
    const max = this.max_val.item();
    const options = { dtype: 'float32' as const, device: this.min_val.device };
    // A constant has no distribution.
    if (min === max) return { min: tensor([min], options), max: tensor([max], options) };
    const counts = Float64Array.from(this.histogram.toTypedArray() as BigInt64Array, Number);
    const [from, to] = this.search({ counts, low, high, min, max }, search);
    return { min: tensor([from], options), max: tensor([to], options) };
  }

  override reset(): void {
    super.reset();
    this.histogram.zero_();
    this.bin_range.zero_();
  }

  /** Widens the bins until they hold [low, high]. */
  private cover(low: number, high: number): void {
    let [from = 0, to = 0] = this.bin_range.toArray() as number[];
    if (from === to) {
      // The first tensor sets the bins. A constant gets bins around itself.
      const margin = low === high ? Math.max(Math.abs(low), 1e-6) : 0;
      this.bin_range.copy_(tensor([low - margin, high + margin], { dtype: 'float64' }));
      return;
    }
    let counts: Float64Array | undefined;
    while (low < from || high > to) {
      counts ??= Float64Array.from(this.histogram.toTypedArray() as BigInt64Array, Number);
      const upward = high - to >= from - low;
      counts = halved(counts, upward);
      if (upward) to += to - from;
      else from -= to - from;
    }
    if (counts === undefined) return;
    this.histogram.copy_(tensor(Array.from(counts), { dtype: 'int64' }));
    this.bin_range.copy_(tensor([from, to], { dtype: 'float64' }));
  }

  /** Every so many rows and columns of large maps, others each time. */
  private thinOut(x: Tensor): Tensor {
    const [, , height = 0, width = 0] = x.shape;
    const step = Math.min(Math.ceil(Math.sqrt(x.numel() / COUNTED_AT_MOST)), 8);
    if (x.ndim !== 4 || step < 2 || height <= 2 * step || width <= 2 * step) return x;
    const phase = this.phase++;
    return x.slice(2, phase % step, null, step).slice(3, Math.floor(phase / step) % step, null, step);
  }
}

/** Neighbouring bins merged, in the lower half (there is new room above) or the upper. */
function halved(counts: Float64Array, lower: boolean): Float64Array {
  const half = counts.length / 2;
  const result = new Float64Array(counts.length);
  for (let i = 0; i < half; i++) {
    result[(lower ? 0 : half) + i] = (counts[2 * i] ?? 0) + (counts[2 * i + 1] ?? 0);
  }
  return result;
}
