/** @file Reads COCO's annotation files: images, categories and what is said about each image, checked and indexed. */

import { invalid, readJson } from '../files/text.ts';
import type { CocoSegmentation } from './coco-masks.ts';

export interface CocoImage {
  readonly id: number;
  readonly file_name: string;
  readonly height?: number;
  readonly width?: number;
}

export interface CocoCategory {
  readonly id: number;
  readonly name: string;
  readonly supercategory?: string;
  /** Names of the points of a body, and which are joined (counted from 1). */
  readonly keypoints?: readonly string[];
  readonly skeleton?: readonly (readonly [number, number])[];
}

/** One annotation, as the file has it. Which fields there are depends on the task. */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id?: number;
  /** Left, top, width, height in pixels. */
  readonly bbox?: readonly [number, number, number, number];
  readonly area?: number;
  readonly iscrowd?: number;
  readonly segmentation?: CocoSegmentation;
  /** x, y, visibility of each point in turn. */
  readonly keypoints?: readonly number[];
  readonly num_keypoints?: number;
  readonly caption?: string;
}

/** The content of a file. */
export interface CocoFile {
  readonly path: string;
  /** By id, ascending. */
  readonly images: readonly CocoImage[];
  /** By id, ascending. */
  readonly categories: readonly CocoCategory[];
  /** What is said about an image, in the file's order; nothing for images without. */
  readonly annotationsOf: ReadonlyMap<number, readonly CocoAnnotation[]>;
  /** Number of annotations. */
  readonly count: number;
}

/** @throws {DatasetError} naming the file and what is wrong in it */
export function readCocoFile(path: string): CocoFile {
  const content = readJson(path);
  const images = records<CocoImage>(content, 'images', path, true);
  const annotations = records<CocoAnnotation>(content, 'annotations', path, false);
  const categories = records<CocoCategory>(content, 'categories', path, false);
  const known = new Set<number>();
  for (const [i, image] of images.entries()) {
    if (!Number.isInteger(image.id) || typeof image.file_name !== 'string' || image.file_name === '')
      throw invalid(path, `images[${i}] has no whole number as id or no file_name`);
    if (known.has(image.id)) throw invalid(path, `two images have the id ${image.id}`);
    known.add(image.id);
  }
  const categoryIds = new Set(categories.map(({ id }) => id));
  for (const [i, { id, name }] of categories.entries())
    if (!Number.isInteger(id) || typeof name !== 'string')
      throw invalid(path, `categories[${i}] has no whole number as id or no name`);
  const annotationsOf = new Map<number, CocoAnnotation[]>();
  for (const [i, annotation] of annotations.entries()) {
    if (!known.has(annotation.image_id))
      throw invalid(path, `annotations[${i}] is of image ${annotation.image_id}, which is not among the images`);
    if (annotation.category_id !== undefined && !categoryIds.has(annotation.category_id))
      throw invalid(
        path,
        `an annotation of image ${annotation.image_id} has category ${annotation.category_id}, which is not among the categories`,
      );
    const list = annotationsOf.get(annotation.image_id);
    if (list === undefined) annotationsOf.set(annotation.image_id, [annotation]);
    else list.push(annotation);
  }
  const byId = (a: { id: number }, b: { id: number }) => a.id - b.id;
  return {
    path,
    images: [...images].sort(byId),
    categories: [...categories].sort(byId),
    annotationsOf,
    count: annotations.length,
  };
}

function records<R extends object>(content: unknown, key: string, path: string, required: boolean): R[] {
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw invalid(path, 'it is no annotation file of COCO: expected an object with images and annotations');
  const list = (content as Record<string, unknown>)[key];
  if (list === undefined && !required) return [];
  if (!Array.isArray(list) || list.some((item) => typeof item !== 'object' || item === null))
    throw invalid(path, `it is no annotation file of COCO: expected a list of objects as ${key}`);
  return list as R[];
}
