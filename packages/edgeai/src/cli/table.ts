/** @file Aligned text tables for the terminal: numbers right-aligned, a rule under the header, no wider than the screen. */

import { displayWidth, pad, truncate } from './text-width.ts';

export type Cell = string | number | boolean | null | undefined;

export interface TableOptions {
  /** Columns available; wider tables shorten their widest text columns. Default: unlimited. */
  width?: number;
  /** Alignment of a column by its header; by default a column of numbers is aligned right. */
  align?: Readonly<Record<string, 'left' | 'right'>>;
}

const GAP = '  ';
/** A text column is not shortened below this many columns: less says nothing. */
const NARROWEST = 6;

/**
 * The lines of a table, without a newline at the end. Missing cells are shown as `-`; numbers as they are, so round
 * before. No line has trailing spaces.
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions = {},
): string {
  const texts = rows.map((row) => header.map((_, column) => cellText(row[column])));
  const right = header.map((name, column) => (options.align?.[name] ?? defaultAlign(rows, column)) === 'right');
  const widths = header.map((name, column) =>
    Math.max(displayWidth(name), ...texts.map((row) => displayWidth(row[column] ?? ''))),
  );
  if (options.width !== undefined) shrink(widths, right, options.width);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return pad(truncate(cell, width), width, right[column] ? 'right' : 'left');
      })
      .join(GAP)
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join(GAP);
  return [line(header), rule, ...texts.map(line)].join('\n');
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return '-';
  // A newline inside a cell would break the table.
  return String(cell).replaceAll(/\s*\n\s*/g, ' ');
}

function defaultAlign(rows: readonly (readonly Cell[])[], column: number): 'left' | 'right' {
  const present = rows.map((row) => row[column]).filter((cell) => cell !== null && cell !== undefined && cell !== '');
  return present.length > 0 && present.every(looksNumeric) ? 'right' : 'left';
}

/** Numbers, and texts that are a number with perhaps a unit or a percent sign: `71.88 %`, `3.5 M`. */
function looksNumeric(cell: Cell): boolean {
  return (
    typeof cell === 'number' ||
    (typeof cell === 'string' && /^[-+±]?[\d,.]+(e[-+]?\d+)?\s?[%×a-zA-Z]{0,3}(\/s)?$/.test(cell))
  );
}

/** Takes columns away from the widest text column until the table fits or nothing can be taken any more. */
function shrink(widths: number[], right: readonly boolean[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - available;
  while (excess > 0) {
    let widest = -1;
    for (const [column, width] of widths.entries()) {
      if (right[column] || width <= NARROWEST) continue;
      if (widest < 0 || width > (widths[widest] ?? 0)) widest = column;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
}
