/** @file What the figures of an evaluation are made of, in TensorBoard: tables of classes as text, confusion matrices as pictures. */

import { scope, type Tensor, tensor, where } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import type { EventWriter } from '../runs/events.ts';
import type { MeterDetail } from './task.ts';

/** Pixels that the picture of a matrix has at least to a side, where whole cells allow it. */
const LEAST_SIDE = 320;
const LINE = 0xe0;

/** Writes the details under `TAG/phase`. */
export async function showDetails(
  details: readonly MeterDetail[],
  phase: string,
  events: EventWriter,
  epoch: number,
): Promise<void> {
  for (const detail of details) {
    const tag = `${detail.tag}/${phase}`;
    if ('markdown' in detail) {
      events.text(tag, detail.markdown, epoch);
      continue;
    }
    using picture = drawMatrix(detail.matrix);
    events.image(tag, await io.encodePng(picture), picture.size(2), picture.size(1), epoch);
  }
  if (details.length > 0) events.flush();
}

/**
 * A confusion matrix: rows are true classes, columns what they were taken for; a cell is the darker, the larger its share of the row.
 *
 * @param matrix counts
 * @returns uint8 `(3, S, S)` with square cells and lines between them
 */
export function drawMatrix(matrix: readonly (readonly number[])[]): Tensor {
  return scope(() => {
    const size = matrix.length;
    const cell = Math.max(4, Math.ceil(LEAST_SIDE / size));
    const counts = tensor(
      matrix.map((row) => [...row]),
      { dtype: 'float64' },
    );
    const shares = counts.div(counts.sum([1], { keepdim: true }).clamp({ min: 1 }));
    const large = shares.repeatInterleave(cell, { dim: 0 }).repeatInterleave(cell, { dim: 1 });
    // White to a dark blue.
    const colours = tensor([0x08, 0x30, 0x6b], { dtype: 'float64' }).reshape([3, 1, 1]);
    const mixed = large.unsqueeze(0).mul(colours.sub(255)).add(255).round().to('uint8');
    const edge = tensor(
      Array.from({ length: size * cell }, (_, i) => i % cell === 0),
      { dtype: 'bool' },
    );
    const lines = edge.unsqueeze(0).logicalOr(edge.unsqueeze(1));
    return where(lines, tensor(LINE, { dtype: 'uint8' }), mixed);
  });
}
