/** @file Makes the quantiser for a place: with a range that is observed, or one that is trained. */

import { ArgumentError } from '@edgeai/torch';
import { QuantizationError } from '../errors.ts';
import { FakeQuantize, type FakeQuantizeOptions } from '../fake-quantize.ts';
import { describeScheme, type QuantizationScheme } from '../scheme.ts';
import { LearnedClip } from './learned-clip.ts';
import type { LearnedQuantizer } from './learned-quantizer.ts';
import { LearnedScale } from './learned-scale.ts';
import { type RangeMethod, rangeMethods } from './range-method.ts';
import { TrainedThreshold } from './trained-threshold.ts';

type Kind = new (scheme: QuantizationScheme, options: FakeQuantizeOptions) => FakeQuantize | LearnedQuantizer;

const KINDS: { readonly [Method in RangeMethod]: { readonly weight: Kind; readonly activation: Kind } } = {
  observed: { weight: FakeQuantize, activation: FakeQuantize },
  pact: { weight: FakeQuantize, activation: LearnedClip },
  lsq: { weight: LearnedScale, activation: LearnedScale },
  tqt: { weight: TrainedThreshold, activation: TrainedThreshold },
};

/**
 * A quantiser. Ranges that are fixed by definition are never trained.
 *
 * @throws {ArgumentError} for an unknown method; {QuantizationError} for a scheme that the method cannot train
 */
export function createQuantizer(
  scheme: QuantizationScheme,
  options: FakeQuantizeOptions,
  ranges: RangeMethod,
): FakeQuantize {
  if (!Object.hasOwn(KINDS, ranges))
    throw ArgumentError.expected('ranges', `one of ${rangeMethods.join(', ')}`, ranges);
  const fixed = options.values !== undefined || scheme.fixedRange !== null;
  if (fixed || ranges === 'observed') return new FakeQuantize(scheme, options);
  if (ranges === 'lsq' && scheme.powerOfTwo) {
    throw new QuantizationError(
      `LSQ trains scales as real numbers, which ${describeScheme(scheme)} does not have: take tqt`,
      options.layer,
    );
  }
  if (ranges !== 'pact' && scheme.rounding !== 'half-even')
    throw new QuantizationError(`${ranges} rounds halves to even, not ${scheme.rounding}`, options.layer);
  return new KINDS[ranges][options.role](scheme, options);
}
