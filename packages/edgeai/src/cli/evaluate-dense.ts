/** @file `edgeai evaluate segmentation|depth|motion|multitask`: figures of a network over maps, all in all and class by class. */

import { Command } from 'commander';

import { INTERRUPTED_EXIT_CODE } from '../errors.ts';
import { addOptions, addRecipeOptions, givenFlags } from '../recipes/command-options.ts';
import { type DenseConfig, type DenseTaskName, denseTasks } from '../recipes/dense-options.ts';
import type { OptionTable } from '../recipes/option-table.ts';
import { resolveRecipe } from '../recipes/resolve.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { formatNumber } from './format.ts';
import { renderTable } from './table.ts';

/** The options that an evaluation looks at; a recipe may hold all others too. */
const USED = [
  ...([
    'data-path',
    'dataset',
    'annotation-prefix',
    'scenes',
    'scene-size',
    'scene-seed',
    'workers',
    'tasks',
    'input-images',
    'second-input',
    'flow-folder',
  ] as const),
  ...(['model', 'model-option', 'weights', 'weights-state-dict-name', 'batch-size', 'val-epoch-size-factor'] as const),
  ...([
    'max-depth',
    'img-resize',
    'output-size',
    'input-channel-reverse',
    'image-mean',
    'image-scale',
    'backend',
  ] as const),
  ...(['device', 'threads', 'memory-format', 'seed', 'output-dir', 'print-freq'] as const),
];

interface EvaluateFlags {
  perClass?: boolean;
  json?: boolean;
  recipe?: string;
  set?: string[];
}

/** The command of one task. */
export function evaluateDenseCommand(name: DenseTaskName, context: CommandContext): Command {
  const definition = denseTasks[name];
  const command = new Command(name)
    .description(`figures of a network for ${name}`)
    .option('--per-class', 'also show every class by itself')
    .option('--json', 'print as JSON');
  const table: OptionTable = definition.options;
  const options: OptionTable = Object.fromEntries(USED.map((key) => [key, definition.options[key]]));
  addRecipeOptions(command);
  addOptions(command, options);
  return command.action(async (flags: EvaluateFlags) => {
    const given = givenFlags(command, options);
    const { impliedDenseSettings } = await import('../tasks/dense/implied-settings.ts');
    const base = typeof given.weights === 'string' ? impliedDenseSettings(given.weights, table) : {};
    const { config, sources } = resolveRecipe(definition, { base, file: flags.recipe, sets: flags.set, flags: given });
    const folder = sources['output-dir'] === 'default' ? null : config.outputDir;
    await evaluateDense(name, config, context, { ...flags, folder });
  });
}

export interface EvaluateDenseOutput {
  perClass?: boolean;
  json?: boolean;
  /** Where `result.json` goes; null for nowhere. */
  folder: string | null;
}

/** Evaluates as the settings say, prints the figures, and writes them to the folder. */
export async function evaluateDense(
  name: string,
  config: DenseConfig,
  context: CommandContext,
  { perClass = false, json = false, folder }: EvaluateDenseOutput,
): Promise<void> {
  const [{ evaluateDenseNetwork }, { Progress }, { Interrupt }] = await Promise.all([
    import('../tasks/dense/evaluate.ts'),
    import('./progress.ts'),
    import('../interrupt.ts'),
  ]);
  const progress = new Progress({ stream: context.stderr, printFreq: config.printFreq });
  using interrupt = new Interrupt({ onForce: () => progress.close() });
  try {
    const log = {
      info: (message: string) => progress.println(message),
      warn: (message: string) => progress.println(`${context.style('warning', 'warning:')} ${message}`),
    };
    const report = await evaluateDenseNetwork(name, config, { progress, interrupt, folder, log });
    if (report === null) {
      context.exitCode = INTERRUPTED_EXIT_CODE;
      return;
    }
    const { classes, confusion, ...figures } = report;
    if (json) return printJson(context, perClass ? report : figures);
    const rows = Object.entries(figures).map(([what, value]) => [
      what,
      typeof value === 'number' ? formatNumber(value) : String(value ?? 'none'),
    ]);
    print(context, renderTable(['what', 'value'], rows, { align: { value: 'left' } }));
    if (!perClass || classes.length === 0) return;
    const percent = (value: number) => (Number.isNaN(value) ? '–' : `${value.toFixed(2)} %`);
    const table = classes.map((row): (string | number)[] => [
      row.task,
      row.index,
      row.name,
      ...[row.iou, row.accuracy, row.precision, row.f1].map(percent),
    ]);
    const head = ['task', 'class', 'name', 'IoU', 'recall', 'precision', 'F1'];
    print(context, `\n${renderTable(head, table, { width: columnsOf(context.stdout) })}`);
  } finally {
    progress.close();
  }
}
