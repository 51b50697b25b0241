/** @file Which entry of a table of biases belongs to each pair of positions in a window. */

import { scope, type Tensor, tensor } from '@edgeai/torch';

/**
 * For each pair of positions in a window, read row by row, the index of their offset in a table of all offsets, of which there
 * are `(2 · height − 1) · (2 · width − 1)`. `(height · width, height · width)`, int64.
 */
export function relativePositionIndex(height: number, width: number): Tensor {
  const positions = Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width] as const);
  const rows = positions.map(([y, x]) =>
    positions.map(([otherY, otherX]) => (y - otherY + height - 1) * (2 * width - 1) + (x - otherX + width - 1)),
  );
  return tensor(rows, { dtype: 'int64' });
}

/**
 * The biases of all pairs, a head.
 *
 * @param table `(offsets, heads)`
 * @param index of {@link relativePositionIndex}, in any shape
 * @param area positions in a window
 * @returns `(1, heads, area, area)`
 */
export function relativePositionBias(table: Tensor, index: Tensor, area: number): Tensor {
  return scope(() => {
    const biases = table.indexSelect(0, index.flatten()).view([area, area, -1]);
    return biases.permute([2, 0, 1]).contiguous().unsqueeze(0);
  });
}
