/** @file Random numbers of the transforms, from libtorch's generator: seeded runs repeat, in worker threads too. */

import { rand, randint, scope } from '@edgeai/torch';

/** Uniform on [low, high). */
export function uniform(low = 0, high = 1): number {
  return scope(() => low + (high - low) * rand([1], { dtype: 'float64' }).item());
}

/** A whole number from 0 to `limit − 1`. */
export function wholeBelow(limit: number): number {
  return scope(() => Number(randint(0, Math.max(1, limit), [1]).item()));
}
