/** @file Horizontal bars of block characters, for the top predictions of a classifier. */

import { displayWidth, pad, truncate } from './text-width.ts';

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar for `fraction` (0..1, clamped; NaN counts as 0) of `columns` columns, exact to an eighth of a column. */
export function bar(fraction: number, columns: number): string {
  const clamped = Math.min(1, Math.max(0, Number.isNaN(fraction) ? 0 : fraction));
  const eighths = Math.round(clamped * columns * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}

export interface LabelledFraction {
  label: string;
  /** Between 0 and 1. */
  fraction: number;
}

/**
 * One line an item: label, bar, percentage, for instance `Sneaker     ████████▌   85.1 %`. Labels are shortened where the
 * lines would exceed `width` columns (default 80).
 */
export function renderBars(items: readonly LabelledFraction[], width = 80): string {
  const percentages = items.map(({ fraction }) => `${(100 * fraction).toFixed(1)} %`);
  const percentColumns = Math.max(0, ...percentages.map((text) => text.length));
  const room = Math.max(12, width - percentColumns - 4);
  const labelColumns = Math.min(Math.max(0, ...items.map(({ label }) => displayWidth(label))), Math.floor(room * 0.6));
  const barColumns = Math.min(40, room - labelColumns);
  return items
    .map(({ label, fraction }, index) =>
      [
        pad(truncate(label, labelColumns), labelColumns),
        pad(bar(fraction, barColumns), barColumns),
        pad(percentages[index] ?? '', percentColumns, 'right'),
      ].join('  '),
    )
    .join('\n');
}
