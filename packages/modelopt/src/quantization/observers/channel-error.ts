/** @file The squared-error search for each channel of a weight. */

import { full, maximum, minimum, type Tensor, where } from '@edgeai/torch';
import type { Range } from '../parameters.ts';
import { Observer, type RangeSearch } from './observer.ts';

/** Fractions of a channel's range that are tried: what cuts values off. */
const FRACTIONS = Array.from({ length: 60 }, (_, i) => 1 - i / 75);
/** Up to that many integers on a side, ranges wider than the channel's are tried too. */
const WIDENED_UP_TO = 127;

/**
 * For each channel the fraction of its range with the least squared error after rounding. Symmetric ranges may also be wider than the
 * channel, so that its largest weight is any of the integers in the upper half: weights that have been on a grid of that many integers
 * before are found on it again, without error. Looks at the last tensor only, so it suits
 * weights, which are all there at once. The tensor is the caller's and must live until `range` is called.
 */
export class ChannelErrorObserver extends Observer {
  private last: Tensor | undefined;

  protected update(x: Tensor, { min, max }: Range): void {
    this.min_val.copy_(min);
    this.max_val.copy_(max);
    this.last = x;
  }

  range(search: RangeSearch): Range {
    const whole = { min: this.min_val, max: this.max_val };
    const x = this.last;
    this.last = undefined;
    if (x === undefined) return whole;
    const { axis } = this.context;
    const rows = x
      .detach()
      .movedim([axis ?? 0], [0])
      .reshape([this.context.channels, -1]);
    const others = { min: minimum(whole.min, whole.min.mul(0)), max: maximum(whole.max, whole.max.mul(0)) };
    let least = full([this.context.channels], Number.POSITIVE_INFINITY, { device: x.device });
    let best = full([this.context.channels], 1, { device: x.device });
    for (const fraction of [...FRACTIONS, ...widened(search)]) {
      const simulated = search.simulate(rows, { min: others.min.mul(fraction), max: others.max.mul(fraction) });
      const error = simulated.sub(rows).square().sum(1);
      const better = error.lt(least);
      least = where(better, error, least);
      best = where(better, full([1], fraction, { device: x.device }), best);
    }
    return { min: others.min.mul(best), max: others.max.mul(best) };
  }
}

function widened({ symmetric, reach }: RangeSearch): number[] {
  if (!symmetric || reach > WIDENED_UP_TO) return [];
  const largest = Array.from({ length: Math.floor(reach / 2) }, (_, i) => Math.ceil(reach) - 1 - i);
  return largest.filter((integer) => integer > 0).map((integer) => reach / integer);
}
