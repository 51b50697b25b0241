/** @file Small rules that several model families share. */

import { ArgumentError } from '@edgeai/torch';

/**
 * The multiple of `divisor` nearest to `value`, at least `minValue`, and never more than a tenth below `value`: how widths are
 * rounded when a network is scaled.
 */
export function makeDivisible(value: number, divisor: number, minValue = divisor): number {
  const rounded = Math.max(minValue, Math.floor(Math.trunc(value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}

/** Rounds to the nearest integer, halves to the even one, as Python's `round`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * `options` with `name` set to a value that the model or its weights prescribe.
 *
 * @throws {ArgumentError} when the caller asked for another value
 */
export function prescribe<Options extends object, Name extends keyof Options & string>(
  options: Options,
  name: Name,
  value: Options[Name],
  because: string,
): Options {
  const given = options[name];
  if (given !== undefined && given !== value) {
    throw new ArgumentError(
      name,
      `Expected ${String(value)} for ${name}, which ${because} prescribes, but received ${String(given)}`,
    );
  }
  return { ...options, [name]: value };
}

/** Checks an option that counts something. @throws {ArgumentError} unless it is a whole number of at least 1 */
export function requireCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw ArgumentError.expected(name, 'a whole number of at least 1', value);
}

/** Checks an option that scales something. @throws {ArgumentError} unless it is a number above 0 */
export function requirePositive(name: string, value: number): void {
  if (typeof value !== 'number' || !(value > 0)) throw ArgumentError.expected(name, 'a number above 0', value);
}
