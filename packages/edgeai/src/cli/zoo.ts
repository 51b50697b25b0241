/** @file `edgeai zoo`: which models there are, what is known of one, and fetching published weights. */

import { Command } from 'commander';

import { UsageError } from '../errors.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { addModelOption, parseModelOptions } from './model-options.ts';
import { renderTable } from './table.ts';

export function zooCommand(context: CommandContext): Command {
  const zoo = new Command('zoo').description('look up models and fetch their weights');
  zoo
    .command('list')
    .description('list the models')
    .option('--task <task>', 'only models for this task, such as classification')
    .option('--json', 'print as JSON')
    .action((options: { task?: string; json?: boolean }) => list(options, context));
  addModelOption(
    zoo
      .command('info')
      .description('parameters, multiply-accumulates, input and state-dict keys of a model')
      .argument('<model>', 'name of the model')
      .option('--json', 'print as JSON'),
  ).action((model: string, options: { json?: boolean; modelOption?: string[] }) => info(model, options, context));
  zoo
    .command('download')
    .description('fetch published weights and check their hash')
    .argument('<weights>', 'a model (its recommended weights), or an entry such as MobileNet_V2_Weights.IMAGENET1K_V1')
    .action((weights: string) => download(weights, context));
  return zoo;
}

async function list({ task, json }: { task?: string; json?: boolean }, context: CommandContext): Promise<void> {
  const { models } = await import('@edgeai/vision');
  const all = models.listModels().map((name) => ({ name, info: models.getModelInfo(name) }));
  const tasks = [...new Set(all.map(({ info: { task: own } }) => own))].sort();
  if (task !== undefined && !tasks.some((own) => own === task)) {
    const { didYouMean } = await import('@edgeai/torch/suggest');
    const hint = didYouMean(task, tasks) || `; there are: ${tasks.join(', ')}`;
    throw new UsageError(`--task: there are no models for '${task}'${hint}`);
  }
  const rows = all
    .filter(({ info: { task: own } }) => task === undefined || own === task)
    .map(({ name, info: { task: own, weights } }) => {
      const entry = weights?.DEFAULT;
      const [metrics] = Object.values(entry?.meta.metrics ?? {});
      return {
        name,
        task: own,
        params: entry?.meta.numParams ?? null,
        gmacs: entry?.meta.ops ?? null,
        metrics: metrics ?? {},
        weights: weights?.entries().map(({ name: full }) => full) ?? [],
      };
    });
  if (json === true) return printJson(context, rows);
  const table = rows.map(({ name, task: own, params, gmacs, metrics, weights }) => {
    const [first] = Object.entries(metrics);
    return [
      name,
      own,
      params === null ? null : (params / 1e6).toFixed(2),
      gmacs === null ? null : gmacs.toFixed(2),
      first === undefined ? null : `${first[0]} ${first[1]}`,
      weights.map((full) => full.slice(full.indexOf('.') + 1)).join(', '),
    ];
  });
  print(
    context,
    renderTable(['model', 'task', 'M params', 'G MACs', 'published', 'weights'], table, {
      width: columnsOf(context.stdout),
    }),
  );
}

async function info(
  name: string,
  { json, modelOption }: { json?: boolean; modelOption?: string[] },
  context: CommandContext,
): Promise<void> {
  const { describeModel } = await import('../models/describe-model.ts');
  const known = describeModel(name, parseModelOptions(modelOption));
  if (json === true) return printJson(context, known);
  const { stateDict, options, weights, ...figures } = known;
  const rows = Object.entries(figures).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.join(' × ') : String(value),
  ]);
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
        ['weights', 'published'],
        weights.map(({ name: full, metrics }) => [full, metrics]),
      )}`,
    );
  const keys = Object.entries(stateDict).map(([key, shape]) => [key, `[${shape.join(', ')}]`]);
  print(context, `\n${renderTable(['state-dict key', 'shape'], keys)}`);
}

async function download(given: string, context: CommandContext): Promise<void> {
  const [{ models, downloadWeights }, { Progress }] = await Promise.all([
    import('@edgeai/vision'),
    import('./progress.ts'),
  ]);
  const entry = given.includes('.') ? models.getWeight(given) : models.getModelWeights(given).DEFAULT;
  const progress = new Progress({ unit: 'MB' });
  try {
    let begun = false;
    const path = await downloadWeights(entry, {
      onProgress: ({ received, total }) => {
        const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
        if (!begun) progress.start(entry.name, total === undefined ? 0 : megabytes(total));
        begun = true;
        progress.update({ done: megabytes(received) });
      },
    });
    if (begun) progress.finish();
    print(context, path);
  } finally {
    progress.close();
  }
}
