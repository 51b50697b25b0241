/** @file `edgeai zoo`: which models there are, what is known of one, and fetching published weights. */

import { Command } from 'commander';

import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { addModelOption, parseModelOptions } from './model-options.ts';
import { renderTable } from './table.ts';
import { zooDownloadCommand } from './zoo-download.ts';
import { zooListCommand } from './zoo-list.ts';

export function zooCommand(context: CommandContext): Command {
  const zoo = new Command('zoo').description('look up models and fetch their weights');
  zoo.addCommand(zooListCommand(context));
  addModelOption(
    zoo
      .command('info')
      .description('parameters, multiply-accumulates, input and state-dict keys of a model')
      .argument('<model>', 'name of the model')
      .option('--json', 'print as JSON'),
  ).action((model: string, options: { json?: boolean; modelOption?: string[] }) => info(model, options, context));
  zoo.addCommand(zooDownloadCommand(context));
  return zoo;
}

async function info(
  name: string,
  { json, modelOption }: { json?: boolean; modelOption?: string[] },
  context: CommandContext,
): Promise<void> {
  const { describeModel } = await import('../models/describe-model.ts');
  const known = describeModel(name, parseModelOptions(modelOption));
  if (json === true) return printJson(context, known);
  const { stateDict, options, weights, recommended, inputShape, inputShapes = [inputShape], ...figures } = known;
  const inputs = inputShapes.map((shape) => shape.join(' × ')).join(' and ');
  const rows = [...Object.entries(figures), ['input', inputs]];
  print(context, renderTable(['what', 'value'], rows, { align: { value: 'left' } }));
  print(
    context,
    `\n${renderTable(
      ['option (--model-option)', 'default'],
      Object.entries(options).map(([key, value]) => [key, JSON.stringify(value) ?? 'follows from others']),
    )}`,
  );
  if (weights.length > 0)
    print(
      context,
      `\n${renderTable(
        ['weights', 'published', 'MB', 'on disk'],
        weights.map(({ name: full, metrics, fileSize, path }) => [
          full === recommended ? `${full} (DEFAULT)` : full,
          metrics,
          fileSize.toFixed(1),
          path === null ? 'no' : 'yes',
        ]),
        { width: columnsOf(context.stdout) },
      )}`,
    );
  const keys = Object.entries(stateDict).map(([key, shape]) => [key, `[${shape.join(', ')}]`]);
  print(context, `\n${renderTable(['state-dict key', 'shape'], keys)}`);
}
