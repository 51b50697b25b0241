/** @file `edgeai quantize [TASK]`: quantises a trained network without training, shows what it costs, and writes checkpoint and ONNX file. */

import { Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import type { QuantizeReport } from '../quantization/quantize.ts';
import type { QuantizationSubject, SubjectOptions } from '../quantization/subject.ts';
import { classification } from '../recipes/classification-options.ts';
import { addOptions, addRecipeOptions, givenFlags } from '../recipes/command-options.ts';
import { type DenseTaskName, denseTasks } from '../recipes/dense-options.ts';
import type { ConfigOf, OptionTable, TaskDefinition } from '../recipes/option-table.ts';
import { resolveRecipe } from '../recipes/resolve.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import type { TaskLog } from '../tasks/classification/build-model.ts';
import { type CommandContext, print, printJson } from './context.ts';
import { formatNumber } from './format.ts';
import { collect, wholeNumber } from './model-options.ts';
import { renderTable } from './table.ts';

/** The options that say which network and which images; those of an evaluation. */
const USED = [
  'data-path',
  'dataset',
  'annotation-prefix',
  'workers',
  'model',
  'model-option',
  'weights',
  'weights-state-dict-name',
  'batch-size',
  'device',
  'threads',
  'seed',
  'output-dir',
] as const;

/** Those of classifiers alone. */
const OF_CLASSIFIERS = [
  'num-classes',
  'cache-dataset',
  'model-surgery',
  'val-resize-size',
  'val-crop-size',
  'interpolation',
] as const;

/** Those of networks over maps alone. */
const OF_MAPS = [
  ...(['scenes', 'scene-size', 'scene-seed', 'tasks', 'input-images', 'max-depth', 'img-resize'] as const),
  ...(['output-size', 'input-channel-reverse', 'image-mean', 'image-scale', 'backend', 'second-input'] as const),
  'flow-folder',
] as const;

interface QuantizeFlags {
  target: string;
  method: string;
  calibrationImages: string;
  evaluationImages?: string;
  bits?: string;
  qconfig?: string;
  observer?: string;
  override?: string[];
  format: 'qdq' | 'clip';
  dynamicBatch?: boolean;
  benchmark?: boolean;
  analyze?: boolean;
  averageBits: string;
  json?: boolean;
  recipe?: string;
  set?: string[];
}

const HELP = `
Examples:
  edgeai quantize --weights runs/first/best.pth --data-path images --target tidl --output-dir runs/int8
  edgeai quantize --weights runs/first/best.pth --data-path images --method adaround --bits w4a8 \\
    --override 'classifier.*=8' --output-dir runs/int4
  edgeai quantize segmentation --weights runs/scenes/best.pth --target tidl --output-dir runs/scenes-int8
  edgeai evaluate classification --onnx runs/int8/model.onnx --data-path images`;

/** The command with one sub-command a task; without its name, that of classification. */
export function quantizeCommand(context: CommandContext): Command {
  const quantize = new Command('quantize')
    .description('quantise a trained network without training, and verify the exported file')
    .addHelpText('after', HELP);
  const classifiers = taskCommand(context, classification, {
    description: 'quantise an image classifier (what `edgeai quantize` does without the name of a task)',
    used: [...USED, ...OF_CLASSIFIERS],
    base: async (weights, given) => {
      const { impliedSettings } = await import('../tasks/classification/implied-settings.ts');
      return impliedSettings(weights, typeof given.model === 'string' ? given.model : undefined);
    },
    open: async (config, options, log) => {
      const { openClassificationSubject } = await import('../tasks/classification/quantization-subject.ts');
      return openClassificationSubject(config, options, log);
    },
  });
  quantize.addCommand(classifiers, { isDefault: true });
  for (const [name, definition] of Object.entries(denseTasks) as [DenseTaskName, typeof denseTasks.segmentation][]) {
    const command = taskCommand(context, definition, {
      description: `quantise a network for ${name}`,
      used: [...USED, ...OF_MAPS],
      base: async (weights) => {
        const { impliedDenseSettings } = await import('../tasks/dense/implied-settings.ts');
        return impliedDenseSettings(weights, definition.options);
      },
      open: async (config, options, log) => {
        const { openDenseSubject } = await import('../tasks/dense/quantization-subject.ts');
        return openDenseSubject(name, config, options, log);
      },
    });
    quantize.addCommand(command);
  }
  return quantize;
}

/** What differs between tasks. */
interface TaskActions<Table extends OptionTable, Batch> {
  readonly description: string;
  /** The options of the table that quantisation looks at. */
  readonly used: readonly (keyof Table & string)[];
  /** Settings that the weights imply. */
  base(weights: string, given: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  open(config: ConfigOf<Table>, options: SubjectOptions, log: TaskLog): Promise<QuantizationSubject<Batch>>;
}

function taskCommand<Table extends OptionTable, Batch>(
  context: CommandContext,
  definition: TaskDefinition<Table>,
  { description, used, base, open }: TaskActions<Table, Batch>,
): Command {
  const command = new Command(definition.task)
    .description(description)
    .option('--target <name>', 'the device: generic-int8, tidl, tidl-pow2 or esp32', 'generic-int8')
    .option('--method <name>', 'ptq, calibrate, adaround, analytic or bias-calibration', 'ptq')
    .option('--calibration-images <n>', 'how many images, spread over all, ranges are found with', '100')
    .option('--evaluation-images <n>', 'measure on so many images at most (default: all)')
    .option('--bits <bits>', 'bits of weights and activations: 8, w4a8, a16 (default: those of the target)')
    .option('--qconfig <name>', "schemes by a name of TI's toolkit, such as WC8_AT8, in the place of the target's")
    .option('--observer <kind>', 'how ranges of activations are found: min-max, ema, percentile, mse, entropy …')
    .addOption(
      new Option(
        '--override <pattern=what>',
        "an exception for layers: 'features.0.*=float', 'classifier.1=w8a16', or schemes as JSON; may be repeated",
      ).argParser(collect),
    )
    .addOption(
      new Option('--format <format>', 'how quantisers are written: with integers, or as clips for old runtimes')
        .choices(['qdq', 'clip'])
        .default('qdq'),
    )
    .option('--dynamic-batch', 'leave the batch size of the file open')
    .option('--benchmark', 'also time the file beside that of the float network')
    .option('--analyze', 'also look at every layer: analysis.json and report.html')
    .option(
      '--average-bits <n>',
      'for --analyze: bits a weight that a choice of 4, 8 or 16 bits may have on average',
      '6',
    )
    .option('--json', 'print the report as JSON');
  const options: OptionTable = Object.fromEntries(
    used.flatMap((name) => {
      const spec = definition.options[name];
      return spec === undefined ? [] : [[name, spec]];
    }),
  );
  addRecipeOptions(command);
  addOptions(command, options);
  return command.action(async (flags: QuantizeFlags) => {
    const given = givenFlags(command, options);
    if (typeof given.weights === 'string') await checkTask(given.weights, definition.task);
    const implied = typeof given.weights === 'string' ? await base(given.weights, given) : {};
    const { config, sources } = resolveRecipe(definition, {
      base: implied,
      file: flags.recipe,
      sets: flags.set,
      flags: given,
    });
    if (sources['output-dir'] === 'default')
      throw new UsageError('--output-dir is missing: expected the folder for quantized.pth and model.onnx');
    // Every task's table has the options of a run.
    const settings = config as ConfigOf<Table> & TrainingConfig;
    await run(settings, flags, context, (subject, log) => open(settings, subject, log));
  });
}

/** Throws a UsageError that names the right command for a checkpoint of another task. */
async function checkTask(weights: string, expected: string): Promise<void> {
  const [{ existsSync }, { readWeights }, { scope }] = await Promise.all([
    import('node:fs'),
    import('../models/read-weights.ts'),
    import('@edgeai/torch'),
  ]);
  if (!existsSync(weights)) return;
  const task = scope(() => readWeights(weights).facts?.task);
  if (task === undefined || task === expected) return;
  throw new UsageError(`--weights: ${weights} is of a network for ${task}; use \`edgeai quantize ${task}\``);
}

async function run<Batch>(
  config: TrainingConfig,
  flags: QuantizeFlags,
  context: CommandContext,
  open: (options: SubjectOptions, log: TaskLog) => Promise<QuantizationSubject<Batch>>,
): Promise<void> {
  const [{ ptqOptions }, { quantizeNetwork }, { setUpMachine }] = await Promise.all([
    import('../quantization/settings.ts'),
    import('../quantization/quantize.ts'),
    import('../training/machine.ts'),
  ]);
  // Before anything is read, so that a wrong word costs no time.
  const ptq = ptqOptions({ ...flags, overrides: flags.override });
  const averageBits = Number(flags.averageBits);
  if (!(averageBits >= 4 && averageBits <= 16))
    throw new UsageError(`--average-bits: expected a number 4 … 16 but received '${flags.averageBits}'`);
  const log = {
    info: (message: string) => void context.stderr.write(`${message}\n`),
    warn: (message: string) => void context.stderr.write(`${context.style('warning', 'warning:')} ${message}\n`),
  };
  setUpMachine(config);
  const subject = await open(
    {
      calibrationImages: wholeNumber('--calibration-images', flags.calibrationImages),
      evaluationImages:
        flags.evaluationImages === undefined ? null : wholeNumber('--evaluation-images', flags.evaluationImages),
    },
    log,
  );
  const result = await quantizeNetwork(subject, {
    ptq,
    outputDir: config.outputDir,
    format: flags.format,
    dynamicBatch: flags.dynamicBatch === true,
    benchmark: flags.benchmark === true,
    threads: config.threads,
    log,
  });
  const { report, quantized, images } = result;
  const { outputDir } = config;
  try {
    if (flags.analyze === true) {
      const { analyzeQuantized } = await import('../quantization/analyze.ts');
      await analyzeQuantized(subject, result, { ptq, outputDir, averageBits, log });
    }
  } finally {
    images.dispose();
    quantized.dispose();
  }
  if (flags.json === true) return printJson(context, report);
  print(context, describe(report));
  const files = flags.analyze === true ? [...report.files, 'analysis.json', 'report.html'] : report.files;
  print(context, `\n${outputDir}: ${files.join(', ')}`);
}

function describe({ comparison, steps, onnx, speed }: QuantizeReport): string {
  const names = Object.keys(comparison.figures.float?.all ?? {});
  const of = (figures: Record<string, number> | null | undefined) => names.map((name) => formatted(figures?.[name]));
  const rows = Object.entries(comparison.figures).flatMap(([network, { all, unseen }]) => [
    [network, 'all', ...of(all)],
    ...(unseen === null ? [] : [[network, 'not calibrated with', ...of(unseen)]]),
  ]);
  const { sameClass, withinOneStep, sqnr } = comparison;
  const lines = [
    `steps: ${steps.join(', ')}`,
    `results: ${sqnr.toFixed(1)} dB above the noise${classesSame(sameClass.floatQuantized, 'as in the float network')}`,
  ];
  if (onnx.file === null) lines.push(`no ONNX file: ${onnx.reason}`);
  else
    lines.push(
      `onnxruntime: ${formatted(withinOneStep)} % of values within one step${classesSame(sameClass.quantizedOnnx, 'the same')}`,
    );
  if (speed !== null)
    lines.push(
      `speed: ${(1000 * speed.quantized).toFixed(1)} ms an image, float ${(1000 * speed.float).toFixed(1)} ms: ${speed.ratio.toFixed(2)} times as fast (${speed.threads} threads, load ${speed.load})`,
    );
  return `${renderTable(['network', 'images', ...names], rows)}\n\n${lines.join('\n')}`;
}

function classesSame(percent: number | null, what: string): string {
  return percent === null ? '' : `, ${percent.toFixed(2)} % of classes ${what}`;
}

function formatted(value: number | null | undefined): string {
  return value === null || value === undefined ? 'none' : formatNumber(value);
}
