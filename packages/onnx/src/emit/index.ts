/** @file The one table of what can be exported: emitters by operator, from the files of each family. */

import type { Emitter, EmitterTable } from '../lowering.ts';
import { activations } from './activation.ts';
import { convolutions } from './conv.ts';
import { creation } from './create.ts';
import { elementwise } from './elementwise.ts';
import { products } from './linear.ts';
import { norms } from './norm.ts';
import { pools } from './pool.ts';
import { reductions } from './reduce.ts';
import { resizing } from './resize.ts';
import { shapes } from './shape.ts';

const families: readonly EmitterTable[] = [
  convolutions,
  pools,
  activations,
  elementwise,
  shapes,
  creation,
  products,
  norms,
  reductions,
  resizing,
];

const emitters = new Map<string, Emitter>(
  families.flatMap((family) => Object.entries(family)).map(([name, emitter]) => [`aten::${name}`, emitter]),
);

/** The emitter of an operator, by libtorch's name without the overload: `aten::conv2d`. */
export function emitterOf(operator: string): Emitter | undefined {
  return emitters.get(operator);
}

/** Operators that can be exported, sorted. */
export function exportableOperators(): string[] {
  return [...emitters.keys()].sort();
}
