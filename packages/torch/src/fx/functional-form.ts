/** @file The operator that returns what an in-place operator writes. */

import { Operator } from '../core/dispatch.ts';
import type { Tensor } from '../core/tensor.ts';
import { isFloatingPoint } from '../dtype.ts';
import { native } from '../native.ts';

const written = new WeakMap<Operator, readonly number[]>();
const forms = new Map<string, Operator | undefined>();

/** Positions of the arguments that an operator writes to. */
export function writtenArguments(operator: Operator): readonly number[] {
  let found = written.get(operator);
  if (found === undefined) {
    found = operator.schema.arguments.flatMap((argument, i) => (argument.written ? [i] : []));
    written.set(operator, found);
  }
  return found;
}

/**
 * `aten::add_.Tensor` → `aten::add.Tensor`, where the latter computes the same value; otherwise why not.
 *
 * @param others the tensors among the other arguments
 */
export function functionalForm(operator: Operator, target: Tensor, others: readonly Tensor[]): Operator | string {
  const name = operator.qualifiedName;
  if (/::(eq|ne|lt|le|gt|ge|logical_\w+)_$/.test(operator.name)) {
    return `${name} keeps the dtype of what it overwrites, which no other operator does. Use the form that returns its result`;
  }
  // Without in-place the result would have the wider of the two types.
  if (others.some((other) => isFloatingPoint(other.dtype) && other.dtype !== target.dtype && other.ndim > 0)) {
    return `${name} writes ${others.map((other) => other.dtype).join(', ')} into ${target.dtype}; convert first`;
  }
  if (!forms.has(name)) forms.set(name, find(operator));
  return forms.get(name) ?? `${name} has no counterpart that returns its result instead of writing it`;
}

/** Counterparts that go by another name than that of the in-place form without its underscore. */
const RENAMED: Readonly<Record<string, readonly [name: string, overload: string]>> = {
  'aten::bernoulli_.float': ['aten::bernoulli', 'p'],
  'aten::normal_': ['aten::normal_functional', ''],
};

function find(operator: Operator): Operator | undefined {
  if (!operator.name.endsWith('_')) return undefined;
  const [name, overload] = RENAMED[operator.qualifiedName] ?? [operator.name.slice(0, -1), operator.overload];
  const schema = native.findOperator(name, overload);
  const same = schema !== undefined && schema.arguments.length === operator.schema.arguments.length;
  return same && schema.returns.length === 1 && schema.arguments.every(({ written: writes }) => !writes)
    ? new Operator(name, overload)
    : undefined;
}
