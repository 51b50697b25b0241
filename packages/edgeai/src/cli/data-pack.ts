/** @file `edgeai data pack`: a folder of images as one file that trainings read without decoding. */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';

import { FailureError, UsageError } from '../errors.ts';
import { type CommandContext, print, printJson } from './context.ts';
import { Progress } from './progress.ts';

interface PackFlags {
  dataPath: string;
  output: string;
  format: 'decoded' | 'jpeg';
  resize?: number;
  quality?: number;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  edgeai data pack --data-path photos --output photos.pack --resize 256
  edgeai data pack --data-path photos --output photos.pack --format jpeg --quality 90
  edgeai train classification --data-path photos.pack --output-dir runs/packed

The folder has train/<class>/<image> and val/<class>/<image>, or just <class>/<image>.`;

export function dataPackCommand(context: CommandContext): Command {
  return new Command('pack')
    .description('write the images of a folder into one file, to train from without decoding them again')
    .requiredOption('--data-path <folder>', 'the folder with the images')
    .requiredOption('-o, --output <file>', 'the file to write')
    .addOption(
      new Option('--format <format>', 'pixels, which are read at once, or compressed images, which take less space')
        .choices(['decoded', 'jpeg'])
        .default('decoded'),
    )
    .option(
      '--resize <n>',
      'reduce the shorter side of larger images to this length, in pixels',
      wholeNumber('--resize', 1),
    )
    .option('--quality <n>', 'of images that have to be compressed, 1 to 100 (90)', wholeNumber('--quality', 1, 100))
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action((flags: PackFlags) => pack(flags, context));
}

async function pack(flags: PackFlags, context: CommandContext): Promise<void> {
  const { dataPath, output, format, resize, quality, json = false } = flags;
  if (!statSync(dataPath, { throwIfNoEntry: false })?.isDirectory())
    throw new FailureError('NO_DATA', `--data-path ${dataPath}: there is no such folder`);
  const { datasets } = await import('@edgeai/vision');
  const parts = ['train', 'val', 'test'].filter((split) => existsSync(join(dataPath, split)));
  const splits = Object.fromEntries(
    parts.length === 0
      ? [['all', new datasets.ImageFolder(dataPath)]]
      : parts.map((split) => [split, new datasets.ImageFolder(join(dataPath, split))]),
  );
  const progress = new Progress({ printFreq: 1000 });
  const total = Object.values(splits).reduce((sum, { length }) => sum + length, 0);
  try {
    progress.start('pack', total);
    const report = await datasets.packDataset(splits, output, {
      format,
      resize,
      quality,
      onProgress: (done) => progress.update({ done, items: done, fields: {} }),
    });
    progress.cancel();
    if (json) return printJson(context, { ...report, format });
    const counts = Object.entries(report.splits).map(([name, count]) => `${count} ${name}`);
    print(context, `${report.path}: ${counts.join(', ')}; ${(report.bytes / 2 ** 20).toFixed(1)} MiB`);
  } finally {
    progress.close();
  }
}

function wholeNumber(flag: string, least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(
        `${flag} ${text}: expected a whole number of at least ${least}${most < 1000 ? ` and at most ${most}` : ''}`,
      );
    return value;
  };
}
