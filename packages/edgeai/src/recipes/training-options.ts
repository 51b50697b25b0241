/** @file The options that training has in every task: the original scripts' names and defaults, and ours. A task's table is made of these groups and its own. */

import { choice, flag, integer, numbers, optional, real, record, text } from './kinds.ts';
import { type ConfigOf, option } from './option-table.ts';
import type { Problem } from './problems.ts';
import { checkQuantization, type quantizationOptions } from './quantization-options.ts';

/** A path of a file or folder. */
export const path = (): ReturnType<typeof text> => text({ expected: 'a path', placeholder: 'path' });

const MODEL = 'Model';
const SCHEDULE = 'Length and steps';
const OPTIMISER = 'Optimiser';
const LEARNING_RATE = 'Learning rate schedule';
const AVERAGE = 'Averaged weights (EMA)';
const MACHINE = 'Machine';
const RUN = 'Run';

/** The model and the weights to begin with. */
export const modelOptions = {
  model: option(text({ expected: 'the name of a model', placeholder: 'name' }), {
    default: 'resnet18',
    group: MODEL,
    help: 'A model by its torchvision name; `edgeai zoo list` shows all.',
    lookalikes: ['arch', 'network', 'model-name'],
  }),
  'model-option': option(record(), {
    default: {},
    group: MODEL,
    help: 'An option of the model’s constructor, such as dropout=0.1; may be repeated.',
    lookalikes: ['model-options', 'model-kwargs', 'model-args'],
  }),
  weights: option(
    optional(
      text({
        expected: 'the name of a weights entry and/or a file or URL, separated by a comma',
        placeholder: 'weights',
      }),
    ),
    {
      default: null,
      group: MODEL,
      help: 'Weights to begin with: an entry such as IMAGENET1K_V1, a file or URL (beginning with `/`, `.` or `http`), or both, separated by a comma.',
      lookalikes: ['pretrained', 'checkpoint', 'init'],
    },
  ),
  'weights-state-dict-name': option(text(), {
    default: 'model',
    group: MODEL,
    help: 'The key of a checkpoint file under which the weights are.',
  }),
  freeze: option(
    optional(text({ expected: 'patterns of parameter names, separated by commas', placeholder: 'patterns' })),
    {
      default: null,
      group: MODEL,
      help: 'Parameters that are not trained, such as features or backbone.layer1,backbone.layer2: patterns with `*` and `?`, separated by commas; each covers all that is below it.',
      lookalikes: ['frozen', 'freeze-layers', 'freeze-backbone'],
    },
  ),
} as const;

/** How long to train. */
export const lengthOptions = {
  epochs: option(integer({ min: 1 }), {
    default: 90,
    group: SCHEDULE,
    help: 'How often the training data is gone through.',
    lookalikes: ['num-epochs', 'max-epochs', 'n-epochs'],
  }),
  'start-epoch': option(integer({ min: 0 }), {
    default: 0,
    group: SCHEDULE,
    help: 'The first epoch, counted from 0; `--resume` sets it by itself.',
  }),
  'batch-size': option(integer({ min: 1 }), {
    default: 32,
    group: SCHEDULE,
    short: 'b',
    help: 'Images a step in each process.',
    lookalikes: ['batch', 'bs', 'train-batch-size'],
  }),
  'train-epoch-size-factor': option(real({ min: 0 }), {
    default: 0,
    group: SCHEDULE,
    help: 'End each training epoch after this fraction of its batches; 0 for all of them.',
  }),
  'val-epoch-size-factor': option(real({ min: 0 }), {
    default: 0,
    group: SCHEDULE,
    help: 'End each evaluation after this fraction of its batches; 0 for all of them.',
  }),
  'limit-train-batches': option(optional(integer({ min: 1 })), {
    default: null,
    group: SCHEDULE,
    help: 'End each training epoch after this many batches.',
    lookalikes: ['max-batches', 'max-steps'],
  }),
} as const;

/** How weights are updated. */
export const optimiserOptions = {
  opt: option(choice(['sgd', 'sgd_nesterov', 'rmsprop', 'adam', 'adamw']), {
    default: 'sgd',
    group: OPTIMISER,
    help: 'The optimiser.',
    lookalikes: ['optimizer', 'optimiser', 'optim'],
  }),
  lr: option(real({ min: 0 }), {
    default: 0.1,
    group: OPTIMISER,
    help: 'Initial learning rate.',
    lookalikes: ['learning-rate', 'base-lr', 'lr0', 'initial-lr'],
  }),
  momentum: option(real({ min: 0, below: 1 }), {
    default: 0.9,
    group: OPTIMISER,
    help: 'Momentum of SGD and RMSprop.',
  }),
  'weight-decay': option(real({ min: 0 }), {
    default: 1e-4,
    group: OPTIMISER,
    alias: 'wd',
    help: 'Weight decay.',
    lookalikes: ['decay', 'l2'],
  }),
  'norm-weight-decay': option(optional(real({ min: 0 })), {
    default: null,
    group: OPTIMISER,
    help: 'Weight decay of normalisation layers; without it, the same as of the others.',
  }),
  'bias-weight-decay': option(optional(real({ min: 0 })), {
    default: null,
    group: OPTIMISER,
    help: 'Weight decay of biases; without it, the same as of the others.',
  }),
  'transformer-embedding-decay': option(optional(real({ min: 0 })), {
    default: null,
    group: OPTIMISER,
    help: 'Weight decay of class tokens and position embeddings of transformers; without it, the same as of the others.',
  }),
  'clip-grad-norm': option(optional(real({ above: 0 })), {
    default: null,
    group: OPTIMISER,
    help: 'Scale gradients down where their common norm exceeds this.',
    lookalikes: ['grad-clip', 'clip-norm', 'max-norm'],
  }),
} as const;

/** How the learning rate changes. */
export const learningRateOptions = {
  'lr-scheduler': option(choice(['steplr', 'multisteplr', 'cosineannealinglr', 'exponentiallr', 'polynomiallr']), {
    default: 'steplr',
    group: LEARNING_RATE,
    help: 'How the learning rate falls, epoch by epoch.',
    lookalikes: ['scheduler', 'sched', 'lr-schedule'],
  }),
  'lr-step-size': option(integer({ min: 1 }), {
    default: 30,
    group: LEARNING_RATE,
    help: 'For steplr: epochs between two falls.',
  }),
  'lr-milestones': option(numbers({ bounds: { min: 1 } }), {
    default: [30, 60],
    group: LEARNING_RATE,
    help: 'For multisteplr: the epochs of the falls, such as 30,60.',
    lookalikes: ['milestones', 'lr-steps'],
  }),
  'lr-power': option(real({ above: 0 }), {
    default: 0.9,
    group: LEARNING_RATE,
    help: 'For polynomiallr: the learning rate falls as (1 - epoch / epochs) to this power.',
    lookalikes: ['poly-power', 'polystep-power'],
  }),
  'lr-gamma': option(real({ above: 0 }), {
    default: 0.1,
    group: LEARNING_RATE,
    help: 'For steplr, multisteplr and exponentiallr: the factor of each fall.',
    lookalikes: ['gamma', 'decay-rate', 'multistep-gamma'],
  }),
  'lr-min': option(real({ min: 0 }), {
    default: 0,
    group: LEARNING_RATE,
    help: 'For cosineannealinglr: the learning rate at the end.',
  }),
  'lr-warmup-epochs': option(integer({ min: 0 }), {
    default: 0,
    group: LEARNING_RATE,
    help: 'Epochs with a lower learning rate at the beginning.',
    lookalikes: ['warmup', 'warmup-epochs'],
  }),
  'lr-warmup-method': option(choice(['constant', 'linear']), {
    default: 'constant',
    group: LEARNING_RATE,
    help: 'Whether the learning rate stays low during warm-up or rises.',
  }),
  'lr-warmup-decay': option(real({ above: 0, max: 1 }), {
    default: 0.01,
    group: LEARNING_RATE,
    help: 'The factor on the learning rate at the beginning of the warm-up.',
  }),
} as const;

/** The moving average of the weights. */
export const averageOptions = {
  'model-ema': option(flag(), {
    default: false,
    group: AVERAGE,
    help: 'Keep an exponential moving average of the weights; its accuracy then decides which state is the best.',
    lookalikes: ['ema'],
  }),
  'model-ema-steps': option(integer({ min: 1 }), {
    default: 32,
    group: AVERAGE,
    help: 'Steps between two updates of the average.',
  }),
  'model-ema-decay': option(real({ min: 0, max: 1 }), {
    default: 0.99998,
    group: AVERAGE,
    help: 'Weight of the old average in an update, before it is adapted to batch size, steps and epochs.',
    lookalikes: ['ema-decay'],
  }),
} as const;

/** Where and how to compute. */
export const machineOptions = {
  device: option(text({ pattern: /^(cpu|cuda(:\d+)?)$/, expected: 'cpu, cuda or cuda:N', placeholder: 'device' }), {
    default: 'cpu',
    group: MACHINE,
    help: 'Where to compute (the original: cuda).',
  }),
  threads: option(optional(integer({ min: 1 })), {
    default: null,
    group: MACHINE,
    help: 'Threads that compute on the CPU; without it, one for each core.',
    lookalikes: ['num-threads'],
  }),
  'memory-format': option(choice(['channels_last', 'contiguous']), {
    default: 'channels_last',
    group: MACHINE,
    help: 'Layout of images in memory (the original: contiguous). Channels last is faster for convolutions and gives the same results up to rounding.',
  }),
  amp: option(flag(), {
    default: false,
    group: MACHINE,
    help: 'Compute convolutions and matrix products in 16 bits.',
    lookalikes: ['fp16', 'half', 'mixed-precision'],
  }),
  'amp-dtype': option(choice(['bfloat16', 'float16']), {
    default: 'bfloat16',
    group: MACHINE,
    help: 'The 16-bit type of `--amp`; float16 needs a GPU and scales the loss.',
  }),
  'sync-bn': option(flag(), {
    default: false,
    group: MACHINE,
    help: 'Batch statistics over all processes; with a single one this changes nothing.',
  }),
  'use-deterministic-algorithms': option(flag(), {
    default: false,
    group: MACHINE,
    help: 'Refuse operations that give different results from run to run.',
    lookalikes: ['deterministic'],
  }),
  seed: option(integer({ min: 0 }), {
    default: 0,
    group: MACHINE,
    help: 'Seed of all random choices (the original: a different one each time). The same seed gives the same run.',
    lookalikes: ['random-seed', 'manual-seed'],
  }),
} as const;

/** What happens with the run. */
export const runOptions = {
  'output-dir': option(path(), {
    default: '.',
    group: RUN,
    help: 'The folder of the run: recipe, metrics, checkpoints, log, exported model.',
    lookalikes: ['out', 'output', 'save-dir', 'out-dir'],
  }),
  overwrite: option(flag(), {
    default: false,
    group: RUN,
    help: 'Replace the run that the output folder holds.',
    lookalikes: ['force'],
  }),
  resume: option(optional(path()), {
    default: null,
    group: RUN,
    bare: 'auto',
    help: 'A checkpoint to continue from; without a path (`auto`), the output folder’s checkpoint.pth, with the settings of that run. Where there is none yet, the run begins.',
  }),
  'test-only': option(flag(), {
    default: false,
    group: RUN,
    help: 'Evaluate and do not train.',
    lookalikes: ['eval', 'evaluate', 'eval-only'],
  }),
  'checkpoint-freq': option(integer({ min: 1 }), { default: 1, group: RUN, help: 'Epochs between two checkpoints.' }),
  'print-freq': option(integer({ min: 1 }), {
    default: 100,
    group: RUN,
    help: 'Steps between two lines of progress where the output is no terminal; on a slow machine lines come at least every half minute.',
    lookalikes: ['log-interval', 'log-freq'],
  }),
  export: option(flag(), {
    default: true,
    group: RUN,
    help: 'Export the trained model to ONNX and verify it.',
    helpOff: 'Do not export the trained model to ONNX.',
    lookalikes: ['onnx'],
  }),
  'opset-version': option(integer({ min: 13, max: 20 }), {
    default: 17,
    group: RUN,
    help: 'Version of the ONNX operators (the original: 18).',
    lookalikes: ['opset'],
  }),
} as const;

/** The settings that the training engine knows; a task's config has these and its own. */
export type TrainingConfig = ConfigOf<
  typeof modelOptions &
    typeof lengthOptions &
    typeof optimiserOptions &
    typeof learningRateOptions &
    typeof averageOptions &
    typeof quantizationOptions &
    typeof machineOptions &
    typeof runOptions
>;

type RuleProblem = Pick<Problem, 'code' | 'path' | 'expected' | 'received'>;

/** What is wrong between options that every task has. */
export function checkTraining(config: TrainingConfig): RuleProblem[] {
  const problems: RuleProblem[] = checkQuantization(config);
  const conflict = (path: string, expected: string, received: string): void => {
    problems.push({ code: 'conflict', path, expected, received });
  };
  if (config.lrScheduler === 'cosineannealinglr' && config.lrWarmupEpochs >= config.epochs) {
    conflict('lr-warmup-epochs', `fewer than the ${config.epochs} epochs of the run`, String(config.lrWarmupEpochs));
  }
  if (config.lrScheduler === 'polynomiallr' && config.lrWarmupEpochs >= config.epochs) {
    conflict('lr-warmup-epochs', `fewer than the ${config.epochs} epochs of the run`, String(config.lrWarmupEpochs));
  }
  if (config.startEpoch >= config.epochs && !config.testOnly) {
    conflict('start-epoch', `less than the ${config.epochs} epochs of the run`, String(config.startEpoch));
  }
  if (config.amp && config.ampDtype === 'float16' && config.device === 'cpu') {
    conflict('amp-dtype', 'bfloat16 on the CPU', 'float16');
  }
  if (config.overwrite && config.resume !== null) conflict('overwrite', 'not to be given with --resume', 'both');
  return problems;
}
