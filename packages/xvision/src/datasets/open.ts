/** @file Opens data sets of dense tasks by name: which maps they have, and how their files become them. */

import { ArgumentError, data, full, type Tensor } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';
import { datasets } from '@edgeai/vision';
import { DrivingScenes, SCENE_CLASSES } from '../scenes/index.ts';
import type { DenseTransform } from '../transforms/sample.ts';
import { DenseDataset, type DenseSource } from './dense-dataset.ts';
import { CAMVID_PALETTE, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS, paletteOf } from './palettes.ts';
import { type ClassTarget, type Colour, IGNORE, MOTION_TARGET, relabel, type TargetInfo } from './targets.ts';

export type Split = 'train' | 'val';
export type DenseTaskKind = TargetInfo['kind'];

export interface DenseOpenOptions {
  /** Where the files are; not for scenes. */
  root?: string | null;
  split: Split;
  /** The maps that are wanted, in this order. */
  tasks: readonly DenseTaskKind[];
  /** Images a sample: 2 adds the one before. Default 1. */
  images?: 1 | 2;
  /** For scenes: how many, how large, and which. */
  scenes?: { length?: number; size?: readonly [number, number]; seed?: number };
  /** Depths beyond are not measured, in metres. Default 80. */
  maxDepth?: number;
}

type Opener = (options: DenseOpenOptions) => DenseSource;

function classes(
  names: readonly string[],
  palette: readonly Colour[] = paletteOf(names.length),
  weights: readonly number[] | null = null,
): ClassTarget {
  return { kind: 'segmentation', classes: names, palette, classWeights: weights };
}

/** The maps of a rendered scene. */
const openScenes: Opener = ({ split, tasks, images = 1, scenes = {}, maxDepth = 80 }) => {
  const { length = split === 'train' ? 800 : 100, size = [96, 192] as const, seed = 0 } = scenes;
  const set = new DrivingScenes({ length, size, seed: split === 'train' ? seed : seed + 1_000_003 });
  const info: Record<DenseTaskKind, TargetInfo> = {
    segmentation: classes(SCENE_CLASSES, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS),
    depth: { kind: 'depth', max: maxDepth },
    motion: MOTION_TARGET,
  };
  return {
    length,
    targets: tasks.map((task) => info[task]),
    images,
    finish: (_, index) => {
      const scene = set.get(index);
      const maps: Record<DenseTaskKind, Tensor> = {
        segmentation: scene.segmentation,
        depth: scene.depth.maskedFill(scene.depth.gt(maxDepth), 0),
        motion: scene.motion,
      };
      return {
        images: images === 2 ? [scene.image, scene.previous] : [scene.image],
        targets: tasks.map((task) => maps[task]),
      };
    },
    describe: (index) => `scene ${index} of seed ${seed}`,
  };
};

type Pairs = Required<data.Dataset<readonly [Tensor, Tensor]>>;

/** A data set of [picture, mask] pairs, the mask with numbers that `table` brings to those of `target`. */
function pairs(
  set: Pairs,
  target: ClassTarget,
  { tasks, images = 1 }: DenseOpenOptions,
  change: (mask: Tensor) => Tensor = (mask) => mask,
): DenseSource {
  if (tasks.some((task) => task !== 'segmentation') || images !== 1) {
    throw new ArgumentError(
      'tasks',
      'This data set has classes for single images only: no depth, no motion, no second image',
    );
  }
  return {
    length: set.length,
    targets: tasks.map(() => target),
    images: 1,
    load: (index) => set.load(index),
    finish: (loaded, index) => {
      const [picture, mask] = set.finish(loaded, index) as readonly [Tensor, Tensor];
      const labels = change(mask);
      return { images: [picture], targets: tasks.map(() => labels) };
    },
    describe: (index) => set.describe(index) ?? `sample ${index}`,
  };
}

function rootOf({ root }: DenseOpenOptions, name: string): string {
  if (root === undefined || root === null) throw new ArgumentError('root', `${name} needs the folder that holds it`);
  return root;
}

const openCamVid: Opener = (options) => {
  const set = new datasets.CamVid(rootOf(options, 'camvid'), { split: options.split }) as unknown as Pairs;
  const names = datasets.CAMVID_CLASSES;
  // Its masks have one number more, for what is none of the classes.
  return pairs(set, classes(names, CAMVID_PALETTE), options, (mask) => mask.maskedFill(mask.eq(names.length), IGNORE));
};

const openCityscapes: Opener = (options) => {
  const root = rootOf(options, 'cityscapes');
  const set = new datasets.Cityscapes(root, { split: options.split, targetType: 'semantic' }) as unknown as Pairs;
  const table = Array.from({ length: 256 }, () => IGNORE);
  for (const { id, trainId } of datasets.CITYSCAPES_CLASSES)
    if (id >= 0 && trainId >= 0 && trainId < 19) table[id] = trainId;
  return pairs(set, classes(SCENE_CLASSES, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS), options, (mask) =>
    relabel(mask, table),
  );
};

const openAde20k: Opener = (options) => {
  const set = new datasets.ADE20K(rootOf(options, 'ade20k'), { split: options.split });
  const names = ['other', ...Array.from({ length: 150 }, (_, i) => set.classes[i] ?? `class ${i + 1}`)];
  return pairs(set as unknown as Pairs, classes(names), options);
};

const openVoc: Opener = (options) => {
  const set = new datasets.VOCSegmentation(rootOf(options, 'voc'), { imageSet: options.split });
  return pairs(
    set as unknown as Pairs,
    classes(['background', ...set.classes.filter((name) => name !== 'background')]),
    options,
  );
};

const OPENERS: Readonly<Record<string, Opener>> = {
  scenes: openScenes,
  camvid: openCamVid,
  cityscapes: openCityscapes,
  ade20k: openAde20k,
  voc: openVoc,
};

/** The names that {@link openDense} takes. */
export const denseDatasetNames: readonly string[] = Object.keys(OPENERS);

function open(name: string, options: DenseOpenOptions, transform: DenseTransform | null = null): DenseDataset {
  const opener = Object.hasOwn(OPENERS, name) ? OPENERS[name] : undefined;
  if (opener === undefined) {
    const hint = didYouMean(name, denseDatasetNames) || `; there are: ${denseDatasetNames.join(', ')}`;
    throw new ArgumentError('name', `There is no dense data set '${name}'${hint}`);
  }
  const source = opener(options);
  if (source.length === 0) throw new ArgumentError('root', `${name}: there is nothing in ${options.root ?? 'it'}`);
  return new DenseDataset(source, transform);
}

/**
 * Opens a data set of a dense task: `openDense('camvid', { root, split: 'train', tasks: ['segmentation'] }, transform)`.
 *
 * @throws {ArgumentError} for a name or a task that there is not, and where files are missing
 */
export const openDense = data.portableFactory(import.meta.url, 'openDense')(open);

/** A mask in which nothing is known, for samples without one. */
export function unknownMask(height: number, width: number): Tensor {
  return full([1, height, width], IGNORE, { dtype: 'uint8' });
}
