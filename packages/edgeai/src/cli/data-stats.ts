/** @file `edgeai data stats`: samples a class, sizes of pictures, mean and deviation of their colours. */

import type { datasets } from '@edgeai/vision';
import { Command } from 'commander';

import { bar } from './bars.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { closeDataset, counting, countOption, headline, openDataset } from './data-common.ts';
import { renderTable } from './table.ts';

interface StatsFlags {
  split?: string;
  limit?: number;
  json?: boolean;
}

/** Rows of a table that are shown; the rest is counted. */
const MOST_ROWS = 40;
const MOST_SIZES = 8;

export function dataStatsCommand(context: CommandContext): Command {
  return new Command('stats')
    .description('count samples a class and sizes of pictures, and measure mean and deviation of their colours')
    .argument('<path>', 'folder of the data set, or a list of files or annotations')
    .option('--split <name>', 'only this part')
    .option('--limit <n>', 'read so many pictures of each part at most, evenly spread', countOption('limit'))
    .option('--json', 'print as JSON')
    .action((path: string, flags: StatsFlags) => stats(path, flags, context));
}

async function stats(path: string, { split, limit, json }: StatsFlags, context: CommandContext): Promise<void> {
  const { datasets } = await import('@edgeai/vision');
  const dataset = await openDataset(path, split);
  try {
    const found = await counting(context, 'reading', (onProgress) =>
      datasets.statistics(dataset, { limit, onProgress }),
    );
    const { kind, title, task, classes, problems } = dataset;
    if (json === true) return printJson(context, { path, kind, title, task, classes, problems, splits: found });
    print(context, headline(path, dataset));
    for (const problem of problems) print(context, context.style('warning', `warning: ${problem}`));
    print(context, `\n${renderTable(SUMMARY, found.map(summaryRow))}`);
    print(context, `\n${classTable(found, task === 'segmentation', columnsOf(context.stdout))}`);
    for (const one of found) if (one.sizes.length > 1) print(context, `\n${sizeTable(one)}`);
  } finally {
    closeDataset(dataset);
  }
}

const SUMMARY = ['part', 'samples', 'read', 'unreadable', 'sizes', 'most often', 'mean', 'deviation'];

function summaryRow(one: datasets.SplitStatistics): (string | number)[] {
  const [size] = one.sizes;
  const most = size === undefined ? '-' : `${size.name} (${size.count})`;
  const three = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join(' ');
  return [one.name, one.samples, one.read, one.unreadable, one.sizes.length, most, three(one.mean), three(one.std)];
}

/** Classes in rows, parts in columns, a bar for the first part. */
function classTable(found: readonly datasets.SplitStatistics[], pixels: boolean, width: number): string {
  const names = [...new Set(found.flatMap(({ classes }) => classes.map(({ name }) => name)))];
  if (names.length === 0) return 'no labels';
  const counts = found.map(({ classes }) => new Map(classes.map(({ name, count }) => [name, count])));
  const most = Math.max(...(found[0]?.classes.map(({ count }) => count) ?? [0]), 1e-9);
  const shown = (value: number) => (pixels ? value.toFixed(2) : value);
  const rows = names
    .slice(0, MOST_ROWS)
    .map((name) => [
      name,
      ...counts.map((map) => shown(map.get(name) ?? 0)),
      bar((counts[0]?.get(name) ?? 0) / most, 24) || ' ',
    ]);
  const head = ['class', ...found.map(({ name }) => (pixels ? `${name} (M pixels)` : name)), ' '];
  const rest = names.length - rows.length;
  return renderTable(head, rows, { width }) + (rest > 0 ? `\n… and ${rest} more classes (--json has all)` : '');
}

function sizeTable({ name, shorterSides, sizes, read }: datasets.SplitStatistics): string {
  const most = Math.max(...shorterSides.map(({ count }) => count), 1);
  const sides = renderTable(
    [`${name}: shorter side`, 'pictures', ' '],
    shorterSides.map(({ from, to, count }) => [
      from === to ? `${from}` : `${from}–${to}`,
      count,
      bar(count / most, 24) || ' ',
    ]),
    { align: { [`${name}: shorter side`]: 'right' } },
  );
  const frequent = sizes
    .slice(0, MOST_SIZES)
    .map((size) => `${size.name} ${((100 * size.count) / read).toFixed(1)} %`)
    .join(', ');
  return `${sides}\nmost frequent: ${frequent}${sizes.length > MOST_SIZES ? ` and ${sizes.length - MOST_SIZES} more` : ''}`;
}
