/** @file Observers that keep two numbers a range: extrema, moving averages, averages of trimmed batches. */

import { maximum, minimum, type Tensor, tensor } from '@edgeai/torch';
import type { Range } from '../parameters.ts';
import { Observer, type ObserverContext, type RangeSearch } from './observer.ts';

/** Smallest and largest value ever seen. */
export class MinMaxObserver extends Observer {
  protected update(_x: Tensor, { min, max }: Range): void {
    this.min_val.copy_(minimum(this.min_val, min));
    this.max_val.copy_(maximum(this.max_val, max));
  }

  range(_search: RangeSearch): Range {
    return { min: this.min_val, max: this.max_val };
  }
}

/** Moving average of each batch's extrema: x ← x + constant · (batch − x); the first batch is taken as it is. */
export class EmaObserver extends Observer {
  readonly constant: number;

  constructor(context: ObserverContext, constant = 0.01) {
    super(context);
    this.constant = constant;
  }

  protected update(x: Tensor, range: Range): void {
    this.average(this.batchRange(x, range));
  }

  /** What of a batch goes into the average. */
  protected batchRange(_x: Tensor, range: Range): Range {
    return range;
  }

  private average({ min, max }: Range): void {
    if (!this.hasSeenData) {
      this.min_val.copy_(min);
      this.max_val.copy_(max);
      return;
    }
    this.min_val.add_(min.sub(this.min_val).mul(this.constant));
    this.max_val.add_(max.sub(this.max_val).mul(this.constant));
  }

  range(_search: RangeSearch): Range {
    return { min: this.min_val, max: this.max_val };
  }
}

const SHRINK_BINS = 255;

/**
 * Moving average of each batch's extrema after `percent` % of its values have been left out at either end, found on a histogram of
 * 255 bins. The ends are the centres of the outermost bins that remain.
 */
export class HistogramShrinkObserver extends EmaObserver {
  readonly percent: number;

  constructor(context: ObserverContext, percent = 0.01, constant = 0.01) {
    super(context, constant);
    this.percent = percent;
  }

  protected override batchRange(x: Tensor, range: Range): Range {
    const low = range.min.item();
    const high = range.max.item();
    if (this.percent === 0 || low === high) return range;
    const counts = x.to({ dtype: 'float32' }).histc(SHRINK_BINS, low, high).toTypedArray();
    const limit = (x.numel() * this.percent) / 100;
    const width = (high - low) / SHRINK_BINS;
    const first = lastBelow(counts, limit);
    const last = SHRINK_BINS - 1 - lastBelow([...counts].reverse() as number[], limit);
    return {
      min: tensor([low + width * (first + 0.5)], { dtype: 'float32', device: x.device }),
      max: tensor([low + width * (last + 0.5)], { dtype: 'float32', device: x.device }),
    };
  }
}

/** The last bin up to which fewer than `limit` values lie; the first bin where there is none. */
function lastBelow(counts: ArrayLike<number | bigint>, limit: number): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    sum += Number(counts[i]);
    if (sum >= limit) return Math.max(i - 1, 0);
  }
  return 0;
}
