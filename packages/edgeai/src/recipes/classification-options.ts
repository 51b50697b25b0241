/** @file Every option of classification training and evaluation: the original script's names and defaults, and ours. */

import { choice, flag, integer, optional, real, record, text } from './kinds.ts';
import { type ConfigOf, option, type TaskDefinition } from './option-table.ts';

const path = (): ReturnType<typeof text> => text({ expected: 'a path', placeholder: 'path' });

const DATA = 'Data';
const MODEL = 'Model';
const SCHEDULE = 'Length and steps';
const OPTIMISER = 'Optimiser';
const LEARNING_RATE = 'Learning rate schedule';
const AUGMENTATION = 'Images and augmentation';
const AVERAGE = 'Averaged weights (EMA)';
const MACHINE = 'Machine';
const RUN = 'Run';

const options = {
  'data-path': option(optional(path()), {
    default: null,
    group: DATA,
    help: 'The folder (with train/ and val/ in it) or the list that holds the images. Fashion-MNIST is found by itself where its Debian package is installed.',
    lookalikes: ['data', 'data-dir', 'data-root', 'root', 'dataset-path'],
  }),
  dataset: option(choice(['folder', 'modelmaker', 'fashion-mnist', 'csv']), {
    default: 'folder',
    group: DATA,
    help: 'How the data is laid out: a folder a class, COCO-style JSON as Edge AI ModelMaker writes it, Fashion-MNIST, or a list of `file,label` lines.',
  }),
  'annotation-prefix': option(text(), {
    default: 'instances',
    group: DATA,
    help: 'For `modelmaker`: the annotation files are called <prefix>_train.json and <prefix>_val.json.',
  }),
  'num-classes': option(optional(integer({ min: 1 })), {
    default: null,
    group: DATA,
    help: 'Number of classes; without it, as many as the data has.',
    lookalikes: ['classes', 'nb-classes'],
  }),
  'cache-dataset': option(flag(), {
    default: false,
    group: DATA,
    help: 'Keep the list of a data folder in a cache file and trust it the next time.',
  }),
  workers: option(integer({ min: 0 }), {
    default: 0,
    group: DATA,
    short: 'j',
    help: 'Threads that load images (the original: 16). Images are loaded in the main thread at present, ahead of their use; other numbers are accepted and have no effect yet.',
    lookalikes: ['num-workers'],
  }),

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

  opt: option(choice(['sgd', 'sgd_nesterov', 'rmsprop', 'adamw']), {
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
  'label-smoothing': option(real({ min: 0, max: 1 }), {
    default: 0,
    group: OPTIMISER,
    help: 'Fraction of the target that is spread over all classes.',
  }),

  'lr-scheduler': option(choice(['steplr', 'cosineannealinglr', 'exponentiallr']), {
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
  'lr-gamma': option(real({ above: 0 }), {
    default: 0.1,
    group: LEARNING_RATE,
    help: 'For steplr and exponentiallr: the factor of each fall.',
    lookalikes: ['gamma', 'decay-rate'],
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

  'train-crop-size': option(integer({ min: 1 }), {
    default: 224,
    group: AUGMENTATION,
    help: 'Side of training images, in pixels.',
  }),
  'val-resize-size': option(integer({ min: 1 }), {
    default: 256,
    group: AUGMENTATION,
    help: 'The shorter side that evaluation images are resized to, in pixels.',
  }),
  'val-crop-size': option(integer({ min: 1 }), {
    default: 224,
    group: AUGMENTATION,
    help: 'Side of evaluation images and of the exported model’s input, in pixels.',
  }),
  interpolation: option(choice(['nearest', 'bilinear', 'bicubic']), {
    default: 'bilinear',
    group: AUGMENTATION,
    help: 'How images are resized.',
  }),
  'auto-augment': option(optional(choice(['ra', 'ta_wide', 'augmix', 'imagenet', 'cifar10', 'svhn'])), {
    default: null,
    group: AUGMENTATION,
    help: 'Automatic augmentation: RandAugment, TrivialAugment (wide), AugMix, or one of the AutoAugment policies.',
    lookalikes: ['aa', 'augment', 'augmentation'],
  }),
  'ra-magnitude': option(integer({ min: 0, max: 30 }), {
    default: 9,
    group: AUGMENTATION,
    help: 'Magnitude of RandAugment.',
  }),
  'augmix-severity': option(integer({ min: 1, max: 10 }), {
    default: 3,
    group: AUGMENTATION,
    help: 'Severity of AugMix.',
  }),
  'random-erase': option(real({ min: 0, max: 1 }), {
    default: 0,
    group: AUGMENTATION,
    help: 'Probability that a rectangle of a training image is erased.',
    lookalikes: ['reprob', 'random-erasing'],
  }),
  'mixup-alpha': option(real({ min: 0 }), {
    default: 0,
    group: AUGMENTATION,
    help: 'Strength of mixup; 0 for none.',
    lookalikes: ['mixup'],
  }),
  'cutmix-alpha': option(real({ min: 0 }), {
    default: 0,
    group: AUGMENTATION,
    help: 'Strength of CutMix; 0 for none.',
    lookalikes: ['cutmix'],
  }),
  'ra-sampler': option(flag(), {
    default: false,
    group: AUGMENTATION,
    help: 'Repeated augmentation: several versions of an image an epoch, of fewer images.',
  }),
  'ra-reps': option(integer({ min: 1 }), {
    default: 3,
    group: AUGMENTATION,
    help: 'Versions of an image with `--ra-sampler`.',
  }),

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
  resume: option(optional(path()), { default: null, group: RUN, help: 'A checkpoint to continue from.' }),
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
  'opset-version': option(integer({ min: 9 }), {
    default: 17,
    group: RUN,
    help: 'Version of the ONNX operators (the original: 18).',
    lookalikes: ['opset'],
  }),
} as const;

/** The settings of a classification run. */
export type ClassificationConfig = ConfigOf<typeof options>;

/** Classification as recipes and the command line see it. */
export const classification: TaskDefinition<typeof options> = {
  task: 'classification',
  options,
  check(config) {
    const problems: ReturnType<TaskDefinition<typeof options>['check']> = [];
    if (config.dataPath === null && config.dataset !== 'fashion-mnist') {
      const expected = config.dataset === 'csv' ? 'the path of the list' : 'the folder with the images';
      problems.push({ code: 'missing', path: 'data-path', expected, received: '' });
    }
    if (config.lrScheduler === 'cosineannealinglr' && config.lrWarmupEpochs >= config.epochs) {
      const expected = `fewer than the ${config.epochs} epochs of the run`;
      problems.push({ code: 'conflict', path: 'lr-warmup-epochs', expected, received: String(config.lrWarmupEpochs) });
    }
    if (config.startEpoch >= config.epochs && !config.testOnly) {
      const expected = `less than the ${config.epochs} epochs of the run`;
      problems.push({ code: 'conflict', path: 'start-epoch', expected, received: String(config.startEpoch) });
    }
    if (config.amp && config.ampDtype === 'float16' && config.device === 'cpu') {
      problems.push({ code: 'conflict', path: 'amp-dtype', expected: 'bfloat16 on the CPU', received: 'float16' });
    }
    if (config.overwrite && config.resume !== null) {
      problems.push({
        code: 'conflict',
        path: 'overwrite',
        expected: 'not to be given with --resume',
        received: 'both',
      });
    }
    return problems;
  },
};
