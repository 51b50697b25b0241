/** @file The one table of what can be imported: lowerings by ONNX operator, from the files of each family. */

import type { NodeProto } from '../../proto/onnx.ts';
import type { Lowering, LoweringTable } from '../call.ts';
import { activations } from './activation.ts';
import { convolutions } from './conv.ts';
import { creation } from './create.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { products } from './linear.ts';
import { losses } from './loss.ts';
import { norms } from './norm.ts';
import { pools } from './pool.ts';
import { quantizers } from './quantize.ts';
import { reductions } from './reduce.ts';
import { resizing } from './resize.ts';
import { shapes } from './shape.ts';

const families: readonly LoweringTable[] = [
  activations,
  convolutions,
  creation,
  elementwise,
  indexing,
  losses,
  norms,
  pools,
  products,
  quantizers,
  reductions,
  resizing,
  shapes,
];

const lowerings = new Map<string, Lowering>(families.flatMap((family) => Object.entries(family)));

/** The lowering of a node; `undefined` for operators that are not known. */
export function loweringOf({ opType = '', domain = '' }: NodeProto): Lowering | undefined {
  return domain === '' || domain === 'ai.onnx' ? lowerings.get(opType) : undefined;
}

/** ONNX operators that can be imported, sorted. */
export function importableOperators(): string[] {
  return [...lowerings.keys()].filter((name) => /^[A-Z]/.test(name)).sort();
}
