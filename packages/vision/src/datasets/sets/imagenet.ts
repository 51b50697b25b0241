/** @file ImageNet (ILSVRC 2012): reads the folders, and builds them and their list of classes from the archives of the challenge. */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { load, save, Tuple } from '@edgeai/torch';
import { extractArchive } from '../archives/extract.ts';
import { checkIntegrity } from '../archives/integrity.ts';
import { DatasetError } from '../errors.ts';
import { matNumber, matStruct, matText, readMat } from '../files/mat.ts';
import { invalid } from '../files/text.ts';
import { hasExtension, IMG_EXTENSIONS } from '../folder.ts';
import { compareStrings, filesBelow, subfolders } from '../listing.ts';
import { published } from '../published.ts';
import { fromFiles, values } from '../samples.ts';

const META = 'meta.bin';
const ARCHIVES = {
  train: ['ILSVRC2012_img_train.tar', '1d675b47d978889d74fa0da5fadfb00e'],
  val: ['ILSVRC2012_img_val.tar', '29b22e2961454d5413ddabcf34fc5622'],
  devkit: ['ILSVRC2012_devkit_t12.tar.gz', 'fa75699e90414af021442c21a62c3abf'],
} as const;

/**
 * 1,000 kinds of objects, 1.28 million photos to train, 50,000 to validate. Files: `root/<split>/<wnid>/*.JPEG` and
 * `root/meta.bin`, which `open(root, { download: true })` builds from the archives of the challenge, fetched by hand into `root`.
 * `classes` are synonyms with commas between them. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015.
 */
export const ImageNet = published({
  name: 'ImageNet',
  choices: { split: ['train', 'val'] },
  needs: ({ split }) => [META, split],
  advice:
    'Fetch the archives from https://image-net.org by hand into the root; ImageNet.open(root, { download: true }) unpacks them',
  arrange: async (root, { split }) => {
    if (!existsSync(join(root, META))) await buildMeta(root);
    if (existsSync(join(root, split))) return;
    if (split === 'train') await unpackTraining(root);
    else await unpackValidation(root);
  },
  read: (root, { split }) => {
    const { classesOf } = readMeta(root);
    const folder = join(root, split);
    const paths: string[] = [];
    const targets: number[] = [];
    const wnids = subfolders(folder);
    for (const [target, wnid] of wnids.entries())
      for (const path of filesBelow(join(folder, wnid)))
        if (hasExtension(path, IMG_EXTENSIONS)) {
          paths.push(path);
          targets.push(target);
        }
    const classes = wnids.map((wnid) => (classesOf[wnid] ?? [wnid]).join(', '));
    return { samples: fromFiles(paths, values(targets)), classes, targets };
  },
});

interface Meta {
  /** Synonyms by WordNet id. */
  readonly classesOf: Readonly<Record<string, readonly string[]>>;
  /** The WordNet id of every validation image, in the order of their names. */
  readonly validation: readonly string[];
}

/** torchvision's file: (dict of tuples, list). */
function readMeta(root: string): Meta {
  const path = join(root, META);
  const content = load(path);
  const [classesOf, validation] = Array.isArray(content) ? content : [];
  if (typeof classesOf !== 'object' || classesOf === null || !Array.isArray(validation))
    throw invalid(path, 'expected the classes by WordNet id and the ids of the validation images');
  return { classesOf: classesOf as Meta['classesOf'], validation: validation.map(String) };
}

async function archive(root: string, part: keyof typeof ARCHIVES): Promise<string> {
  const [name, md5] = ARCHIVES[part];
  const path = join(root, name);
  if (checkIntegrity(path, md5)) return path;
  const state = existsSync(path) ? `${path} is damaged (its MD5 is not ${md5})` : `there is no ${path}`;
  throw new DatasetError('DATASET_NOT_FOUND', path, `ImageNet: ${state}. Fetch it from https://image-net.org by hand`);
}

async function buildMeta(root: string): Promise<void> {
  const path = await archive(root, 'devkit');
  const temporary = await mkdtemp(join(tmpdir(), 'imagenet-'));
  try {
    await extractArchive(path, temporary);
    const folder = join(temporary, 'ILSVRC2012_devkit_t12', 'data');
    const file = join(folder, 'meta.mat');
    const idToWnid = new Map<number, string>();
    const classesOf: Record<string, Tuple> = {};
    for (const item of matStruct(readMat(file), 'synsets', file).items) {
      // What has children is a group of classes.
      if (matNumber(item.num_children) !== 0) continue;
      const [id, wnid, words] = [matNumber(item.ILSVRC2012_ID), matText(item.WNID), matText(item.words)];
      if (id === undefined || wnid === undefined || words === undefined)
        throw invalid(file, 'a class lacks id or words');
      idToWnid.set(id, wnid);
      classesOf[wnid] = Tuple.fromItems(words.split(', '));
    }
    const truth = await readFile(join(folder, 'ILSVRC2012_validation_ground_truth.txt'), 'utf8');
    const validation = truth
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => idToWnid.get(Number(line)) ?? '');
    save(Tuple.fromItems([classesOf, validation]), join(root, META));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** An archive with an archive for each class. */
async function unpackTraining(root: string): Promise<void> {
  const path = await archive(root, 'train');
  const building = join(root, '.train-building');
  await rm(building, { recursive: true, force: true });
  await extractArchive(path, building);
  for (const name of await readdir(building)) {
    if (!name.endsWith('.tar')) continue;
    await extractArchive(join(building, name), join(building, basename(name, '.tar')), { removeFinished: true });
  }
  await rename(building, join(root, 'train'));
}

/** An archive of loose images, whose classes the development kit lists. */
async function unpackValidation(root: string): Promise<void> {
  const path = await archive(root, 'val');
  const { validation } = readMeta(root);
  const building = join(root, '.val-building');
  await rm(building, { recursive: true, force: true });
  await extractArchive(path, building);
  const images = (await readdir(building)).sort(compareStrings);
  if (images.length !== validation.length)
    throw invalid(path, `it has ${images.length} images, the development kit lists ${validation.length}`);
  for (const [i, image] of images.entries()) {
    const folder = join(building, validation[i] ?? '');
    await mkdir(folder, { recursive: true });
    await rename(join(building, image), join(folder, image));
  }
  await rename(building, join(root, 'val'));
}
