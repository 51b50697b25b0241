/** @file What convolutions and pools share: kernel, strides, dilations, and padding however the file says it. */

import { constantPadNd, type Tensor } from '@edgeai/torch';
import type { OnnxCall } from '../call.ts';

export interface Windows {
  readonly rank: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
  /** Padding is the same at both ends. */
  readonly symmetric: boolean;
}

export const sizes = (length: number, value: number): number[] => Array.from({ length }, () => value);

/** Reads the attributes of a node that slides windows of `kernel` over `input`. */
export function windowsOf(call: OnnxCall, input: Tensor, kernel: readonly number[]): Windows {
  const rank = kernel.length;
  const strides = call.ints('strides') ?? sizes(rank, 1);
  const dilations = call.ints('dilations') ?? sizes(rank, 1);
  const { begin, end } = padding(call, input.shape.slice(2), kernel, strides, dilations);
  return { rank, kernel, strides, dilations, begin, end, symmetric: begin.every((size, i) => size === end[i]) };
}

function padding(
  call: OnnxCall,
  input: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): { begin: number[]; end: number[] } {
  const rank = kernel.length;
  const mode = call.string('auto_pad', 'NOTSET');
  if (mode === 'VALID') return { begin: sizes(rank, 0), end: sizes(rank, 0) };
  if (mode === 'NOTSET' || mode === '') {
    const pads = call.ints('pads') ?? sizes(2 * rank, 0);
    return { begin: pads.slice(0, rank), end: pads.slice(rank) };
  }
  const total = kernel.map((size, i) => {
    const [stride = 1, dilation = 1, length = 1] = [strides[i], dilations[i], input[i]];
    return Math.max((Math.ceil(length / stride) - 1) * stride + dilation * (size - 1) + 1 - length, 0);
  });
  const smaller = total.map((size) => Math.floor(size / 2));
  const larger = total.map((size, i) => size - (smaller[i] ?? 0));
  return mode === 'SAME_LOWER' ? { begin: larger, end: smaller } : { begin: smaller, end: larger };
}

/** Pads spatial dimensions with a value; libtorch lists pairs from the last dimension backwards. */
export function padSpatial(input: Tensor, begin: readonly number[], end: readonly number[], value = 0): Tensor {
  const pairs = begin.flatMap((_, i) => {
    const axis = begin.length - 1 - i;
    return [begin[axis] ?? 0, end[axis] ?? 0];
  });
  return pairs.every((size) => size === 0) ? input : constantPadNd(input, pairs, { value });
}

/** The entry for `rank` spatial dimensions. */
export function byRank<T>(call: OnnxCall, rank: number, list: readonly T[]): T {
  const found = list[rank - 1];
  if (found === undefined) throw call.unsupported(`there is no form of it for ${rank} spatial dimensions`);
  return found;
}
