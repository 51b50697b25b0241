/** @file Every option of classification training and evaluation. */

import { choice, flag, integer, optional, real, text } from './kinds.ts';
import { type ConfigOf, option, type TaskDefinition } from './option-table.ts';
import { quantizationOptions } from './quantization-options.ts';
import {
  averageOptions,
  checkTraining,
  learningRateOptions,
  lengthOptions,
  machineOptions,
  modelOptions,
  optimiserOptions,
  path,
  runOptions,
} from './training-options.ts';

const DATA = 'Data';
const AUGMENTATION = 'Images and augmentation';

const options = {
  'data-path': option(optional(path()), {
    default: null,
    group: DATA,
    help: 'The folder that holds the images: in train/ and val/, or as its train.csv and val.csv list them. For an evaluation also the folder of the classes or the list itself. Fashion-MNIST is found by itself where its Debian package is installed.',
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
  workers: option(optional(integer({ min: 0 })), {
    default: null,
    group: DATA,
    short: 'j',
    help: 'Threads that load, transform and collate images (the original: 16 processes). 0: images are read and decoded in the background and transformed in the main thread. Without a number: half the cores, at most 8; 0 on machines with up to two. The results are the same for any number.',
    lookalikes: ['num-workers'],
  }),
  ...modelOptions,
  'model-surgery': option(optional(choice(['v1', 'v2', 'lite'])), {
    default: null,
    group: modelOptions.model.group,
    help: 'Replace what embedded devices run badly before training: `v1` (or `lite`) in the module tree, `v2` in the graph. Published weights are loaded before, a file after. Checkpoints remember it.',
    lookalikes: ['lite-model', 'surgery'],
  }),
  ...lengthOptions,
  ...optimiserOptions,
  'label-smoothing': option(real({ min: 0, max: 1 }), {
    default: 0,
    group: optimiserOptions.opt.group,
    help: 'Fraction of the target that is spread over all classes.',
  }),
  ...learningRateOptions,
  'train-crop-size': option(integer({ min: 1 }), {
    default: 224,
    group: AUGMENTATION,
    help: 'Side of training images, in pixels.',
  }),
  'train-crop': option(choice(['resized', 'padded']), {
    default: 'resized',
    group: AUGMENTATION,
    help: 'What part of a training image is taken: a random part of 8 to 100 % of it, resized; or, for small images, one of the crop size at a random place of the image with a black margin, not resized.',
  }),
  'train-crop-padding': option(integer({ min: 0 }), {
    default: 4,
    group: AUGMENTATION,
    help: 'For `--train-crop padded`: width of the margin, in pixels.',
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
  backend: option(choice(['pil', 'tensor']), {
    default: 'pil',
    group: AUGMENTATION,
    help: 'Whose arithmetic resizes and augments images: Pillow’s, with which published figures were measured, or torchvision’s of tensors.',
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
  ...averageOptions,
  ...quantizationOptions,
  ...machineOptions,
  ...runOptions,
} as const;

/** The settings of a classification run. */
export type ClassificationConfig = ConfigOf<typeof options>;

/** Classification as recipes and the command line see it. */
export const classification: TaskDefinition<typeof options> = {
  task: 'classification',
  options,
  check(config) {
    const problems = checkTraining(config);
    if (config.dataPath === null && config.dataset !== 'fashion-mnist') {
      const expected =
        config.dataset === 'csv' ? 'the folder of train.csv and val.csv, or a list' : 'the folder with the images';
      problems.push({ code: 'missing', path: 'data-path', expected, received: '' });
    }
    // Warped tensors have no bicubic interpolation, and AugMix always mixes tensors.
    const warpsTensors =
      config.autoAugment === 'augmix' || (config.autoAugment !== null && config.backend === 'tensor');
    if (config.interpolation === 'bicubic' && warpsTensors) {
      const cause = config.autoAugment === 'augmix' ? '--auto-augment augmix' : '--auto-augment and --backend tensor';
      const expected = `nearest or bilinear with ${cause}`;
      problems.push({ code: 'conflict', path: 'interpolation', expected, received: 'bicubic' });
    }
    return problems;
  },
};
