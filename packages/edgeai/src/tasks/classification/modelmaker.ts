/** @file Classification data as Edge AI ModelMaker lays it out: images beside COCO-style JSON with one category an image. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

import { describeSystemError, FailureError } from '../../errors.ts';
import type { LabelledFile } from './image-list.ts';

const annotations = z.object({
  images: z.array(z.object({ id: z.int(), file_name: z.string().min(1) })),
  annotations: z.array(z.object({ image_id: z.int(), category_id: z.int() })),
  categories: z.array(z.object({ id: z.int(), name: z.string() })),
});

/** What one annotation file says. */
export interface ModelMakerList {
  files: LabelledFile[];
  /** Names by class index: category ids are counted from the smallest. */
  classes: string[];
}

/**
 * Reads `<root>/annotations/<prefix>_<split>.json`. An image's class is that of its first annotation; images without one are
 * left out. Images lie in `<root>/<split>`, `<root>/images` or `<root>`. Throws a FailureError `BAD_DATA` naming the file.
 */
export function readModelMaker(root: string, split: 'train' | 'val', prefix: string): ModelMakerList {
  const path = join(root, 'annotations', `${prefix}_${split}.json`);
  const content = parse(path);
  const first = Math.min(...content.categories.map(({ id }) => id));
  const classes: string[] = [];
  for (const { id, name } of content.categories) classes[id - first] = name;
  for (let index = 0; index < classes.length; index++) classes[index] ??= `class ${index}`;

  const labels = new Map<number, number>();
  for (const { image_id: image, category_id: category } of content.annotations) {
    if (!content.categories.some(({ id }) => id === category)) {
      throw new FailureError(
        'BAD_DATA',
        `${path}: an annotation of image ${image} has category ${category}, which is not among the categories`,
      );
    }
    if (!labels.has(image)) labels.set(image, category - first);
  }
  const folders = [join(root, split), join(root, 'images'), root];
  const files = content.images.flatMap(({ id, file_name: name }): LabelledFile[] => {
    const label = labels.get(id);
    if (label === undefined) return [];
    const folder = folders.find((candidate) => existsSync(join(candidate, name)));
    if (folder === undefined) {
      throw new FailureError('BAD_DATA', `${path} names ${name}, which is in none of ${folders.join(', ')}`);
    }
    return [{ path: join(folder, name), label }];
  });
  if (files.length === 0) throw new FailureError('BAD_DATA', `${path}: no image in it has an annotation`);
  return { files, classes };
}

function parse(path: string): z.infer<typeof annotations> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new FailureError('BAD_DATA', `cannot read ${path}: ${describeSystemError(error)}`, { cause: error });
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new FailureError(
      'BAD_DATA',
      `${path} is not readable as JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = annotations.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new FailureError('BAD_DATA', `${path}: at ${issue?.path.join('.') || 'the top'}: ${issue?.message}`);
}
