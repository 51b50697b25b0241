/** @file Every option of the dense tasks: semantic segmentation, depth, motion segmentation, and several of them at once. */

import { choice, flag, integer, numbers, optional, real, record, text } from './kinds.ts';
import { type ConfigOf, type OptionSpec, option, type TaskDefinition } from './option-table.ts';
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
const IMAGES = 'Images and augmentation';
const LOSS = 'Losses and tasks';

/** The maps that a network can be trained for. */
export const DENSE_KINDS = ['segmentation', 'depth', 'motion', 'flow'] as const;
export type DenseKind = (typeof DENSE_KINDS)[number];

/** The data sets that dense tasks can be trained with. */
export const DENSE_DATASETS = [
  ...(['scenes', 'camvid', 'cityscapes', 'cityscapes5', 'a2d2', 'ade20k', 'ade20k32', 'voc'] as const),
  ...(['coco', 'coco21', 'coco-style', 'coco-style-background', 'kitti-depth', 'sintel-depth'] as const),
  ...(['sintel-clean', 'sintel-final', 'sintel-both', 'kitti-flow-occ', 'kitti-flow-noc', 'flying-chairs'] as const),
] as const;

const options = {
  'data-path': option(optional(path()), {
    default: null,
    group: DATA,
    help: 'The folder that holds the data set; scenes are rendered and need none.',
    lookalikes: ['data', 'data-dir', 'data-root', 'root'],
  }),
  dataset: option(choice(DENSE_DATASETS), {
    default: 'scenes',
    group: DATA,
    help: 'The data set: driving scenes that are rendered as they are needed, or one on disk in its publisher’s layout.',
    lookalikes: ['dataset-name'],
  }),
  'annotation-prefix': option(text(), {
    default: 'instances',
    group: DATA,
    help: 'For `coco-style`: the annotation files are called <prefix>_train.json and <prefix>_val.json, or <prefix>.json for both.',
  }),
  scenes: option(numbers({ count: 2, bounds: { min: 1 } }), {
    default: [800, 100],
    group: DATA,
    help: 'For `scenes`: how many to train with and how many to evaluate with.',
  }),
  'scene-size': option(numbers({ count: 2, bounds: { min: 8 } }), {
    default: [96, 192],
    group: DATA,
    help: 'For `scenes`: height and width in pixels.',
  }),
  'scene-seed': option(integer({ min: 0 }), {
    default: 0,
    group: DATA,
    help: 'For `scenes`: another seed, other scenes.',
  }),
  'cache-samples': option(flag(), {
    default: true,
    group: DATA,
    help: 'Keep samples in memory as they were read, before random transforms; the second epoch reads nothing.',
    helpOff: 'Read every sample anew in each epoch.',
  }),
  workers: option(optional(integer({ min: 0 })), {
    default: null,
    group: DATA,
    short: 'j',
    help: 'Threads that load and transform samples. Without a number: half the cores, at most 8; 0 on machines with up to two.',
    lookalikes: ['num-workers'],
  }),
  tasks: option(
    text({ expected: 'some of segmentation, depth, motion and flow, separated by commas', placeholder: 'tasks' }),
    {
      default: 'segmentation',
      group: LOSS,
      help: 'The maps that the network predicts, one decoder each.',
    },
  ),
  'input-images': option(integer({ min: 1, max: 2 }), {
    default: 1,
    group: DATA,
    help: 'Images that the network sees: 2 adds the one before.',
  }),
  'second-input': option(choice(['picture', 'flow']), {
    default: 'picture',
    group: DATA,
    help: 'What the second of two inputs is: the image before, or the flow to it. There is flow with `scenes` and `cityscapes`.',
    lookalikes: ['is-flow'],
  }),
  'flow-folder': option(text(), {
    default: 'leftImg8bit_flow_confidence',
    group: DATA,
    help: 'For `cityscapes`: the folder with flow as an input, in PNG files of flow to the right, flow down and confidence, each with 128 added.',
    lookalikes: ['image-folders'],
  }),
  ...modelOptions,
  ...lengthOptions,
  ...optimiserOptions,
  losses: option(record(), {
    default: {},
    group: LOSS,
    help: 'Losses of a task, such as depth=["supervised_loss","scale_loss"]; may be repeated for several tasks.',
  }),
  'loss-mult-factors': option(record(), {
    default: {},
    group: LOSS,
    help: 'What each loss of a task is multiplied with, such as depth=[0.125,0.125].',
  }),
  'multi-task-type': option(
    choice(['fixed', 'learned', 'grad_norm', 'naive_grad_norm', 'dwa', 'dwa_grad_norm', 'uncertainty', 'pcgrad']),
    {
      default: 'fixed',
      group: LOSS,
      help: 'How tasks are weighed against each other.',
      lookalikes: ['task-weighting'],
    },
  ),
  'multi-task-factors': option(optional(numbers({ bounds: { min: 0 } })), {
    default: null,
    group: LOSS,
    help: 'The factor of each task, or what it begins with; without it, 1 for each.',
  }),
  'pivot-task': option(optional(choice(DENSE_KINDS)), {
    default: null,
    group: LOSS,
    help: 'The task whose figure decides which epoch is the best; without it, the first.',
  }),
  'class-weights': option(choice(['none', 'dataset']), {
    default: 'none',
    group: LOSS,
    help: 'Weights of classes in the loss: all alike, or those that come with the data set.',
  }),
  'max-depth': option(real({ above: 0 }), {
    default: 80,
    group: LOSS,
    help: 'Depths beyond are not measured, in metres.',
  }),
  ...learningRateOptions,
  'img-resize': option(numbers({ count: 2, bounds: { min: 16 } }), {
    default: [512, 512],
    group: IMAGES,
    help: 'Height and width of the network’s input.',
    lookalikes: ['img-size', 'input-size', 'size'],
  }),
  'output-size': option(optional(numbers({ count: 2, bounds: { min: 1 } })), {
    default: null,
    group: IMAGES,
    help: 'Height and width in which evaluations compare; without it, that of the input.',
  }),
  'rand-scale': option(optional(numbers({ count: 2, bounds: { min: 1 } })), {
    default: [1, 2],
    group: IMAGES,
    help: 'Least and greatest factor by which training images are enlarged before a part is cut out; `none` trains with the transforms of evaluation.',
  }),
  'transform-rotation': option(real({ min: 0, max: 180 }), {
    default: 5,
    group: IMAGES,
    help: 'Most degrees that training images are turned by.',
    lookalikes: ['rotation'],
  }),
  'prob-color-to-gray': option(real({ min: 0, max: 1 }), {
    default: 0,
    group: IMAGES,
    help: 'Probability that a training image is made grey.',
  }),
  'input-channel-reverse': option(flag(), {
    default: false,
    group: IMAGES,
    help: 'Give the network blue, green and red in that order.',
  }),
  'image-mean': option(numbers(), {
    default: [128],
    group: IMAGES,
    help: 'What is taken from pixels of 0 to 255: one number, or one for each channel.',
  }),
  'image-scale': option(numbers(), {
    default: [0.015625],
    group: IMAGES,
    help: 'What the difference is multiplied with.',
  }),
  backend: option(choice(['tensor', 'opencv']), {
    default: 'tensor',
    group: IMAGES,
    help: 'Whose arithmetic resizes and turns images: torchvision’s of tensors, or OpenCV’s, value for value as in the original, which takes ten times as long.',
  }),
  ...averageOptions,
  ...quantizationOptions,
  ...machineOptions,
  ...runOptions,
  'tensorboard-num-imgs': option(integer({ min: 0 }), {
    default: 5,
    group: runOptions.export.group,
    help: 'Evaluation samples whose images, truth and predictions TensorBoard shows after each epoch.',
  }),
} as const;

/** The settings of a run of a dense task. */
export type DenseConfig = ConfigOf<typeof options>;

type Defaults = { readonly [Name in keyof typeof options]?: unknown };

/** The defaults of all dense tasks, where they are not those of classification. */
const COMMON: Defaults = {
  model: 'deeplabv3plus_mobilenetv2_tv_edgeailite',
  epochs: 250,
  'batch-size': 12,
  opt: 'adam',
  lr: 4e-4,
  'lr-scheduler': 'multisteplr',
  'lr-milestones': [100, 200],
  'lr-gamma': 0.25,
  'lr-warmup-epochs': 5,
  'lr-warmup-method': 'linear',
  'lr-warmup-decay': 0.001,
};

/** A task with defaults of its own. */
function task(name: string, defaults: Defaults): TaskDefinition<typeof options> {
  const changed: Record<string, OptionSpec<unknown>> = { ...options };
  for (const [key, value] of Object.entries({ ...COMMON, ...defaults })) {
    changed[key] = { ...(changed[key] as OptionSpec<unknown>), default: value };
  }
  return { task: name, options: changed as typeof options, check };
}

function check(config: DenseConfig): ReturnType<typeof checkTraining> {
  const problems = checkTraining(config);
  const kinds = config.tasks.split(',').map((kind) => kind.trim());
  const unknown = kinds.find((kind) => !(DENSE_KINDS as readonly string[]).includes(kind));
  if (unknown !== undefined || new Set(kinds).size < kinds.length) {
    problems.push({
      code: 'invalid-value',
      path: 'tasks',
      expected: `some of ${DENSE_KINDS.join(', ')}, each once`,
      received: config.tasks,
    });
  }
  if (config.dataPath === null && config.dataset !== 'scenes') {
    problems.push({ code: 'missing', path: 'data-path', expected: 'the folder with the data set', received: '' });
  }
  if (config.multiTaskFactors !== null && config.multiTaskFactors.length !== kinds.length) {
    problems.push({
      code: 'conflict',
      path: 'multi-task-factors',
      expected: `${kinds.length} numbers, one a task`,
      received: String(config.multiTaskFactors),
    });
  }
  return problems;
}

const wide = { 'img-resize': [384, 768] };

/** The dense tasks by the word that the command line has for them. */
export const denseTasks = {
  segmentation: task('segmentation', {}),
  depth: task('depth', { ...wide, tasks: 'depth', 'batch-size': 32 }),
  motion: task('motion', {
    ...wide,
    tasks: 'motion',
    'batch-size': 16,
    'input-images': 2,
    lr: 1e-4,
    'lr-gamma': 0.5,
    'class-weights': 'dataset',
    'model-option': { asppDil: [2, 4, 6] },
  }),
  multitask: task('multitask', {
    ...wide,
    tasks: 'depth,segmentation,motion',
    'batch-size': 16,
    'input-images': 2,
    lr: 1e-4,
    'lr-gamma': 0.5,
    'multi-task-type': 'learned',
    'model-option': { asppDil: [2, 4, 6] },
  }),
} as const;

export type DenseTaskName = keyof typeof denseTasks;
