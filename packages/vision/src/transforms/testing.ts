/** @file Images and frozen results for the tests of this folder. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type DType, fromTypedArray, scope, type Tensor, tensor } from '@edgeai/torch';
import { states } from '../testing/fill.ts';

// Made with torchvision 0.14 and Pillow 9.4 from images filled as below.
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

/** A recorded tensor: all elements, every `step`-th, or the SHA-1 of its bytes. */
export interface RecordedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data?: readonly (number | string)[];
  readonly step?: number;
  readonly sha1?: string;
}

/** One call that torchvision answered. */
export interface RecordedCase {
  readonly id: number;
  readonly group: string;
  readonly op: string;
  readonly in: readonly (string | RecordedTensor)[];
  // biome-ignore lint/suspicious/noExplicitAny: options of many functions
  readonly args: any;
  readonly out: RecordedTensor | readonly RecordedTensor[];
  /** Python's class of the error, where the call is refused. */
  readonly error?: string;
}

/**
 * Recorded with torchvision 0.15.2, torch 1.13 and Pillow 9.4 on one thread: calls of functions ('functional'), or of transforms
 * with a seed ('classes').
 */
export function recorded(file: 'functional' | 'classes'): RecordedCase[] {
  return JSON.parse(readFileSync(new URL(`./fixtures/golden-${file}.json`, import.meta.url), 'utf8'));
}

const INPUTS: Record<string, () => Tensor> = {
  A: () => image(2000000, 3, 13, 17),
  B: () =>
    fromTypedArray(
      Uint8Array.from(states(2000001, 663), (s) => 60 + ((s >>> 24) % 100)),
      [3, 13, 17],
    ),
  C: () => floats(2000002, 3, 13, 17),
  D: () => image(2000003, 1, 13, 17),
  E: () => floats(2000004, 1, 13, 17),
  F: () => floats(2000005, 2, 3, 9, 11),
  G: () =>
    fromTypedArray(
      Uint8Array.from({ length: 663 }, (_, i) => {
        const [x, y] = [i % 17, Math.floor(i / 17) % 13];
        return [15 * x, 19 * y, 3 * x * y][Math.floor(i / 221)] as number;
      }),
      [3, 13, 17],
    ),
  H: () => image(2000006, 3, 32, 40),
  I: () => floats(2000007, 3, 32, 40),
};

/** Uniform noise on [-1, 1). */
export function units(seed: number, ...shape: number[]): Tensor {
  return fromTypedArray(
    Float32Array.from(states(seed, product(shape)), (s) => s / 2 ** 31 - 1),
    shape,
  );
}

/** The image that a recorded case names, or the array that it gives. */
export function recordedInput(source: string | RecordedTensor): Tensor {
  if (typeof source === 'string') return (INPUTS[source] as () => Tensor)();
  return tensor(source.data as number[], { dtype: source.dtype as DType }).view([...source.shape]);
}

/** How a tensor differs from the recorded one, `undefined` where it does not. Bytes must be equal, floats within `tolerance`. */
export function differenceFrom(made: Tensor, expected: RecordedTensor, tolerance = 1e-6): string | undefined {
  if (made.dtype !== expected.dtype || made.shape.join() !== expected.shape.join())
    return `expected ${expected.dtype} [${expected.shape}] but got ${made.dtype} [${made.shape}]`;
  if (expected.sha1 !== undefined) return sha1(made) === expected.sha1 ? undefined : 'other bytes';
  const values = scope(() => Array.from(made.to('float64').toTypedArray() as Float64Array));
  const { step = 1 } = expected;
  for (const [i, recordedValue] of (expected.data ?? []).entries()) {
    const value = values[i * step] as number;
    const wanted = Number(recordedValue === 'nan' ? Number.NaN : recordedValue);
    if (
      Number.isNaN(wanted)
        ? !Number.isNaN(value)
        : !(Math.abs(value - wanted) <= tolerance * Math.max(1, Math.abs(wanted)))
    )
      return `expected ${wanted} at ${i * step} but got ${value}`;
  }
  return undefined;
}
