/** @file Opens the images that a recipe names, in any of the layouts that `--dataset` knows. */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { datasets, type transforms } from '@edgeai/vision';

import { FailureError, UsageError } from '../../errors.ts';
import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import { classMapping } from './class-names.ts';
import type { ClassificationData } from './classification-data.ts';
import { ImageList, type LabelledFile } from './image-list.ts';
import { openFashionMnistInWorkers } from './in-workers.ts';
import { cachedListing, type Listing } from './listing-cache.ts';
import { PackedImages, splitsOf } from './packed.ts';

/** Which images are meant. */
export type DataConfig = Pick<ClassificationConfig, 'dataset' | 'dataPath' | 'annotationPrefix' | 'cacheDataset'>;

/** The images to train on. */
export async function openTrainingData(
  config: DataConfig,
  transform: transforms.Transform,
): Promise<ClassificationData> {
  if (config.dataset === 'fashion-mnist') return openFashionMnistInWorkers(config.dataPath, 'train', transform);
  if (isPacked(config)) return new PackedImages(config.dataPath, splitOf(config.dataPath, 'train'), transform, null);
  const { files, classes } = list(config, 'train', []);
  return new ImageList(files, classes, transform);
}

/**
 * The images to evaluate on. Where the network's classes have names (`modelClasses`), the classes of the data are brought
 * into its order by name.
 */
export async function openEvaluationData(
  config: DataConfig,
  transform: transforms.Transform,
  modelClasses: readonly string[],
): Promise<ClassificationData> {
  if (config.dataset === 'fashion-mnist') return openFashionMnistInWorkers(config.dataPath, 'val', transform);
  if (isPacked(config)) {
    const split = splitOf(config.dataPath, 'val');
    const packed = new PackedImages(config.dataPath, split, transform, null);
    const labels = classMapping(packed.classes, modelClasses, config.dataPath);
    if (labels === null) return packed;
    packed.dispose();
    return new PackedImages(config.dataPath, split, transform, { labels, classes: modelClasses });
  }
  const { files, classes } = list(config, 'val', modelClasses);
  const mapping = classMapping(classes, modelClasses, config.dataPath ?? config.dataset);
  if (mapping === null) return new ImageList(files, modelClasses.length > 0 ? modelClasses : classes, transform);
  const mapped = files.map(({ path, label }) => ({ path, label: mapping[label] ?? label }));
  return new ImageList(mapped, modelClasses, transform);
}

type Split = 'train' | 'val';

/** Whether the data is one packed file. */
function isPacked(config: DataConfig): config is DataConfig & { dataPath: string } {
  return config.dataPath !== null && config.dataset === 'folder' && datasets.isPackedFile(config.dataPath);
}

/** The split to use: the one of that name; to evaluate on, the only one serves too. */
function splitOf(path: string, wanted: Split): string {
  const splits = splitsOf(path);
  if (splits.includes(wanted)) return wanted;
  const [only] = splits;
  if (wanted === 'val' && splits.length === 1 && only !== undefined) return only;
  throw new FailureError(
    'NO_DATA',
    `--data-path ${path}: the pack has no split ${wanted}, only ${splits.join(', ')}; pack a folder that has ${wanted}/<class>/<image>`,
  );
}

function list(config: DataConfig, split: Split, modelClasses: readonly string[]): Listing {
  const root = config.dataPath ?? '';
  switch (config.dataset) {
    case 'folder':
      return listFolder(root, split, config.cacheDataset);
    case 'modelmaker':
      return datasets.readModelMaker(root, split, config.annotationPrefix);
    case 'csv':
      return listCsv(root, split, modelClasses);
    case 'fashion-mnist':
      throw new Error('internal: Fashion-MNIST is no list of files');
  }
}

function listFolder(root: string, split: Split, cache: boolean): Listing {
  if (!existsSync(root)) throw new FailureError('NO_DATA', `--data-path ${root}: there is no such folder`);
  if (!statSync(root).isDirectory())
    throw new FailureError(
      'NO_DATA',
      `--data-path ${root}: expected a folder or a packed data set but it is a file of another kind`,
    );
  const own = join(root, split);
  if (!existsSync(own) && split === 'train') {
    throw new FailureError(
      'NO_DATA',
      `--data-path ${root}: there is no folder train in it; expected ${root}/train/<class>/<image> and ${root}/val/<class>/<image>`,
    );
  }
  // An evaluation may be pointed at the class folders themselves.
  const folder = existsSync(own) ? own : root;
  const search = (): Listing => {
    const { samples, classes } = new datasets.ImageFolder(folder);
    return { classes, files: samples.map(([path, label]): LabelledFile => ({ path, label })) };
  };
  return cache ? cachedListing(folder, search) : search();
}

function listCsv(root: string, split: Split, modelClasses: readonly string[]): Listing {
  if (!existsSync(root)) throw new FailureError('NO_DATA', `--data-path ${root}: there is no such file or folder`);
  const isFolder = statSync(root).isDirectory();
  if (split === 'train' && !isFolder) {
    throw new UsageError(`--data-path ${root}: expected a folder with train.csv and val.csv in it but received a file`);
  }
  const file = isFolder ? join(root, `${split}.csv`) : root;
  const { samples, classes } = new datasets.CsvList(file, modelClasses.length > 0 ? { classes: modelClasses } : {});
  return { classes, files: samples.map(([path, label]) => ({ path, label })) };
}
