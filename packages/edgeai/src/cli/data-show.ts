/** @file `edgeai data show`: a sheet of pictures from a data set, with their labels, boxes or masks. */

import { Command } from 'commander';

import { FailureError, UsageError } from '../errors.ts';
import { type CommandContext, print, printJson } from './context.ts';
import { closeDataset, countOption, headline, openDataset } from './data-common.ts';

interface ShowFlags {
  output: string;
  split?: string;
  count?: number;
  columns?: number;
  cell?: number;
  seed?: number;
  json?: boolean;
}

export function dataShowCommand(context: CommandContext): Command {
  return new Command('show')
    .description('draw a sheet of pictures with their labels, boxes or masks')
    .argument('<path>', 'folder of the data set, or a list of files or annotations')
    .option('-o, --output <file>', 'the picture to write', 'contact-sheet.png')
    .option('--split <name>', 'the part to show (default: the first)')
    .option('--count <n>', 'pictures on the sheet', countOption('count'), 24)
    .option('--columns <n>', 'pictures in a row', countOption('columns'), 6)
    .option('--cell <n>', 'width and height of each, in pixels', countOption('cell'), 224)
    .option('--seed <n>', 'choose pictures at random (default: evenly spread)', seedOption)
    .option('--json', 'print as JSON')
    .action((path: string, flags: ShowFlags) => show(path, flags, context));
}

function seedOption(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new UsageError(`--seed takes a whole number, not '${text}'`);
  return value;
}

async function show(path: string, flags: ShowFlags, context: CommandContext): Promise<void> {
  const { datasets, utils, io } = await import('@edgeai/vision');
  const dataset = await openDataset(path, flags.split);
  try {
    if (dataset.task === 'video') throw new UsageError(`${path} holds videos; only pictures can be shown`);
    const split = dataset.splits.find(({ length }) => length > 0);
    if (split === undefined) throw new FailureError('BAD_DATA', `${path} holds no samples`);
    const { count = 24, columns, cell, seed, output } = flags;
    const indices = seed === undefined ? undefined : await randomIndices(split.length, count, seed);
    const sheet = await datasets.contactSheet(split, dataset.classes, { count, columns, cell, indices });
    const shown = dataset.task === 'segmentation' ? await withLegend(sheet.image) : sheet.image;
    await io.writePng(shown, output);
    sheet.image.dispose();
    shown.dispose();
    const { unreadable } = sheet;
    if (json(flags)) printJson(context, { path, split: split.name, output, indices: sheet.indices, unreadable });
    else {
      print(context, headline(path, dataset));
      print(context, `${sheet.indices.length} pictures of ${split.name} are in ${output}`);
    }
    for (const { message } of unreadable) context.stderr.write(`${context.style('warning', 'warning:')} ${message}\n`);
  } finally {
    closeDataset(dataset);
  }

  /** Masks are explained; labels and boxes have their names beside them. */
  function withLegend(image: Awaited<ReturnType<typeof datasets.contactSheet>>['image']) {
    const colours = utils.classColours(Math.max(dataset.classes.length, 2));
    const entries = dataset.classes.map((text, i) => ({ text, colour: colours[i] ?? ([0, 0, 0] as const) }));
    return entries.length === 0 ? image.clone() : utils.addLegend(image, entries);
  }
}

function json({ json }: ShowFlags): boolean {
  return json === true;
}

async function randomIndices(length: number, count: number, seed: number): Promise<number[]> {
  const { Generator, randperm, scope } = await import('@edgeai/torch');
  const order = scope(() => randperm(length, { generator: new Generator().manualSeed(seed) }).toArray()) as number[];
  return order.slice(0, count);
}
