/** @file `edgeai predict`: one forward pass on arrays, or readable predictions for images and videos. */

import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { Command, Option } from 'commander';

import { describeSystemError, FailureError, UsageError } from '../errors.ts';
import { type CommandContext, print, printJson } from './context.ts';
import { addModelOptions, collect, type ModelFlags, parseModelOptions, wholeNumber } from './model-options.ts';

interface PredictFlags extends ModelFlags {
  input: string[];
  output?: string;
  seed?: string;
  trainMode?: boolean;
  top: string;
  device: string;
  threads?: string;
  json?: boolean;
  samples?: string;
  compare?: boolean;
  dataset?: string;
  dataPath?: string;
  colorMap: string;
}

export function predictCommand(context: CommandContext): Command {
  const command = new Command('predict').description('run a model on images or arrays');
  addModelOptions(command)
    .addOption(
      new Option(
        '--input <path>',
        'an image, a folder of images, a .npy array, or a video for networks of dense tasks; repeated for several',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option(
      '--output <path>',
      'for arrays: the .npy file of the result, or the folder of several; for classified images: a JSON file; for segmentation, depth, motion and flow: the folder of the pictures (default: predictions); for a video: the new video or its folder',
    )
    .option('--seed <n>', 'seed of the initial weights, where none are given, and of other random numbers')
    .option('--train-mode', 'for arrays: run as in training (batch statistics, dropout)')
    .option('--top <k>', 'for images: how many classes to show', '5')
    .option('--device <device>', 'where to compute: cpu, cuda or cuda:N', 'cpu')
    .option('--threads <n>', 'threads that compute on the CPU')
    .option('--json', 'for images: print as JSON')
    .optionsGroup('Networks of dense tasks (segmentation, depth, motion, several):')
    .option('--samples <n>', 'instead of --input: the first samples of the data set that the network is evaluated on')
    .option('--compare', 'with --samples: draw the truth beside what was predicted')
    .option('--dataset <name>', 'with --samples: another data set than that of the training')
    .option('--data-path <path>', 'with --samples: the folder that holds the data set')
    .option('--color-map <name>', 'colours of depths: rainbow, magma, plasma, turbo or bone', 'rainbow')
    .action((flags: PredictFlags) => run(flags, context));
  return command;
}

async function run(flags: PredictFlags, context: CommandContext): Promise<void> {
  if (flags.input.length === 0 && flags.samples === undefined) {
    throw new UsageError('--input is missing: expected an image, a folder of images, a video or a .npy array');
  }
  const arrays = flags.input.filter((path) => extname(path).toLowerCase() === '.npy');
  if (arrays.length > 0 && arrays.length < flags.input.length) {
    throw new UsageError('--input: expected either arrays (.npy) or images but received both');
  }
  if (arrays.length > 0 && flags.output === undefined) {
    throw new UsageError('--output is missing: expected the .npy file, or the folder, for the result');
  }
  if (arrays.length === 0 && flags.weights === undefined) {
    throw new UsageError('--weights is missing: the predictions of an untrained model would mean nothing');
  }
  if (arrays.length === 0 && flags.trainMode === true) {
    throw new UsageError('--train-mode: expected arrays (.npy) as the input but received images');
  }
  const options = {
    seed: flags.seed === undefined ? null : wholeNumber('--seed', flags.seed),
    threads: flags.threads === undefined ? null : wholeNumber('--threads', flags.threads),
    top: wholeNumber('--top', flags.top),
  };
  for (const path of flags.input) requireReadable(path);
  const [{ openModel }, { requireDevice }, torch] = await Promise.all([
    import('../models/open-model.ts'),
    import('../training/machine.ts'),
    import('@edgeai/torch'),
  ]);
  requireDevice(flags.device);
  if (options.threads !== null) torch.setNumThreads(options.threads);
  const opened = await openModel({
    model: flags.model,
    modelOptions: parseModelOptions(flags.modelOption),
    weights: flags.weights ?? null,
    stateDictName: flags.weightsStateDictName,
    seed: options.seed,
    log: (message) => context.stderr.write(`${message}\n`),
  });
  opened.model.to(flags.device).train(flags.trainMode === true);
  if (arrays.length > 0) {
    const { predictArrays } = await import('../models/predict-arrays.ts');
    const written = predictArrays(opened.model, arrays, flags.output ?? '', flags.device);
    if (flags.json === true) printJson(context, written);
    else for (const { path, shape } of written) print(context, `${path}  [${shape.join(', ')}]`);
    return;
  }
  const { denseFactsOf } = await import('../tasks/dense/facts.ts');
  const facts = denseFactsOf(opened.facts);
  const { isVideo, predictDense } = await import('./predict-dense.ts');
  if (facts !== null) return predictDense(opened, facts, flags, context);
  if (flags.samples !== undefined || flags.input.some(isVideo)) {
    throw new UsageError(
      `--weights: samples and videos are for checkpoints of dense tasks, and this one is ${opened.facts === null ? 'not from a training with edgeai' : `of ${opened.facts.task}`}`,
    );
  }
  const { predictFromImages } = await import('./predict-images.ts');
  await predictFromImages(opened, flags, options.top, context);
}

/** A path that is not there is found before a model is built. */
function requireReadable(path: string): void {
  try {
    statSync(path);
  } catch (error) {
    throw new FailureError('CANNOT_READ', `--input ${path}: ${describeSystemError(error)}`, { cause: error });
  }
}
