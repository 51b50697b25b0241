/** @file Indexing as in Python's brackets: integers, slices, new dimensions, ellipsis, index and mask tensors. */

import { ArgumentError } from '../errors.ts';
import { callOp, Operator } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

/** Python's `start:end:step`; `null` or nothing for an open side. */
export class Slice {
  readonly start: number | null;
  readonly end: number | null;
  readonly step: number;

  constructor(start: number | null, end: number | null, step: number) {
    this.start = start;
    this.end = end;
    this.step = step;
  }
}

export function slice(start: number | null = null, end: number | null = null, step = 1): Slice {
  return new Slice(start, end, step);
}

export type Index = number | Slice | null | '...' | Tensor;

const SELECT = new Operator('aten::select', 'int');
const SLICE = new Operator('aten::slice', 'Tensor');
const UNSQUEEZE = new Operator('aten::unsqueeze');
const INDEX = new Operator('aten::index', 'Tensor');

function isTensorIndex(index: Index): index is Tensor {
  return typeof index === 'object' && index !== null && !(index instanceof Slice);
}

/** Dimensions of the source that an index consumes; a mask consumes as many as it has. */
function consumed(index: Index): number {
  if (index === null || index === '...') return 0;
  return isTensorIndex(index) && (index.dtype === 'bool' || index.dtype === 'uint8') ? index.ndim : 1;
}

/** Replaces `'...'` by as many full slices as are needed. */
function expandEllipsis(indices: readonly Index[], ndim: number): Index[] {
  const used = indices.reduce<number>((sum, index) => sum + consumed(index), 0);
  if (used > ndim)
    throw new ArgumentError(
      'indices',
      `Expected at most ${ndim} indices for a tensor of ${ndim} dimensions but received ${used}`,
    );
  const position = indices.indexOf('...');
  if (position < 0) return [...indices];
  const fill = Array.from({ length: ndim - used }, () => new Slice(null, null, 1));
  return [...indices.slice(0, position), ...fill, ...indices.slice(position + 1)];
}

/** @internal */
export function indexTensor(self: Tensor, indices: readonly Index[]): Tensor {
  let result = self;
  let dim = 0;
  // The views in between are nobody's business.
  const step = (operator: Operator, ...args: unknown[]) => {
    const before = result;
    result = callOp(operator, before, ...args) as Tensor;
    if (before !== self) before.dispose();
  };
  const advanced: (Tensor | null)[] = [];
  for (const index of expandEllipsis(indices, self.ndim)) {
    if (typeof index === 'number') {
      step(SELECT, dim, index);
    } else if (index === null) {
      step(UNSQUEEZE, dim++);
    } else if (index instanceof Slice) {
      if (index.start !== null || index.end !== null || index.step !== 1) {
        step(SLICE, dim, index.start, index.end, index.step);
      }
      dim++;
    } else if (isTensorIndex(index)) {
      while (advanced.length < dim) advanced.push(null);
      advanced.push(index);
      dim += consumed(index);
    } else {
      throw ArgumentError.expected('indices', 'integers, slices, null, "..." or tensors', index);
    }
  }
  if (advanced.length > 0) step(INDEX, advanced);
  return result;
}
