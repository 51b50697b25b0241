/** @file Which entry of a table of biases belongs to each pair of positions in a window. */

import { fromTypedArray, fx, scope, type Tensor } from '@edgeai/torch';

/**
 * For each pair of positions in a window, read row by row, the index of their offset in a table of all offsets, of which there
 * are `(2 · height − 1) · (2 · width − 1)`. Windows may have any number of dimensions.
 *
 * @returns `(area, area)`, int64
 */
export function relativePositionIndex(...window: readonly number[]): Tensor {
  const area = window.reduce((product, size) => product * size, 1);
  const offsets = window.map((size) => 2 * size - 1);
  // An offset's index is linear in the coordinates, so each position has a number of which pairs need the difference.
  const numbers = Array.from({ length: area }, (_, position) => linearIndex(coordinates(position, window), offsets));
  const origin = linearIndex(
    window.map((size) => size - 1),
    offsets,
  );
  const index = Int32Array.from({ length: area * area }, (_, i) => {
    const [from = 0, to = 0] = [numbers[Math.floor(i / area)], numbers[i % area]];
    return from - to + origin;
  });
  return scope(() => fromTypedArray(index, [area, area]).to('int64'));
}

/** Where the element at a position lies in an array of the given sizes. */
function coordinates(position: number, sizes: readonly number[]): number[] {
  let rest = position;
  return sizes
    .toReversed()
    .map((size) => {
      const coordinate = rest % size;
      rest = Math.floor(rest / size);
      return coordinate;
    })
    .toReversed();
}

/** The position of an element in an array of the given sizes. */
function linearIndex(coordinates: readonly number[], sizes: readonly number[]): number {
  return coordinates.reduce((sum, coordinate, i) => sum * (sizes[i] ?? 1) + coordinate, 0);
}

/**
 * The biases of all pairs, a head.
 *
 * @param table `(offsets, heads)`
 * @param index of {@link relativePositionIndex}, in any shape
 * @param area positions in a window
 * @returns `(1, heads, area, area)`
 */
export const relativePositionBias = fx.wrap(
  '_get_relative_position_bias',
  (table: Tensor, index: Tensor, area: number): Tensor =>
    scope(() => {
      const biases = table.indexSelect(0, index.flatten()).view([area, area, -1]);
      return biases.permute([2, 0, 1]).contiguous().unsqueeze(0);
    }),
);
