/** @file Images and frozen results for the tests of this folder. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromTypedArray, type Tensor } from '@edgeai/torch';
import { states } from '../testing/fill.ts';

// Written by scripts/make-transform-fixtures.py with torchvision and Pillow.
export const frozen = JSON.parse(readFileSync(new URL('./fixtures/transforms.json', import.meta.url), 'utf8'));

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** A uint8 image of noise. */
export function image(seed: number, ...shape: number[]): Tensor {
  return fromTypedArray(
    Uint8Array.from(states(seed, product(shape)), (s) => s >>> 24),
    shape,
  );
}

/** A float image of noise in 0 … 1. */
export function floats(seed: number, ...shape: number[]): Tensor {
  return fromTypedArray(
    Float32Array.from(states(seed, product(shape)), (s) => s / 2 ** 32),
    shape,
  );
}

/** SHA-1 of a tensor's bytes in row-major order. */
export function sha1(tensor: Tensor): string {
  return createHash('sha1').update(tensor.toTypedArray()).digest('hex');
}

/** Largest difference between a tensor's elements and the expected ones; infinite when their number differs. */
export function distance(tensor: Tensor, expected: readonly number[]): number {
  const values = Array.from(tensor.toTypedArray() as Float32Array);
  if (values.length !== expected.length) return Number.POSITIVE_INFINITY;
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? Number.NaN))), 0);
}
