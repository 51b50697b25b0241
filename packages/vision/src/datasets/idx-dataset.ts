/** @file Base of the data sets in MNIST's format: where their files are, how they get there, and the whole set in memory. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError, data, keep, type Tensor } from '@edgeai/torch';
import { type DownloadOptions, downloadFile } from '../download.ts';
import { DatasetError } from './errors.ts';
import { readIdx } from './idx.ts';
import { expandHome } from './listing.ts';
import { VisionDataset, type VisionDatasetOptions } from './vision-dataset.ts';

/** What is known about one data set of this kind. */
export interface IdxSource {
  /** Name of its folder: files are at `root/<name>/raw`. */
  readonly name: string;
  readonly classes: readonly string[];
  /** Names of the files with images and labels, without `.gz`. */
  readonly files: (train: boolean) => readonly [images: string, labels: string];
  /** Addresses that the files' names are appended to; none where it cannot be downloaded file by file. */
  readonly mirrors: readonly string[];
  /** MD5 of `<file>.gz`. */
  readonly md5: Readonly<Record<string, string>>;
  /** Where a package of the system puts the files. */
  readonly systemFolder?: string;
  /** What to do where the files are missing. */
  readonly advice: string;
}

export interface IdxDatasetOptions<T, Y> extends VisionDatasetOptions<Tensor, T, Y> {
  /** Training or test images. Default true. */
  train?: boolean;
}

export interface IdxOpenOptions<T, Y> extends IdxDatasetOptions<T, Y>, Pick<DownloadOptions, 'onProgress' | 'signal'> {
  /** Fetch files that are missing. Default false. */
  download?: boolean;
}

/**
 * Grey images of one size, held in memory as a single uint8 tensor. A sample is [uint8 tensor [1, height, width], class], the
 * tensor a view into the whole.
 */
export class IdxDataset<T = Tensor, Y = number> extends VisionDataset<Tensor, T, Y> {
  /** All images, uint8 [count, height, width]. */
  readonly data: Tensor;
  /** The class of every image. */
  readonly targets: readonly number[];
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly train: boolean;
  /** The files that were read. */
  readonly files: readonly [images: string, labels: string];

  /** @throws {DatasetError} when the files are missing @throws {FileFormatError} naming a damaged one */
  constructor(source: IdxSource, root: string | undefined, options: IdxDatasetOptions<T, Y>) {
    super(options);
    if ((options as IdxOpenOptions<T, Y>).download === true) {
      throw new ArgumentError(
        'download',
        `Downloading takes a while: use await ${source.name}.open(root, { download: true }) instead of new ${source.name}(…)`,
      );
    }
    this.train = options.train ?? true;
    this.classes = source.classes;
    this.classToIdx = new Map(source.classes.map((name, i) => [name, i]));
    this.files = findFiles(source, root, this.train);
    const labels = readIdx(this.files[1]);
    this.targets = Array.from(labels.toTypedArray(), Number);
    labels.dispose();
    this.data = keep(readIdx(this.files[0]));
    checkData(this.data, this.targets.length, this.files[0]);
  }

  get length(): number {
    return this.targets.length;
  }

  get(index: number): [T, Y] {
    data.checkIndex(index, this.length);
    return this.pair(() => this.data.select(0, index).unsqueeze(0), this.targets[index] as number);
  }

  /** Releases the images. */
  dispose(): void {
    this.data.dispose();
  }
}

function checkData(images: Tensor, count: number, path: string): void {
  const { shape, dtype } = images;
  if (shape.length === 3 && dtype === 'uint8' && shape[0] === count) return;
  images.dispose();
  throw new DatasetError(
    'DATASET_INVALID',
    path,
    `${path} holds ${dtype} [${shape.join(', ')}]; expected uint8 [${count}, height, width], one image for each of the ${count} labels`,
  );
}

function folders(source: IdxSource, root: string | undefined): string[] {
  const below = root === undefined ? [] : [join(expandHome(root), source.name, 'raw'), expandHome(root)];
  return source.systemFolder === undefined ? below : [...below, source.systemFolder];
}

function locate(name: string, places: readonly string[]): string | undefined {
  return places.flatMap((folder) => [join(folder, name), join(folder, `${name}.gz`)]).find((path) => existsSync(path));
}

function findFiles(source: IdxSource, root: string | undefined, train: boolean): [string, string] {
  const places = folders(source, root);
  const [images, labels] = source.files(train).map((name) => locate(name, places));
  if (images !== undefined && labels !== undefined) return [images, labels];
  const [wanted] = source.files(train);
  throw new DatasetError(
    'DATASET_NOT_FOUND',
    places[0] ?? '',
    `${source.name} was not found: no ${wanted} (or ${wanted}.gz) in ${places.join(', ') || 'any folder'}. ${source.advice}`,
  );
}

/** @internal Downloads the files that are missing, where that is wanted. */
export async function ensureFiles(
  source: IdxSource,
  root: string | undefined,
  options: IdxOpenOptions<never, never>,
): Promise<void> {
  if (options.download !== true) return;
  const missing = source
    .files(options.train ?? true)
    .filter((name) => locate(name, folders(source, root)) === undefined);
  if (missing.length === 0) return;
  if (root === undefined) throw new ArgumentError('root', `Expected a folder to download ${source.name} to`);
  if (source.mirrors.length === 0)
    throw new DatasetError(
      'DATASET_NOT_FOUND',
      root,
      `${source.name} cannot be downloaded file by file. ${source.advice}`,
    );
  for (const name of missing) {
    const file = `${name}.gz`;
    await downloadFile(
      source.mirrors.map((mirror) => `${mirror}${file}`),
      join(expandHome(root), source.name, 'raw', file),
      { md5: source.md5[file], onProgress: options.onProgress, signal: options.signal },
    );
  }
}
