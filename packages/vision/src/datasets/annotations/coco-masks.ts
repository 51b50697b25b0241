/** @file COCO's masks: polygons and run lengths, counted down the columns, as pycocotools draws and writes them. */

import { FileFormatError } from '@edgeai/torch';

/** Run lengths of zeros and ones in turn, down the columns. */
export interface RunLengths {
  readonly size: readonly [height: number, width: number];
  /** The runs, or the text that packs them. */
  readonly counts: readonly number[] | string;
}

/** Lists of x, y, x, y …, or run lengths. */
export type CocoSegmentation = readonly (readonly number[])[] | RunLengths;

/** The mask of an object, row after row, 1 where it is. @param where what to call it in errors @throws {FileFormatError} */
export function cocoMask(segmentation: CocoSegmentation, height: number, width: number, where?: string): Uint8Array {
  if ('counts' in segmentation) {
    const [rows, columns] = segmentation.size;
    if (rows !== height || columns !== width)
      throw new FileFormatError(`a mask is ${columns} × ${rows} pixels, its image ${width} × ${height}`, where);
    const counts = typeof segmentation.counts === 'string' ? unpackCounts(segmentation.counts) : segmentation.counts;
    return fromRuns(counts, height, width, where);
  }
  const mask = new Uint8Array(height * width);
  for (const polygon of segmentation) {
    const part = fromRuns(polygonRuns(polygon, height, width), height, width, where);
    for (let i = 0; i < mask.length; i++) mask[i] = (mask[i] as number) | (part[i] as number);
  }
  return mask;
}

function fromRuns(counts: readonly number[], height: number, width: number, where: string | undefined): Uint8Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total !== height * width || counts.some((count) => count < 0))
    throw new FileFormatError(`the runs of a mask add up to ${total} pixels, its image has ${height * width}`, where);
  const mask = new Uint8Array(height * width);
  let at = 0;
  for (const [i, count] of counts.entries()) {
    if (i % 2 === 1) for (let j = at; j < at + count; j++) mask[(j % height) * width + Math.floor(j / height)] = 1;
    at += count;
  }
  return mask;
}

/** The run lengths of a mask, row after row: what {@link cocoMask} turns back. */
export function maskRuns(mask: ArrayLike<number>, height: number, width: number): number[] {
  const counts: number[] = [];
  let value = 0;
  let run = 0;
  for (let j = 0; j < height * width; j++) {
    const pixel = mask[(j % height) * width + Math.floor(j / height)] === 0 ? 0 : 1;
    if (pixel !== value) {
      counts.push(run);
      run = 0;
      value = pixel;
    }
    run++;
  }
  counts.push(run);
  return counts;
}

/** Packed runs: five bits a character, the sixth says that more follow; from the third on the difference to the run before the last. */
export function unpackCounts(text: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let code: number;
    do {
      code = text.charCodeAt(at++) - 48;
      if (!(code >= 0 && code < 64)) throw new FileFormatError('the packed runs of a mask are damaged');
      value |= (code & 31) << shift;
      shift += 5;
    } while ((code & 32) !== 0);
    if ((code & 16) !== 0) value |= -1 << shift;
    counts.push(counts.length > 2 ? value + (counts[counts.length - 2] as number) : value);
  }
  return counts;
}

/** Polygons are drawn on a grid five times as fine. */
const SCALE = 5;

/**
 * A polygon as run lengths. Its edges are walked in fifths of a pixel, and where they enter another column, a run begins or
 * ends: the arithmetic of pycocotools, which published masks were made with.
 */
function polygonRuns(polygon: readonly number[], height: number, width: number): number[] {
  const corners = Math.floor(polygon.length / 2);
  const xs = Array.from({ length: corners + 1 }, (_, i) =>
    Math.trunc(SCALE * (polygon[2 * (i % corners)] as number) + 0.5),
  );
  const ys = Array.from({ length: corners + 1 }, (_, i) =>
    Math.trunc(SCALE * (polygon[2 * (i % corners) + 1] as number) + 0.5),
  );
  const u: number[] = [];
  const v: number[] = [];
  for (let i = 0; i < corners; i++)
    walk(xs[i] as number, ys[i] as number, xs[i + 1] as number, ys[i + 1] as number, u, v);
  const boundary: number[] = [];
  for (let i = 1; i < u.length; i++) {
    const [x, previous] = [u[i] as number, u[i - 1] as number];
    if (x === previous) continue;
    const column = ((x < previous ? x : x - 1) + 0.5) / SCALE - 0.5;
    if (Math.floor(column) !== column || column < 0 || column > width - 1) continue;
    const lower = Math.min(v[i] as number, v[i - 1] as number);
    const row = Math.ceil(Math.min(Math.max((lower + 0.5) / SCALE - 0.5, 0), height));
    boundary.push(column * height + row);
  }
  boundary.push(height * width);
  boundary.sort((a, b) => a - b);
  const runs: number[] = [];
  let last = 0;
  for (const at of boundary) {
    runs.push(at - last);
    last = at;
  }
  return joinEmpty(runs);
}

/** The points of a line on the fine grid, end points included. */
function walk(fromX: number, fromY: number, toX: number, toY: number, u: number[], v: number[]): void {
  const dx = Math.abs(toX - fromX);
  const dy = Math.abs(fromY - toY);
  const flip = (dx >= dy && fromX > toX) || (dx < dy && fromY > toY);
  const [xs, ys, xe, ye] = flip ? [toX, toY, fromX, fromY] : [fromX, fromY, toX, toY];
  const slope = dx >= dy ? (ye - ys) / dx : (xe - xs) / dy;
  const steps = Math.max(dx, dy);
  for (let d = 0; d <= steps; d++) {
    const t = flip ? steps - d : d;
    if (dx >= dy) {
      u.push(t + xs);
      v.push(dx === 0 ? ys : Math.trunc(ys + slope * t + 0.5));
    } else {
      v.push(t + ys);
      u.push(Math.trunc(xs + slope * t + 0.5));
    }
  }
}

/** Runs of no length in between are taken out, and their neighbours joined. */
function joinEmpty(runs: readonly number[]): number[] {
  const joined: number[] = [runs[0] ?? 0];
  for (let i = 1; i < runs.length; ) {
    const run = runs[i++] as number;
    if (run > 0) joined.push(run);
    else if (i < runs.length) joined[joined.length - 1] = (joined[joined.length - 1] as number) + (runs[i++] as number);
  }
  return joined;
}
