/** @file `edgeai data check`: files that cannot be read or are not what they are called, doubles, labels that do not fit. */

import type { datasets } from '@edgeai/vision';
import { Command } from 'commander';

import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { closeDataset, counting, countOption, headline, openDataset } from './data-common.ts';
import { renderTable } from './table.ts';

interface CheckFlags {
  split?: string;
  limit?: number;
  similar?: boolean;
  json?: boolean;
}

/** Findings of one kind that are listed; the rest is counted. */
const MOST_LISTED = 20;

const TITLES: Readonly<Record<datasets.FindingKind, string>> = {
  missing: 'missing files',
  empty: 'empty files',
  unreadable: 'unreadable files',
  'wrong-extension': 'files with another ending than their content',
  duplicate: 'the same file twice',
  similar: 'pictures that are almost the same',
  leak: 'the same file in two parts',
  label: 'labels that do not fit',
  'link-loop': 'links in a circle',
  layout: 'layout',
};

export function dataCheckCommand(context: CommandContext): Command {
  return new Command('check')
    .description('look for unreadable files, doubles and labels that do not fit; exit code 1 if there are any')
    .argument('<path>', 'folder of the data set, or a list of files or annotations')
    .option('--split <name>', 'only this part')
    .option('--limit <n>', 'look at so many pictures of each part at most, evenly spread', countOption('limit'))
    .option('--similar', 'also look for pictures that are almost the same')
    .option('--json', 'print as JSON')
    .action((path: string, flags: CheckFlags) => check(path, flags, context));
}

async function check(path: string, flags: CheckFlags, context: CommandContext): Promise<void> {
  const { datasets } = await import('@edgeai/vision');
  const dataset = await openDataset(path, flags.split);
  try {
    const { similar, limit } = flags;
    const result = await counting(context, 'checking', (onProgress) =>
      datasets.check(dataset, path, { similar, limit, onProgress }),
    );
    const { checked, findings } = result;
    context.exitCode = findings.length > 0 ? 1 : 0;
    if (flags.json === true) return printJson(context, { path, kind: dataset.kind, checked, findings });
    print(context, headline(path, dataset));
    if (findings.length === 0) return print(context, `${checked} samples checked, nothing found`);
    const kinds = Object.keys(TITLES) as datasets.FindingKind[];
    const groups = kinds
      .map((kind) => ({ kind, list: findings.filter((one) => one.kind === kind) }))
      .filter(({ list }) => list.length > 0);
    for (const { kind, list } of groups)
      print(context, `\n${group(TITLES[kind], list, path, columnsOf(context.stdout))}`);
    const counts = groups.map(({ kind, list }) => `${list.length} ${TITLES[kind]}`).join(', ');
    print(context, `\n${checked} samples checked: ${counts}`);
  } finally {
    closeDataset(dataset);
  }
}

function group(title: string, list: readonly datasets.Finding[], root: string, width: number): string {
  const shown = list
    .slice(0, MOST_LISTED)
    .map(({ path, message }) => [
      path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path,
      message.replace(`${path}: `, ''),
    ]);
  const rest = list.length - shown.length;
  return (
    renderTable([title, 'why'], shown, { width: Math.max(width, 100) }) +
    (rest > 0 ? `\n… and ${rest} more (--json has all)` : '')
  );
}
