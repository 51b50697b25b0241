/** @file `describe`: recognises how a data set lies on disk and says what is there. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatasetError } from '../errors.ts';
import { expandHome, isFolder } from '../listing.ts';
import { adeLayout, camvidLayout, cityscapesLayout, cocoLayout, vocLayout, yoloLayout } from './annotated-layouts.ts';
import { arrayLayouts } from './array-layouts.ts';
import {
  csvLists,
  imageFolder,
  imageFolderSplits,
  looseImages,
  videoFolder,
  videoFolderSplits,
} from './folder-layouts.ts';
import type { LayoutKind, RecognisedDataset, Recogniser } from './layout.ts';

/** A folder with nothing but another folder, as archives unpack to. */
const wrapped: Recogniser = (path) => {
  const [name, another] = readdirSync(path);
  if (name === undefined || another !== undefined || !isFolder(join(path, name))) return undefined;
  return [...FOLDERS.slice(0, FOLDERS.indexOf(wrapped)), imageFolder].reduce<RecognisedDataset | undefined>(
    (found, recogniser) => found ?? recogniser(join(path, name)),
    undefined,
  );
};

/** From the most particular to the most general: the first that knows a path has it. */
const FOLDERS: readonly Recogniser[] = [
  arrayLayouts,
  cityscapesLayout,
  adeLayout,
  vocLayout,
  cocoLayout,
  camvidLayout,
  yoloLayout,
  imageFolderSplits,
  videoFolderSplits,
  csvLists,
  wrapped,
  imageFolder,
  videoFolder,
  looseImages,
];
const FILES: readonly Recogniser[] = [cocoLayout, csvLists];

/** What is known of a data set on disk. */
export interface DatasetDescription {
  readonly path: string;
  readonly kind: LayoutKind;
  /** The layout in words. */
  readonly title: string;
  readonly task: RecognisedDataset['task'];
  readonly splits: readonly { readonly name: string; readonly samples: number }[];
  readonly classes: readonly string[];
  /** What is amiss, in words. */
  readonly problems: readonly string[];
}

/**
 * Recognises how a data set lies on disk, with access to its samples.
 *
 * @param path a folder, or a list of files or annotations
 * @throws {DatasetError} when there is nothing, or nothing that is known
 */
export function recognise(path: string): RecognisedDataset {
  const place = expandHome(path);
  if (!existsSync(place)) throw new DatasetError('DATASET_NOT_FOUND', place, `there is no ${place}`);
  for (const recogniser of isFolder(place) ? FOLDERS : FILES) {
    const found = recogniser(place);
    if (found !== undefined) return found;
  }
  throw new DatasetError(
    'DATASET_INVALID',
    place,
    `${place} is in no layout that is known: expected folders of classes with pictures or videos, a list (.csv), COCO, VOC, YOLO, Cityscapes, CamVid, ADE20K, CIFAR, MNIST, STL10 or SVHN`,
  );
}

/** Recognises how a data set lies on disk and says what is there: kind, parts, numbers of samples, classes, problems. See {@link recognise}. */
export function describe(path: string): DatasetDescription {
  const found = recognise(path);
  const splits = found.splits.map(({ name, length }) => ({ name, samples: length }));
  for (const split of found.splits) split.dispose?.();
  const { kind, title, task, classes, problems } = found;
  return { path: expandHome(path), kind, title, task, splits, classes, problems };
}
