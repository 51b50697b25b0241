/** @file COCO's data sets: annotations as they are, captions, the tensors that detectors learn from, and one class an image. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { data, fromTypedArray, type Tensor } from '@edgeai/torch';
import { type CocoAnnotation, type CocoFile, type CocoImage, readCocoFile } from '../annotations/coco-file.ts';
import { cocoMask } from '../annotations/coco-masks.ts';
import { type DetectionTarget, detectionTarget } from '../annotations/detection-target.ts';
import { DatasetError } from '../errors.ts';
import { invalid } from '../files/text.ts';
import { expandHome } from '../listing.ts';
import { type Index, PublishedDataset } from '../published.ts';
import { fromFiles, type Part, values } from '../samples.ts';
import type { VisionDatasetOptions } from '../vision-dataset.ts';

type Options<Target, T, Y> = VisionDatasetOptions<Tensor, T, Y, Target>;

/** Pictures of an annotation file, in the order of their ids. */
class CocoDataset<Target, T, Y> extends PublishedDataset<Target, T, Y> {
  readonly coco: CocoFile;
  /** Ids of the pictures, in the order of the samples. */
  readonly ids: readonly number[];

  constructor(
    root: string,
    coco: CocoFile,
    images: readonly CocoImage[],
    target: (image: CocoImage) => Target,
    options: Options<Target, T, Y>,
  ) {
    const folder = expandHome(root);
    const part: Part<Target> = { finish: (index) => target(images[index] as CocoImage) };
    const index: Index<Target> = {
      samples: fromFiles(
        images.map(({ file_name: name }) => join(folder, name)),
        part,
      ),
      classes: coco.categories.map(({ name }) => name),
    };
    super(folder, {}, index, options);
    this.coco = coco;
    this.ids = images.map(({ id }) => id);
  }
}

/**
 * Pictures with what an annotation file says about each: [picture, annotations]. Lin et al., "Microsoft COCO", 2014.
 *
 * @param root folder of the pictures
 * @param annFile `instances_val2017.json`, `person_keypoints_val2017.json` …
 */
@data.portable(import.meta.url)
export class CocoDetection<T = Tensor, Y = readonly CocoAnnotation[]> extends CocoDataset<
  readonly CocoAnnotation[],
  T,
  Y
> {
  /** @throws {DatasetError} naming the file and what is wrong in it */
  constructor(root: string, annFile: string, options: Options<readonly CocoAnnotation[], T, Y> = {}) {
    const coco = readCocoFile(expandHome(annFile));
    super(root, coco, coco.images, ({ id }) => coco.annotationsOf.get(id) ?? [], options);
  }
}

/** Pictures with the sentences that describe them: [picture, captions]. `annFile` is `captions_val2017.json` or the like. */
@data.portable(import.meta.url)
export class CocoCaptions<T = Tensor, Y = readonly string[]> extends CocoDataset<readonly string[], T, Y> {
  /** @throws {DatasetError} naming the file and what is wrong in it */
  constructor(root: string, annFile: string, options: Options<readonly string[], T, Y> = {}) {
    const coco = readCocoFile(expandHome(annFile));
    const captions = ({ id }: CocoImage): string[] =>
      (coco.annotationsOf.get(id) ?? []).map(({ caption }) => {
        if (caption === undefined) throw invalid(coco.path, `an annotation of image ${id} has no caption`);
        return caption;
      });
    super(root, coco, coco.images, captions, options);
  }
}

/** Which tensors are made of annotations. */
export interface CocoTargetOptions {
  /** Default false. */
  masks?: boolean;
  /** Default false. */
  keypoints?: boolean;
  /** Objects that were not told apart. Default false, as detectors are trained without them. */
  crowds?: boolean;
  /** Labels: the category's `id`, or its place among the categories from 1 on, 0 being the ground. Default `id`. */
  labels?: 'id' | 'index';
}

/**
 * The tensors for some annotations. Boxes become corners and are cut off at the picture's edge; those with nothing in them
 * are left out.
 *
 * @param image the picture's record, with height and width
 */
export function cocoTarget(
  coco: CocoFile,
  image: CocoImage,
  annotations: readonly CocoAnnotation[],
  options: CocoTargetOptions = {},
): DetectionTarget {
  const { id, height, width } = image;
  if (height === undefined || width === undefined) throw invalid(coco.path, `image ${id} has no height and width`);
  const used = annotations.filter(
    ({ bbox, iscrowd }) => bbox !== undefined && (options.crowds === true || iscrowd !== 1),
  );
  const places = new Map(coco.categories.map((category, i) => [category.id, i + 1]));
  const objects = used.map(({ bbox = [0, 0, 0, 0], category_id: category = 0, area, iscrowd }) => ({
    box: [bbox[0], bbox[1], bbox[0] + bbox[2], bbox[1] + bbox[3]] as const,
    label: options.labels === 'index' ? (places.get(category) ?? 0) : category,
    area,
    iscrowd: iscrowd === 1,
  }));
  const { kept, ...target } = detectionTarget(objects, id, [height, width]);
  const chosen = kept.map((i) => used[i] as CocoAnnotation);
  return {
    ...target,
    ...(options.masks === true ? { masks: masksOf(coco, chosen, height, width) } : {}),
    ...(options.keypoints === true ? { keypoints: keypointsOf(coco, chosen) } : {}),
  };
}

function masksOf(coco: CocoFile, annotations: readonly CocoAnnotation[], height: number, width: number): Tensor {
  const all = new Uint8Array(annotations.length * height * width);
  for (const [i, { id, segmentation }] of annotations.entries()) {
    if (segmentation === undefined) throw invalid(coco.path, `annotation ${id} has no segmentation`);
    all.set(cocoMask(segmentation, height, width, `${coco.path}, annotation ${id}`), i * height * width);
  }
  return fromTypedArray(all, [annotations.length, height, width]);
}

function keypointsOf(coco: CocoFile, annotations: readonly CocoAnnotation[]): Tensor {
  const points = Math.max(0, ...annotations.map(({ keypoints }) => (keypoints?.length ?? 0) / 3));
  const known = coco.categories.find(({ keypoints }) => keypoints !== undefined)?.keypoints?.length ?? points;
  const all = new Float32Array(annotations.length * known * 3);
  for (const [i, { id, keypoints = [] }] of annotations.entries()) {
    if (keypoints.length > known * 3 || keypoints.length % 3 !== 0)
      throw invalid(coco.path, `annotation ${id} has ${keypoints.length} numbers as keypoints, expected ${known * 3}`);
    all.set(keypoints, i * known * 3);
  }
  return fromTypedArray(all, [annotations.length, known, 3]);
}

export interface CocoInstancesOptions<T, Y> extends Options<DetectionTarget, T, Y>, CocoTargetOptions {
  /** Leave out pictures without objects. Default false. */
  onlyWithObjects?: boolean;
}

/** Pictures with the tensors that detectors learn from: [picture, {@link DetectionTarget}]. */
@data.portable(import.meta.url)
export class CocoInstances<T = Tensor, Y = DetectionTarget> extends CocoDataset<DetectionTarget, T, Y> {
  /** @throws {DatasetError} naming the file and what is wrong in it */
  constructor(root: string, annFile: string, options: CocoInstancesOptions<T, Y> = {}) {
    const coco = readCocoFile(expandHome(annFile));
    const annotations = ({ id }: CocoImage) => coco.annotationsOf.get(id) ?? [];
    const usable = ({ bbox, iscrowd }: CocoAnnotation): boolean =>
      bbox !== undefined && bbox[2] > 0 && bbox[3] > 0 && (options.crowds === true || iscrowd !== 1);
    const images =
      options.onlyWithObjects === true ? coco.images.filter((image) => annotations(image).some(usable)) : coco.images;
    super(root, coco, images, (image) => cocoTarget(coco, image, annotations(image), options), options);
  }
}

/** A picture and its class. */
export interface ClassifiedFile {
  readonly path: string;
  readonly label: number;
}

/** What an annotation file says about classes. */
export interface CocoClassList {
  readonly files: readonly ClassifiedFile[];
  /** Names by class: category ids are counted from the smallest; numbers without a category are `class <number>`. */
  readonly classes: readonly string[];
}

/**
 * The classes of pictures by a COCO file with one category for each picture: the form that TI's ModelMaker calls
 * classification. A picture's class is that of its first annotation; pictures without one are left out.
 *
 * @param folders where the pictures may be, tried in turn
 * @throws {DatasetError} naming the file, for a malformed one and for pictures that are in none of the folders
 */
export function readCocoClasses(annFile: string, folders: readonly string[]): CocoClassList {
  const coco = readCocoFile(expandHome(annFile));
  const first = coco.categories[0]?.id ?? 0;
  const classes: string[] = [];
  for (const { id, name } of coco.categories) classes[id - first] = name;
  for (let i = 0; i < classes.length; i++) classes[i] ??= `class ${i}`;
  const files = coco.images.flatMap(({ id, file_name: name }): ClassifiedFile[] => {
    const category = coco.annotationsOf.get(id)?.[0]?.category_id;
    if (category === undefined) return [];
    const folder = folders.find((candidate) => existsSync(join(candidate, name)));
    if (folder === undefined) throw invalid(coco.path, `it names ${name}, which is in none of ${folders.join(', ')}`);
    return [{ path: join(folder, name), label: category - first }];
  });
  if (files.length === 0)
    throw new DatasetError(
      'DATASET_EMPTY',
      coco.path,
      `${coco.path}: no image in it has an annotation with a category`,
    );
  return { files, classes };
}

/**
 * TI's ModelMaker layout for classification: `root/annotations/<prefix>_<split>.json` beside pictures in `root/<split>`,
 * `root/images` or `root`.
 *
 * @throws {DatasetError} naming the file
 */
export function readModelMaker(root: string, split: string, prefix = 'instances'): CocoClassList {
  const folder = expandHome(root);
  return readCocoClasses(join(folder, 'annotations', `${prefix}_${split}.json`), [
    join(folder, split),
    join(folder, 'images'),
    folder,
  ]);
}

export interface CocoClassificationOptions<T, Y> extends Options<number, T, Y> {
  /** Default `train`. */
  split?: string;
  /** How the annotation files' names begin. Default `instances`. */
  prefix?: string;
}

/** Pictures with one class each, listed in a COCO file as {@link readModelMaker} says: [picture, class]. */
@data.portable(import.meta.url)
export class CocoClassification<T = Tensor, Y = number> extends PublishedDataset<number, T, Y> {
  constructor(root: string, options: CocoClassificationOptions<T, Y> = {}) {
    const { split = 'train', prefix = 'instances' } = options;
    const { files, classes } = readModelMaker(root, split, prefix);
    const targets = files.map(({ label }) => label);
    const samples = fromFiles(
      files.map(({ path }) => path),
      values(targets),
    );
    super(expandHome(root), { split, prefix }, { samples, classes, targets }, options);
  }
}
