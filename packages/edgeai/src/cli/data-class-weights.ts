/** @file `edgeai data class-weights`: how frequent each class of pixels is, and weights that make up for it. */

import { Command, Option } from 'commander';

import { FailureError } from '../errors.ts';
import { DENSE_DATASETS } from '../recipes/dense-options.ts';
import { bar } from './bars.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { counting, countOption } from './data-common.ts';
import { renderTable } from './table.ts';

interface ClassWeightFlags {
  dataset: string;
  dataPath?: string;
  split: 'train' | 'val';
  task: 'segmentation' | 'motion';
  method: 'median-frequency' | 'enet';
  annotationPrefix?: string;
  limit?: number;
  json?: boolean;
}

export function dataClassWeightsCommand(context: CommandContext): Command {
  return new Command('class-weights')
    .description('count the pixels of each class of a dense data set, and compute weights for the loss')
    .addOption(new Option('--dataset <name>', 'data set of a dense task').choices(DENSE_DATASETS).makeOptionMandatory())
    .option('--data-path <path>', 'the folder that holds it; scenes need none')
    .addOption(new Option('--split <name>', 'which part').choices(['train', 'val']).default('train'))
    .addOption(new Option('--task <task>', 'which map').choices(['segmentation', 'motion']).default('segmentation'))
    .addOption(
      new Option('--method <method>', 'median of frequencies over frequency, or 1 / ln(1.02 + share)')
        .choices(['median-frequency', 'enet'])
        .default('median-frequency'),
    )
    .option('--annotation-prefix <prefix>', 'for coco-style: what the annotation files are called')
    .option('--limit <n>', 'read so many samples at most, evenly spread', countOption('limit'))
    .option('--json', 'print as JSON')
    .action((flags: ClassWeightFlags) => run(flags, context));
}

async function run(flags: ClassWeightFlags, context: CommandContext): Promise<void> {
  const { datasets } = await import('@edgeai/xvision');
  const { source } = datasets.openDense(flags.dataset, {
    root: flags.dataPath ?? null,
    split: flags.split,
    tasks: [flags.task],
    ...(flags.annotationPrefix === undefined ? {} : { annotationPrefix: flags.annotationPrefix }),
  });
  const counts = await counting(context, 'reading', (onProgress) =>
    datasets.countClasses(source, 0, { onProgress, ...(flags.limit === undefined ? {} : { limit: flags.limit }) }),
  );
  const total = counts.reduce((sum, { pixels }) => sum + pixels, 0);
  if (total === 0) throw new FailureError('NO_LABELS', `${flags.dataset}: no pixel of ${flags.split} has a class`);
  const weights = datasets.weightsOf(counts, flags.method);
  const rows = counts.map(({ name, pixels, images }, index) => ({
    index,
    name,
    images,
    share: pixels / total,
    weight: weights[index] ?? null,
  }));
  if (flags.json === true) return printJson(context, { method: flags.method, classes: rows });
  const most = Math.max(...rows.map(({ share }) => share));
  const table = rows.map(({ index, name, images, share, weight }) => [
    index,
    name,
    images,
    `${(100 * share).toFixed(3)} %`,
    weight === null ? '–' : weight.toFixed(4),
    bar(share / most, 24) || ' ',
  ]);
  const head = ['class', 'name', 'images', 'share', 'weight', ' '];
  print(
    context,
    renderTable(head, table, { align: { share: 'right', weight: 'right' }, width: columnsOf(context.stdout) }),
  );
  const empty = rows.filter(({ weight }) => weight === null).map(({ name }) => name);
  if (empty.length > 0)
    print(context, context.style('warning', `warning: no pixel of ${flags.split} is of: ${empty.join(', ')}`));
}
