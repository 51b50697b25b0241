/**
 * @file From ranges to scales and zero points: the arithmetic of PyTorch's observers in float32, for any number of ranges at once,
 * with powers of two.
 */

import { frexp, fullLike, ldexp, maximum, minimum, onesLike, type Tensor, where, zerosLike } from '@edgeai/torch';
import type { QuantizationScheme, QuantLimits } from './scheme.ts';

/** Scales below this are taken for this: float32's epsilon. A channel of zeros gets it. */
export const SMALLEST_SCALE = 1.1920928955078125e-7;

/** float32 and int32, of the shape of the ranges. */
export interface QuantParameters {
  readonly scale: Tensor;
  readonly zeroPoint: Tensor;
}

/** Smallest and largest value, one each for every scale. */
export interface Range {
  readonly min: Tensor;
  readonly max: Tensor;
}

/** Rounds positive float32 numbers up to powers of two, exactly. */
export function ceilPowerOfTwo(x: Tensor): Tensor {
  const { mantissa, exponent } = frexpOf(x);
  return ldexp(onesLike(x), where(mantissa.eq(0.5), exponent.sub(1), exponent));
}

function frexpOf(x: Tensor): { mantissa: Tensor; exponent: Tensor } {
  const [mantissa, exponent] = frexp(x) as [Tensor, Tensor];
  return { mantissa, exponent };
}

/**
 * Scale and zero point for each range. Zero is always inside a range.
 *
 * - affine: scale = (max − min) / (quantMax − quantMin), zeroPoint = quantMin − round(min / scale)
 * - symmetric, signed: scale = max|x| / ((quantMax − quantMin) / 2), zero point 0
 * - symmetric, unsigned, never negative: scale = max / (quantMax − quantMin), zero point quantMin
 * - symmetric, unsigned otherwise: as signed, with the zero point in the middle
 *
 * With powers of two the scale is rounded up, then the zero point follows from it.
 *
 * @param nonNegative the third form is meant
 */
export function chooseParameters(
  range: Range,
  scheme: QuantizationScheme,
  limits: QuantLimits,
  nonNegative: boolean,
): QuantParameters {
  const { quantMin, quantMax } = limits;
  const { rangeLimit } = scheme;
  const levels = quantMax - quantMin;
  let min = minimum(range.min, zerosLike(range.min));
  let max = maximum(range.max, zerosLike(range.max));
  if (rangeLimit !== null) {
    min = min.clamp({ min: -rangeLimit });
    max = max.clamp({ max: rangeLimit });
  }
  const finish = (raw: Tensor): Tensor => {
    const scale = raw.clamp({ min: SMALLEST_SCALE });
    return scheme.powerOfTwo ? ceilPowerOfTwo(scale) : scale;
  };
  if (scheme.symmetric) {
    if (nonNegative && quantMin >= 0) return { scale: finish(max.div(levels)), zeroPoint: integers(max, quantMin) };
    const scale = finish(maximum(min.neg(), max).div(levels / 2));
    return { scale, zeroPoint: integers(max, quantMin < 0 ? 0 : Math.floor((quantMin + quantMax) / 2)) };
  }
  const scale = finish(max.sub(min).div(levels));
  const zeroPoint = min.div(scale).round().neg().add(quantMin).clamp({ min: quantMin, max: quantMax }).int();
  return { scale, zeroPoint };
}

function integers(like: Tensor, value: number): Tensor {
  return fullLike(like, value, { dtype: 'int32' });
}
