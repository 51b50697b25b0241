/** @file `edgeai evaluate TASK`: the figures of a checkpoint or published weights on a data set. */

import { Command } from 'commander';

import { INTERRUPTED_EXIT_CODE, UsageError } from '../errors.ts';
import { type ClassificationConfig, classification } from '../recipes/classification-options.ts';
import { addOptions, addRecipeOptions, givenFlags } from '../recipes/command-options.ts';
import { type DenseTaskName, denseTasks } from '../recipes/dense-options.ts';
import type { OptionTable } from '../recipes/option-table.ts';
import { resolveRecipe } from '../recipes/resolve.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { evaluateDenseCommand } from './evaluate-dense.ts';
import { formatNumber } from './format.ts';
import { renderTable } from './table.ts';

/** The options that an evaluation looks at; a recipe may hold all others too. */
const USED = [
  'data-path',
  'dataset',
  'annotation-prefix',
  'num-classes',
  'cache-dataset',
  'workers',
  'model',
  'model-option',
  'model-surgery',
  'weights',
  'weights-state-dict-name',
  'batch-size',
  'val-epoch-size-factor',
  'val-resize-size',
  'val-crop-size',
  'interpolation',
  'label-smoothing',
  'device',
  'threads',
  'memory-format',
  'seed',
  'output-dir',
  'print-freq',
] as const;

interface EvaluateFlags {
  onnx?: string;
  perClass?: boolean;
  json?: boolean;
  recipe?: string;
  set?: string[];
}

/** The command with one sub-command a task. */
export function evaluateCommand(context: CommandContext): Command {
  const evaluate = new Command('evaluate').description('measure a network on a data set');
  const command = new Command('classification')
    .description('accuracy of an image classifier')
    .option('--onnx <file>', 'an ONNX file to run in onnxruntime, in the place of --model and --weights')
    .option('--per-class', 'also show every class by itself')
    .option('--json', 'print as JSON');
  const options: OptionTable = Object.fromEntries(USED.map((name) => [name, classification.options[name]]));
  addRecipeOptions(command);
  addOptions(command, options);
  command.action(async (flags: EvaluateFlags) => {
    const given = givenFlags(command, options);
    if (flags.onnx !== undefined && (given.model !== undefined || given.weights !== undefined))
      throw new UsageError('--onnx: the file is the network; leave out --model and --weights');
    const base =
      flags.onnx !== undefined
        ? await (await import('../tasks/classification/evaluate-onnx.ts')).onnxSettings(flags.onnx)
        : typeof given.weights === 'string'
          ? await baseFrom(given.weights, given.model)
          : {};
    const { config, sources } = resolveRecipe(classification, {
      base,
      file: flags.recipe,
      sets: flags.set,
      flags: given,
    });
    // Unlike a training, an evaluation writes files only where it is told to.
    const folder = sources['output-dir'] === 'default' ? null : config.outputDir;
    await evaluateClassification(config, context, { ...flags, folder });
  });
  evaluate.addCommand(command);
  for (const name of Object.keys(denseTasks) as DenseTaskName[])
    evaluate.addCommand(evaluateDenseCommand(name, context));
  return evaluate;
}

/** Settings that the weights imply: those that the checkpoint was trained with, or that the published figures are for. */
async function baseFrom(weights: string, model: unknown): Promise<Record<string, unknown>> {
  const { impliedSettings } = await import('../tasks/classification/implied-settings.ts');
  return impliedSettings(weights, typeof model === 'string' ? model : undefined);
}

export interface EvaluateOutput {
  /** Evaluate this file in onnxruntime and not the network of the settings. */
  onnx?: string;
  perClass?: boolean;
  json?: boolean;
  /** Where `result.json` goes; null for nowhere. */
  folder: string | null;
}

/** Evaluates as the settings say, prints the figures, and writes them to the folder. */
export async function evaluateClassification(
  config: ClassificationConfig,
  context: CommandContext,
  { onnx, perClass = false, json = false, folder }: EvaluateOutput,
): Promise<void> {
  const [{ evaluateClassifier }, { evaluateOnnxClassifier }, { Progress }, { Interrupt }] = await Promise.all([
    import('../tasks/classification/evaluate.ts'),
    import('../tasks/classification/evaluate-onnx.ts'),
    import('./progress.ts'),
    import('../interrupt.ts'),
  ]);
  // Results go to the standard output, how far it is to the other.
  const progress = new Progress({ stream: context.stderr, printFreq: config.printFreq });
  using interrupt = new Interrupt({ onForce: () => progress.close() });
  try {
    const services = {
      progress,
      interrupt,
      folder,
      log: {
        info: (message: string) => progress.println(message),
        warn: (message: string) => progress.println(`${context.style('warning', 'warning:')} ${message}`),
      },
    };
    const report =
      onnx === undefined
        ? await evaluateClassifier(config, services)
        : await evaluateOnnxClassifier(onnx, config, services);
    if (report === null) {
      context.exitCode = INTERRUPTED_EXIT_CODE;
      return;
    }
    if (json) return printJson(context, perClass ? report : { ...report, classes: undefined });
    const { classes, ...figures } = report;
    const rows = Object.entries(figures).map(([name, value]) => [name, readable(name, value)]);
    print(context, renderTable(['what', 'value'], rows, { align: { value: 'left' } }));
    if (!perClass) return;
    const table = classes.map(({ index, name, images, acc1, confusedWith }) => [
      index,
      name,
      images,
      `${acc1.toFixed(2)} %`,
      confusedWith,
    ]);
    print(
      context,
      `\n${renderTable(['class', 'name', 'images', 'acc1', 'most often taken for'], table, { width: columnsOf(context.stdout) })}`,
    );
  } finally {
    progress.close();
  }
}

function readable(name: string, value: string | number | null): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return value;
  return name.startsWith('acc') ? `${value.toFixed(2)} %` : formatNumber(value);
}
