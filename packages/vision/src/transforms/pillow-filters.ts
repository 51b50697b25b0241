/** @file The filters of Pillow's resize, and their integer coefficient tables. */

import type { ResizeTable } from '@edgeai/torch';

/** Ways to compute pixels of the new size. The last three exist for uint8 images only. */
export type Interpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic' | 'box' | 'hamming' | 'lanczos';

/** The interpolations as constants, under torchvision's names: `InterpolationMode.BILINEAR`. */
export const InterpolationMode = {
  NEAREST: 'nearest',
  NEAREST_EXACT: 'nearest-exact',
  BILINEAR: 'bilinear',
  BICUBIC: 'bicubic',
  BOX: 'box',
  HAMMING: 'hamming',
  LANCZOS: 'lanczos',
} as const satisfies Record<string, Interpolation>;

export const interpolations: readonly Interpolation[] = [
  'nearest',
  'nearest-exact',
  'bilinear',
  'bicubic',
  'box',
  'hamming',
  'lanczos',
];

export type Filter = Exclude<Interpolation, 'nearest' | 'nearest-exact'>;

/** Fraction bits of a coefficient: a byte times it must fit into 32 bits with room for overshoot. */
export const PRECISION_BITS = 32 - 8 - 2;

interface Kernel {
  /** Reach to either side, in source pixels at scale 1. */
  readonly support: number;
  readonly at: (x: number) => number;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Keys' cubic with a = −0.5. */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

function hamming(x: number): number {
  const d = Math.abs(x);
  if (d === 0) return 1;
  if (d >= 1) return 0;
  return (Math.sin(d * Math.PI) / (d * Math.PI)) * (0.54 + 0.46 * Math.cos(d * Math.PI));
}

const KERNELS: Record<Filter, Kernel> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, at: hamming },
  bicubic: { support: 2, at: cubic },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** The table for one axis. When shrinking, the filter is widened by the scale: that is the antialiasing. */
export function coefficients(inSize: number, outSize: number, filter: Filter): ResizeTable {
  const { support, at } = KERNELS[filter];
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1);
  const inverse = 1 / filterScale;
  const reach = support * filterScale;
  const stride = Math.ceil(reach) * 2 + 1;
  const starts = new Int32Array(outSize);
  const counts = new Int32Array(outSize);
  const weights = new Int32Array(outSize * stride);
  const row = new Float64Array(stride);
  for (let i = 0; i < outSize; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const count = Math.min(inSize, Math.trunc(centre + reach + 0.5)) - start;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const x = (k + start - centre + 0.5) * inverse;
      // The usual filter without a call: crops of random size need new tables all the time.
      const weight = filter === 'bilinear' ? Math.max(0, 1 - Math.abs(x)) : at(x);
      row[k] = weight;
      sum += weight;
    }
    starts[i] = start;
    counts[i] = count;
    for (let k = 0; k < count; k++) {
      const weight = sum === 0 ? (row[k] as number) : (row[k] as number) / sum;
      // Rounded half away from zero; Math.trunc is C's conversion to int.
      weights[i * stride + k] = Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** PRECISION_BITS);
    }
  }
  return { starts, counts, weights, stride };
}
