/** @file Comparing figures and showing them in a line of the log. */

import { formatDuration, formatNumber, formatRate } from '../cli/format.ts';
import type { MetricsRecord } from '../runs/metrics-log.ts';

/** Whether `value` beats `best`, equality included, as in the original; a first number beats nothing, no number beats none. */
export function isBetter(value: number, best: number | undefined, better: 'higher' | 'lower'): boolean {
  if (Number.isNaN(value)) return false;
  if (best === undefined) return true;
  return better === 'higher' ? value >= best : value <= best;
}

const PHASES = new Map([
  ['train', 'train'],
  ['val', 'eval'],
  ['val-ema', 'eval of the average'],
]);

/** `epoch 3/90  train  loss 1.23  acc1 65.21  …  310 img/s  1:07`; `name` is what stands for the epoch. */
export function describeFigures(record: MetricsRecord, name: string): string {
  const { epoch: _, phase, time, images: __, ...figures } = record;
  const parts = [name, (PHASES.get(phase) ?? phase).padEnd(5)];
  for (const [figure, value] of Object.entries(figures)) {
    if (typeof value === 'number') parts.push(`${figure} ${formatNumber(value)}`);
  }
  if (typeof time?.imagesPerSecond === 'number') parts.push(formatRate(time.imagesPerSecond, 'img'));
  if (typeof time?.seconds === 'number') parts.push(formatDuration(time.seconds));
  return parts.join('  ');
}
