/** @file Sizes that may be given once for all spatial dimensions: one number, or one for each dimension. */

import { ArgumentError, describeValue } from '../errors.ts';

/** A whole number, or one for each of 1, 2 or 3 dimensions. */
export type Size1 = number | readonly [number];
export type Size2 = number | readonly [number, number];
export type Size3 = number | readonly [number, number, number];

/** A size for any number of dimensions. */
export type SizeN = number | readonly number[];

/** The size of a given number of dimensions. */
export type SizeOf<D extends 1 | 2 | 3> = D extends 1 ? Size1 : D extends 2 ? Size2 : Size3;

/** One number for each of `dims` dimensions. @throws {ArgumentError} */
export function expandSize(argument: string, value: SizeN, dims: number): number[] {
  if (typeof value === 'number') return new Array<number>(dims).fill(value);
  if (!Array.isArray(value) || value.length !== dims || value.some((item) => typeof item !== 'number')) {
    throw new ArgumentError(
      argument,
      `Expected a number or an array of ${dims} numbers for ${argument} but received ${describeSize(value)}`,
    );
  }
  return [...value];
}

function describeSize(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : describeValue(value);
}
