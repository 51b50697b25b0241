/** @file What a finished run says on the terminal: figures and where everything is. */

import { formatDuration, formatNumber, formatRate } from '../cli/format.ts';
import type { Styler } from '../cli/style.ts';
import type { TrainingResult } from './finish.ts';

const NAMES = new Map([
  ['acc1', 'top-1 accuracy'],
  ['acc5', 'top-5 accuracy'],
]);
/** Keys of a result that are no figures of the evaluation. */
const FACTS = new Set(['params', 'epochs', 'bestEpoch', 'seconds', 'imagesPerSecond', 'threads']);

/** A few lines: figures of the best epoch, time, files. */
export function summarise(result: TrainingResult, style: Styler): string {
  const figures = Object.entries(result).flatMap(([name, value]): [string, string][] => {
    if (typeof value !== 'number' || FACTS.has(name)) return [];
    const unit = name.startsWith('acc') ? ' %' : '';
    return [[NAMES.get(name) ?? name, `${name.startsWith('acc') ? value.toFixed(2) : formatNumber(value)}${unit}`]];
  });
  const which = result.bestEpoch === null ? '' : `, best in epoch ${result.bestEpoch + 1}`;
  const rows: [string, string][] = [
    ...figures,
    ['epochs', `${result.epochs}${which}`],
    ['training', `${formatDuration(result.seconds)}, ${formatRate(result.imagesPerSecond, 'img')}`],
    ...Object.entries(result.files),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    style('strong', `${result.model} (${(result.params / 1e6).toFixed(2)} M parameters)`),
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
  ].join('\n');
}
