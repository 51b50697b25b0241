/** @file The tests on argument kinds with which generated code picks an overload. */

import { isOptions } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

let tensorClass: new (...args: never[]) => Tensor;

/** @internal Called once by the module that defines `Tensor`. */
export function setSelectTensorClass(given: new (...args: never[]) => Tensor): void {
  tensorClass = given;
}

export function isTensor(value: unknown): value is Tensor {
  return value instanceof tensorClass;
}

export function maybeTensor(value: unknown): boolean {
  return value === null || value instanceof tensorClass;
}

export function isTensorArray(value: unknown): boolean {
  return Array.isArray(value) && (value.length === 0 || value.some((item) => item instanceof tensorClass));
}

export function isNumbers(value: unknown): boolean {
  return (
    typeof value === 'number' ||
    (Array.isArray(value) && (value.length === 0 || typeof value[0] === 'number' || typeof value[0] === 'bigint')) ||
    value === null
  );
}

export function isScalar(value: unknown): boolean {
  if (typeof value === 'object') return value !== null && !(value instanceof tensorClass) && 'real' in value;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
}

export function isString(value: unknown): boolean {
  return typeof value === 'string';
}

/** True when any given argument, by position or by name, passes `test`. */
export function given(args: readonly unknown[], test: (value: unknown) => boolean): boolean {
  return args.some((value) => test(value) || (isOptions(value) && Object.values(value).some(test)));
}

/** True when the options object at the end of `args` has `name`. */
export function hasOption(args: readonly unknown[], name: string): boolean {
  const last = args[args.length - 1];
  return isOptions(last) && name in last;
}
