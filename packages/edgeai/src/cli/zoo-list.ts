/** @file `edgeai zoo list`: the models as a table, chosen and sorted by their figures. */

import { Command, Option } from 'commander';

import type { SortKey } from '../models/zoo-rows.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { renderTable } from './table.ts';

const FILTER_HELP = `
--filter takes patterns for names, of which one must match, and comparisons, which must all hold, separated by commas:
  edgeai zoo list --filter 'mobilenet*,efficientnet*,params<10'
  edgeai zoo list --task classification --filter 'macs<1,acc1>75' --sort acc --desc
Figures: params (millions), macs (10⁹), size (MB), acc (the first published result), and results by name: acc1, acc5,
miou, epe … They are those of the recommended weights.`;

const SORT_KEYS: readonly SortKey[] = ['name', 'params', 'macs', 'acc', 'size'];

interface ListFlags {
  task?: string;
  filter?: string;
  sort: SortKey;
  desc?: boolean;
  json?: boolean;
}

export function zooListCommand(context: CommandContext): Command {
  return new Command('list')
    .description('list the models')
    .option('--task <task>', 'only models for this task, such as classification')
    .option('--filter <filter>', 'only models that match, such as params<5,acc1>75 or resnet*')
    .addOption(new Option('--sort <figure>', 'order').choices(SORT_KEYS).default('name'))
    .option('--desc', 'the largest first')
    .option('--json', 'print as JSON')
    .addHelpText('after', FILTER_HELP)
    .action((flags: ListFlags) => list(flags, context));
}

async function list({ task, filter, sort, desc, json }: ListFlags, context: CommandContext): Promise<void> {
  const { filterRows, sortRows, zooRows } = await import('../models/zoo-rows.ts');
  const all = zooRows(task);
  const rows = sortRows(filter === undefined ? all : filterRows(all, filter), sort, desc);
  if (json === true) return printJson(context, rows);
  if (rows.length === 0) return print(context, `none of ${all.length} models matches`);
  const severalTasks = new Set(rows.map((row) => row.task)).size > 1;
  const table = rows.map(({ name, task: own, params, gmacs, metrics, fileSize, weights }) => {
    const [first] = Object.entries(metrics);
    return [
      name,
      ...(severalTasks ? [own] : []),
      params === null ? null : (params / 1e6).toFixed(2),
      gmacs === null ? null : gmacs.toFixed(2),
      first === undefined ? null : `${first[0]} ${first[1]}`,
      fileSize === null ? null : fileSize.toFixed(1),
      weights.map((full) => full.slice(full.indexOf('.') + 1)).join(', '),
    ];
  });
  const header = ['model', ...(severalTasks ? ['task'] : []), 'M params', 'G MACs', 'published', 'MB', 'weights'];
  print(context, renderTable(header, table, { width: columnsOf(context.stdout) }));
}
