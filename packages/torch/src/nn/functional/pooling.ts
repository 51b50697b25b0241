/** @file Pooling functions beyond the generated operators. */

import type { Tensor } from '../../core/tensor.ts';
import { expandSize } from '../sizes.ts';

/** A size, or one for each spatial dimension; `null` keeps the input's. */
export type OutputSizeN = number | null | readonly (number | null)[];

/** @internal The sizes with the input's own where `null` stands. */
export function completeOutputSize(input: Tensor, outputSize: OutputSizeN, dims: number): number | readonly number[] {
  if (typeof outputSize === 'number') return outputSize;
  const wanted = outputSize ?? new Array<null>(dims).fill(null);
  if (!wanted.includes(null)) return expandSize('outputSize', wanted as readonly number[], dims);
  const own = input.shape.slice(-dims);
  return expandSize(
    'outputSize',
    wanted.map((size, i) => size ?? own[i] ?? 0),
    dims,
  );
}
