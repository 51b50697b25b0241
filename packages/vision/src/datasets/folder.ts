/** @file Data sets laid out as one folder a class: DatasetFolder for any kind of file, ImageFolder for images. */

import { join } from 'node:path';
import { ArgumentError, data, type Tensor } from '@edgeai/torch';
import { loadPhoto } from '../io/decode.ts';
import { type DecodedImage, imageToTensor } from '../io/decoded-image.ts';
import { applyToImage } from '../transforms/photo-draft.ts';
import { DatasetError } from './errors.ts';
import { expandHome, filesBelow, isFolder, subfolders } from './listing.ts';
import { FileDataset, type VisionDatasetOptions } from './vision-dataset.ts';

/** Endings of the files that count as images. */
export const IMG_EXTENSIONS: readonly string[] = [
  '.jpg',
  '.jpeg',
  '.png',
  '.ppm',
  '.bmp',
  '.pgm',
  '.tif',
  '.tiff',
  '.webp',
];

/** A file and its class. */
export type FolderSample = readonly [path: string, target: number];

export interface DatasetFolderOptions<S, T, Y> extends VisionDatasetOptions<S, T, Y> {
  /** Endings of the files that count, in small letters and with the dot. Either these or `isValidFile`. */
  extensions?: readonly string[];
  /** Decides by the path whether a file counts. */
  isValidFile?: (path: string) => boolean;
}

/**
 * Files in one folder a class: `root/<class>/…/<file>`. Classes are numbered in alphabetical order; links are followed.
 */
@data.portable(import.meta.url)
export class DatasetFolder<S, T = S, Y = number> extends FileDataset<S, S, T, Y> {
  readonly root: string;
  readonly loader: (path: string) => S | Promise<S>;
  /** Names of the classes, sorted. */
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  /** Path and class of every sample. */
  readonly samples: readonly FolderSample[];

  /** @throws {DatasetError} for a missing folder, one without class folders, and classes without files */
  constructor(root: string, loader: (path: string) => S | Promise<S>, options: DatasetFolderOptions<S, T, Y> = {}) {
    super(options);
    this.root = expandHome(root);
    this.loader = loader;
    const { isValidFile, extensions } = options;
    if ((isValidFile === undefined) === (extensions === undefined))
      throw new ArgumentError('extensions', 'Give either extensions or isValidFile');
    const accepts = isValidFile ?? ((path: string) => hasExtension(path, extensions ?? []));
    this.classes = findClasses(this.root, accepts);
    this.classToIdx = new Map(this.classes.map((name, i) => [name, i]));
    this.samples = findSamples(this.root, this.classes, accepts, extensions);
  }

  get length(): number {
    return this.samples.length;
  }

  /** The class of every sample. */
  get targets(): number[] {
    return this.samples.map(([, target]) => target);
  }

  load(index: number): S | Promise<S> {
    return this.loader(this.#sample(index)[0]);
  }

  finish(loaded: S, index: number): [T, Y] {
    return this.pair(() => loaded, this.#sample(index)[1]);
  }

  /** The sample's path. */
  describe(index: number): string {
    return this.#sample(index)[0];
  }

  #sample(index: number): FolderSample {
    data.checkIndex(index, this.length);
    return this.samples[index] as FolderSample;
  }
}

export interface ImageFolderOptions<T, Y> extends VisionDatasetOptions<Tensor, T, Y> {
  /** Reads a file. Default: decodes it to RGB. */
  loader?: (path: string) => DecodedImage | Promise<DecodedImage>;
  /** Decides by the path whether a file counts. Default: its ending is one of {@link IMG_EXTENSIONS}. */
  isValidFile?: (path: string) => boolean;
}

/**
 * Images in one folder a class: `root/<class>/…/<image>`. A sample is [uint8 RGB tensor [3, height, width], class].
 *
 * ```ts
 * const photos = new ImageFolder('photos/train', { transform: new ImageClassification({ cropSize: 224 }) });
 * ```
 */
@data.portable(import.meta.url)
export class ImageFolder<T = Tensor, Y = number> extends DatasetFolder<DecodedImage, T, Y> {
  /** @throws {DatasetError} for a missing folder, one without class folders, and classes without images */
  constructor(root: string, options: ImageFolderOptions<T, Y> = {}) {
    const { transform, targetTransform, transforms, isValidFile } = options;
    super(root, options.loader ?? ((path: string) => loadPhoto(path)), {
      transform: transforms !== undefined && transform === undefined ? undefined : imageTransform(transform),
      targetTransform,
      transforms: transforms && ((image: DecodedImage, target: number) => transforms(imageToTensor(image), target)),
      ...(isValidFile === undefined ? { extensions: IMG_EXTENSIONS } : { isValidFile }),
    });
  }
}

/** @internal A transform of tensors as one of decoded images; without it, T is Tensor. */
export function imageTransform<T>(transform: ((image: Tensor) => T) | undefined): (image: DecodedImage) => T {
  return transform === undefined
    ? (image) => imageToTensor(image) as unknown as T
    : (image) => applyToImage(transform, image);
}

/** @internal */
export function hasExtension(path: string, extensions: readonly string[]): boolean {
  const name = path.toLowerCase();
  return extensions.some((extension) => name.endsWith(extension));
}

function findClasses(root: string, accepts: (path: string) => boolean): string[] {
  if (!isFolder(root)) throw new DatasetError('DATASET_NOT_FOUND', root, `The data folder ${root} does not exist`);
  const classes = subfolders(root);
  if (classes.length > 0) return classes;
  const loose = filesBelow(root).filter(accepts).length;
  const found = loose > 0 ? `${loose} file${loose === 1 ? '' : 's'} but no class folders` : 'no class folders';
  throw new DatasetError(
    'DATASET_EMPTY',
    root,
    `${root} has ${found}; expected one folder a class: ${root}/<class>/<file>`,
  );
}

function findSamples(
  root: string,
  classes: readonly string[],
  accepts: (path: string) => boolean,
  extensions?: readonly string[],
): FolderSample[] {
  const samples: FolderSample[] = [];
  const empty: string[] = [];
  for (const [target, name] of classes.entries()) {
    const files = filesBelow(join(root, name)).filter(accepts);
    if (files.length === 0) empty.push(name);
    for (const path of files) samples.push([path, target]);
  }
  if (empty.length > 0) {
    const wanted = extensions === undefined ? 'accepted by isValidFile' : `ending in ${extensions.join(', ')}`;
    throw new DatasetError(
      'DATASET_EMPTY',
      root,
      `${root}: no files in the class folder${empty.length === 1 ? '' : 's'} ${empty.join(', ')}; expected files ${wanted}`,
    );
  }
  return samples;
}
