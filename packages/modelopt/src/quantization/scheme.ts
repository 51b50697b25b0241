/**
 * @file Quantisation schemes as data: how many bits, which integers, one scale for what, which scales are allowed, how ranges are
 * found. A scheme is plain JSON, so that it can stand in recipes and checkpoints.
 */

import { ArgumentError } from '@edgeai/torch';
import type { ObserverSpec } from './observers/spec.ts';

/** Which way halves go: `half-even` is libtorch's and onnxruntime's, the other two are those of fixed-point devices. */
export type Rounding = 'half-even' | 'half-up' | 'half-away';

/** What one scale is for: the tensor, each channel, or each group of consecutive weights of an output channel. */
export type Granularity = 'tensor' | 'channel' | { readonly groupSize: number };

/** real value = scale · (integer − zero point), the integer clamped to the limits of `bits`. */
export interface QuantizationScheme {
  /** 2 … 16. */
  readonly bits: number;
  /** Ranges are symmetric about zero; otherwise affine: any range that contains zero. */
  readonly symmetric: boolean;
  /**
   * Integers from −2^(bits−1) or from 0. `auto`, for symmetric schemes: unsigned with zero point 0 where values are never
   * negative, which is worth one bit after a ReLU, signed elsewhere. Symmetric and `false` is the form of quint8 observers:
   * unsigned with a zero point in the middle.
   */
  readonly signed: boolean | 'auto';
  readonly granularity: Granularity;
  /** Scales are powers of two: on the device a shift replaces the multiplication. */
  readonly powerOfTwo: boolean;
  /** Leaves out the most negative integer, so that the limits are symmetric as well. */
  readonly narrowRange: boolean;
  readonly rounding: Rounding;
  /** Ranges never go beyond ±`rangeLimit`. `null`: no limit. */
  readonly rangeLimit: number | null;
  /** This range, whatever the data. `null`: observed. */
  readonly fixedRange: readonly [min: number, max: number] | null;
  /** How the range is found from data. */
  readonly observer: ObserverSpec;
}

/** The parts of a scheme that differ from the default. */
export type SchemeOptions = Partial<QuantizationScheme>;

const DEFAULT: QuantizationScheme = {
  bits: 8,
  symmetric: true,
  signed: true,
  granularity: 'tensor',
  powerOfTwo: false,
  narrowRange: false,
  rounding: 'half-even',
  rangeLimit: null,
  fixedRange: null,
  observer: { kind: 'min-max' },
};

const ROUNDINGS: readonly Rounding[] = ['half-even', 'half-up', 'half-away'];

/** A complete scheme: `options` over `base` (default: 8 bits, symmetric, signed, per tensor, min-max). @throws {ArgumentError} */
export function defineScheme(options: SchemeOptions, base: QuantizationScheme = DEFAULT): QuantizationScheme {
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(DEFAULT, key))
      throw new ArgumentError(
        key,
        `A quantisation scheme has no '${key}'. Its parts are ${Object.keys(DEFAULT).join(', ')}`,
      );
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const scheme: QuantizationScheme = { ...base, ...given };
  check(scheme);
  return scheme;
}

function check(scheme: QuantizationScheme): void {
  const { bits, granularity, rangeLimit, fixedRange, rounding } = scheme;
  if (!Number.isInteger(bits) || bits < 2 || bits > 16) throw ArgumentError.expected('bits', 'an integer 2 … 16', bits);
  if (!ROUNDINGS.includes(rounding))
    throw ArgumentError.expected('rounding', `one of ${ROUNDINGS.join(', ')}`, rounding);
  if (typeof granularity === 'object' ? !isCount(granularity.groupSize) : !['tensor', 'channel'].includes(granularity))
    throw ArgumentError.expected('granularity', "'tensor', 'channel' or { groupSize: a whole number }", granularity);
  if (rangeLimit !== null && !(rangeLimit > 0))
    throw ArgumentError.expected('rangeLimit', 'a positive number or null', rangeLimit);
  if (fixedRange !== null && !(fixedRange[0] <= 0 && fixedRange[1] >= 0 && fixedRange[0] < fixedRange[1]))
    throw ArgumentError.expected('fixedRange', '[min, max] with zero inside, or null', fixedRange);
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value > 0;
}

/** The integers of a scheme. */
export interface QuantLimits {
  readonly quantMin: number;
  readonly quantMax: number;
}

/** The smallest and the largest integer. */
export function quantLimits(bits: number, signed: boolean, narrowRange = false): QuantLimits {
  const least = narrowRange ? 1 : 0;
  return signed
    ? { quantMin: -(2 ** (bits - 1)) + least, quantMax: 2 ** (bits - 1) - 1 }
    : { quantMin: least, quantMax: 2 ** bits - 1 };
}

/** What tells schemes apart in few characters: `int4 per-channel`, `uint8 affine`, `int8/uint8 pow2`. */
export function describeScheme(scheme: QuantizationScheme): string {
  const { bits, signed, granularity, symmetric, powerOfTwo } = scheme;
  const type = signed === 'auto' ? `int${bits}/uint${bits}` : `${signed ? '' : 'u'}int${bits}`;
  const per =
    granularity === 'channel' ? ' per-channel' : typeof granularity === 'object' ? ` per ${granularity.groupSize}` : '';
  return `${type}${per}${symmetric ? '' : ' affine'}${powerOfTwo ? ' pow2' : ''}`;
}
