/** @file Ranges of optimiser options, as PyTorch checks them. */

import { ArgumentError } from '../errors.ts';

/** @throws {ArgumentError} unless `value` is 0 or more */
export function atLeastZero(name: string, value: number): void {
  if (!(value >= 0)) throw ArgumentError.expected(name, 'a number of at least 0', value);
}

/** @throws {ArgumentError} unless `value` is at least 0 and below 1 */
export function fraction(name: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw ArgumentError.expected(name, 'a number of at least 0 and below 1', value);
}
