/** @file Classes of pixels from COCO's instances: COCO itself with 21 or all classes, and files of one's own in its form. */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromTypedArray } from '@edgeai/torch';
import { datasets } from '@edgeai/vision';
import type { DenseSource } from './dense-dataset.ts';
import { fromParts, type Part, pictures } from './from-files.ts';
import { classes, type DenseOpenOptions, type Opener, requireTasks, rootOf } from './source-options.ts';
import { IGNORE } from './targets.ts';

/** Pictures with less than so many pixels of objects are left out. */
const LEAST_PIXELS = 1000;

/** COCO's ids of Pascal VOC's classes, in VOC's order. */
const VOC_IDS = [5, 2, 16, 9, 44, 6, 3, 17, 62, 21, 67, 18, 19, 4, 1, 64, 20, 63, 7, 72];

/** A map of classes, row after row. */
interface ClassPlane {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** How instances become a map of classes. */
interface Drawing {
  /** The class of each category that is drawn. */
  readonly classOf: ReadonlyMap<number, number>;
  /** The class of pixels without an instance. */
  readonly ground: number;
  /** The class where instances overlap: 'unknown', or the greatest of theirs. */
  readonly overlap: 'unknown' | 'greatest';
}

function masks(
  file: datasets.CocoFile,
  images: readonly datasets.CocoImage[],
  { classOf, ground, overlap }: Drawing,
): Part {
  const draw = ({ id, height = 0, width = 0 }: datasets.CocoImage): ClassPlane => {
    const data = new Uint8Array(height * width).fill(ground);
    const taken = new Uint8Array(data.length);
    for (const annotation of file.annotationsOf.get(id) ?? []) {
      const found = classOf.get(annotation.category_id ?? -1);
      if (found === undefined || annotation.segmentation === undefined) continue;
      const where = `${file.path}, annotation ${annotation.id}`;
      const mask = datasets.cocoMask(annotation.segmentation, height, width, where);
      for (let at = 0; at < mask.length; at++) {
        if (mask[at] === 0) continue;
        if (taken[at] === 0) data[at] = found;
        else data[at] = overlap === 'unknown' ? IGNORE : Math.max(data[at] as number, found);
        taken[at] = 1;
      }
    }
    return { data, height, width };
  };
  return {
    files: () => [],
    load: async (index) => draw(images[index] as datasets.CocoImage),
    finish: (loaded) => {
      const { data, height, width } = loaded as ClassPlane;
      return fromTypedArray(data, [1, height, width]);
    },
  };
}

/** Images of which enough is drawn. */
function usable(file: datasets.CocoFile, { classOf }: Drawing): datasets.CocoImage[] {
  return file.images.filter(({ id, height, width }) => {
    if (height === undefined || width === undefined) return false;
    const used = (file.annotationsOf.get(id) ?? []).filter(({ category_id: category }) => classOf.has(category ?? -1));
    return used.reduce((sum, { area = 0 }) => sum + area, 0) > LEAST_PIXELS;
  });
}

function source(
  name: string,
  file: datasets.CocoFile,
  images: readonly datasets.CocoImage[],
  folders: readonly string[],
  names: readonly string[],
  drawing: Drawing,
  { tasks }: DenseOpenOptions,
): DenseSource {
  const folder = folders.find((path) => existsSync(path)) ?? (folders[0] as string);
  const target = classes(names);
  return fromParts(
    name,
    file.path,
    images.length,
    [pictures(images.map(({ file_name: image }) => join(folder, image)))],
    tasks.map(() => [target, masks(file, images, drawing)] as const),
  );
}

/**
 * COCO with a background and some or all of its categories: `root/annotations/instances_<split>2017.json`, pictures in
 * `root/images/<split>2017` or `root/<split>2017`. Where instances overlap nothing is learned. (In the original, 255 there was
 * taken modulo the number of classes and so taught a real class, and of all categories the first 79 ids counted as classes,
 * though ids go to 90 and have gaps.)
 */
function coco(name: string, ids: readonly number[] | null): Opener {
  return (options) => {
    requireTasks(options, name, ['segmentation']);
    const root = rootOf(options, name);
    const part = `${options.split}2017`;
    const file = datasets.readCocoFile(join(root, 'annotations', `instances_${part}.json`));
    const chosen = ids ?? file.categories.map(({ id }) => id);
    const drawing: Drawing = {
      classOf: new Map(chosen.map((id, i) => [id, i + 1])),
      ground: 0,
      overlap: 'unknown',
    };
    const names = chosen.map((id) => file.categories.find((category) => category.id === id)?.name ?? `class ${id}`);
    const folders = [join(root, 'images', part), join(root, part)];
    return source(name, file, usable(file, drawing), folders, ['background', ...names], drawing, options);
  };
}

export const openCoco: Opener = coco('coco', null);
export const openCoco21: Opener = coco('coco21', VOC_IDS);

/** Of 100 images of a file without parts, how many are for training. */
const TRAIN_SHARE = 80;

/**
 * Files of one's own: `root/annotations/<prefix>_<split>.json`, or one `<prefix>.json` for both, of which the images that have a
 * `split_name` follow it, and of the others four fifths are for training, chosen by their names (the original: one fifth).
 * Pictures in `root/images` or `root`. Classes are the categories by id, wherever their ids begin (the original was off by one
 * where they begin with 0); what is none of them is unknown, or with `background` class 0.
 */
function cocoStyle(name: string, background: boolean): Opener {
  return (options) => {
    requireTasks(options, name, ['segmentation']);
    const root = rootOf(options, name);
    const prefix = options.annotationPrefix ?? 'instances';
    const own = join(root, 'annotations', `${prefix}_${options.split}.json`);
    const file = datasets.readCocoFile(existsSync(own) ? own : join(root, 'annotations', `${prefix}.json`));
    const drawing: Drawing = {
      classOf: new Map(file.categories.map(({ id }, i) => [id, background ? i + 1 : i])),
      ground: background ? 0 : IGNORE,
      overlap: 'greatest',
    };
    const images = usable(file, drawing).filter((image) => existsSync(own) || partOf(image) === options.split);
    const names = file.categories.map((category) => category.name);
    const all = background ? ['background', ...names] : names;
    return source(name, file, images, [join(root, 'images'), root], all, drawing, options);
  };
}

function partOf(image: datasets.CocoImage & { split_name?: string }): 'train' | 'val' {
  if (image.split_name?.includes('train')) return 'train';
  if (image.split_name?.includes('test') || image.split_name?.includes('val')) return 'val';
  const digest = createHash('md5').update(image.file_name).digest();
  return digest.readUInt32LE(0) % 100 < TRAIN_SHARE ? 'train' : 'val';
}

export const openCocoStyle: Opener = cocoStyle('coco-style', false);
export const openCocoStyleWithBackground: Opener = cocoStyle('coco-style-background', true);
