/** @file How the few numbers that describe a RegNet become depths and widths of its stages (Radosavovic et al. 2020, section 3.3). */

import { ArgumentError } from '@edgeai/torch';
import { makeDivisible, roundHalfEven } from './utils.ts';

/** The stages of a RegNet, one entry a stage in each list. */
export interface BlockParams {
  readonly depths: readonly number[];
  readonly widths: readonly number[];
  readonly groupWidths: readonly number[];
  readonly bottleneckMultipliers: readonly number[];
  readonly strides: readonly number[];
  /** Channels of squeeze and excitation by those of the block's input; `null` for none. */
  readonly seRatio: number | null;
}

export interface InitParams {
  /** Blocks in all. */
  depth: number;
  /** Width of the first block, a multiple of 8. */
  w0: number;
  /** By how much the width grows from block to block, before it is quantised. */
  wa: number;
  /** By what factor the quantised width steps. */
  wm: number;
  groupWidth: number;
  /** Width inside a block by the block's width. Default 1. */
  bottleneckMultiplier?: number;
  /** Default: no squeeze and excitation. */
  seRatio?: number | null;
}

const QUANTUM = 8;
const STRIDE = 2;

/**
 * Widths that grow linearly with the block, rounded to powers of `wm` times `w0` and to multiples of 8; equal ones are a stage.
 *
 * @throws {ArgumentError} for numbers that describe no RegNet
 */
export function blockParams(params: InitParams): BlockParams {
  const { depth, w0, wa, wm, groupWidth, bottleneckMultiplier = 1, seRatio = null } = params;
  if (!(wa >= 0)) throw ArgumentError.expected('wa', 'a number of at least 0', wa);
  if (!(w0 > 0) || w0 % QUANTUM !== 0) throw ArgumentError.expected('w0', 'a multiple of 8 above 0', w0);
  if (!(wm > 1)) throw ArgumentError.expected('wm', 'a number above 1', wm);
  const stages: { width: number; depth: number }[] = [];
  for (let block = 0; block < depth; block++) {
    const width = quantised(block, w0, wa, wm);
    const last = stages[stages.length - 1];
    if (last?.width === width) last.depth++;
    else stages.push({ width, depth: 1 });
  }
  // Inside a block the width must be a multiple of the group width; the block's own width follows.
  const fitted = stages.map(({ width }) => {
    const inner = Math.trunc(width * bottleneckMultiplier);
    const group = Math.min(groupWidth, inner);
    return { width: Math.trunc(makeDivisible(inner, group) / bottleneckMultiplier), group };
  });
  return {
    depths: stages.map((stage) => stage.depth),
    widths: fitted.map(({ width }) => width),
    groupWidths: fitted.map(({ group }) => group),
    bottleneckMultipliers: stages.map(() => bottleneckMultiplier),
    strides: stages.map(() => STRIDE),
    seRatio,
  };
}

/** Single precision throughout, as in PyTorch: it decides which way ties are rounded. */
function quantised(block: number, w0: number, wa: number, wm: number): number {
  const f = Math.fround;
  const width = f(f(block * f(wa)) + w0);
  const capacity = roundHalfEven(f(f(Math.log(f(width / w0))) / f(Math.log(wm))));
  return roundHalfEven(f(f(w0 * f(f(wm) ** capacity)) / QUANTUM)) * QUANTUM;
}
