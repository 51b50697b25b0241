/** @file Dense data sets that are pairs of a picture and a mask of classes: CamVid, ADE20K, Pascal VOC. */

import type { data, Tensor } from '@edgeai/torch';
import { datasets } from '@edgeai/vision';
import type { DenseSource } from './dense-dataset.ts';
import { CAMVID_PALETTE } from './palettes.ts';
import { classes, type DenseOpenOptions, type Opener, requireTasks, rootOf } from './source-options.ts';
import { type ClassTarget, IGNORE, relabel } from './targets.ts';

type Pairs = Required<data.Dataset<readonly [Tensor, Tensor]>>;

/** A data set of [picture, mask] pairs, the mask with numbers that `change` brings to those of `target`. */
function pairs(
  name: string,
  set: Pairs,
  target: ClassTarget,
  options: DenseOpenOptions,
  change: (mask: Tensor) => Tensor = (mask) => mask,
): DenseSource {
  requireTasks(options, name, ['segmentation']);
  const { tasks } = options;
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

export const openCamVid: Opener = (options) => {
  const set = new datasets.CamVid(rootOf(options, 'camvid'), { split: options.split }) as unknown as Pairs;
  const names = datasets.CAMVID_CLASSES;
  // Its masks have one number more, for what is none of the classes.
  return pairs('camvid', set, classes(names, CAMVID_PALETTE), options, (mask) =>
    mask.maskedFill(mask.eq(names.length), IGNORE),
  );
};

/** Classes from `count` on are made background, which is class 0. */
function ade20k(name: string, count: number): Opener {
  return (options) => {
    const set = new datasets.ADE20K(rootOf(options, name), { split: options.split });
    const names = ['other', ...Array.from({ length: count - 1 }, (_, i) => set.classes[i] ?? `class ${i + 1}`)];
    const table = Array.from({ length: 256 }, (_, value) => (value < count ? value : 0));
    return pairs(name, set as unknown as Pairs, classes(names), options, (mask) => relabel(mask, table));
  };
}

export const openAde20k: Opener = ade20k('ade20k', 151);
export const openAde20k32: Opener = ade20k('ade20k32', 32);

export const openVoc: Opener = (options) => {
  const set = new datasets.VOCSegmentation(rootOf(options, 'voc'), { imageSet: options.split });
  return pairs(
    'voc',
    set as unknown as Pairs,
    classes(['background', ...set.classes.filter((name) => name !== 'background')]),
    options,
  );
};
