/** @file Dense data sets whose samples lie in files: pictures, class numbers, depths. Files are read without making tensors, so that it can be done ahead. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fromTypedArray, type Tensor } from '@edgeai/torch';
import { datasets, io } from '@edgeai/vision';
import type { DenseSource } from './dense-dataset.ts';
import { relabel, type TargetInfo } from './targets.ts';

/** One image or map of every sample. */
export interface Part {
  /** The files that it needs, for the check that all are there. */
  files(index: number): readonly string[];
  load(index: number): Promise<unknown>;
  finish(loaded: unknown): Tensor;
}

/** Pictures, uint8 `(3, H, W)`. */
export function pictures(paths: readonly string[]): Part {
  const path = (index: number) => paths[index] as string;
  return {
    files: (index) => [path(index)],
    load: (index) => io.loadImage(path(index), 'RGB'),
    finish: (loaded) => io.imageToTensor(loaded as io.DecodedImage),
  };
}

/** Numbers of classes in PNG files, uint8 `(1, H, W)`. @param table the class of each number; without it, the number itself */
export function classMaps(paths: readonly string[], table: readonly number[] | null = null): Part {
  const path = (index: number) => paths[index] as string;
  return {
    files: (index) => [path(index)],
    load: (index) => datasets.loadPngSamples(path(index)),
    finish: (loaded) => {
      const all = datasets.samplesToTensor(loaded as datasets.PngSamples);
      const mask = all.narrow(0, 0, 1);
      return table === null ? mask : relabel(mask, table);
    },
  };
}

/**
 * Flow as an input, in colour PNG files: to the right, down and confidence, each with 128 added. float32 `(3, H, W)`, the middle at 0.
 */
export function flowPictures(paths: readonly string[]): Part {
  const part = pictures(paths);
  return { ...part, finish: (loaded) => part.finish(loaded).to('float32').sub(128) };
}

/** Flow as a target, float32 `(2, H, W)`, known where it is not exactly 0. @param finish makes it of what `load` read */
export function flowMaps<Loaded>(
  paths: readonly string[],
  load: (path: string) => Promise<Loaded>,
  finish: (loaded: Loaded) => Tensor,
): Part {
  const path = (index: number) => paths[index] as string;
  return {
    files: (index) => [path(index)],
    load: (index) => load(path(index)),
    finish: (loaded) => finish(loaded as Loaded),
  };
}

/** A map of numbers, row after row. */
export interface Plane {
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

/** Depths in metres, float32 `(1, H, W)`, 0 where nothing is known. @param max what is beyond is not known */
export function depthMaps(
  files: (index: number) => readonly string[],
  load: (index: number) => Promise<Plane>,
  max: number,
): Part {
  return {
    files,
    load,
    finish: (loaded) => {
      const { data, height, width } = loaded as Plane;
      const known = data.map((depth) => (depth > 0 && depth <= max ? depth : 0));
      return fromTypedArray(known, [1, height, width]);
    },
  };
}

/** The first channel of a PNG file, each value changed. */
export async function pngPlane(path: string, change: (value: number) => number): Promise<Plane> {
  const { data, height, width, channels } = await datasets.loadPngSamples(path);
  const values = Float32Array.from({ length: height * width }, (_, i) => change(data[i * channels] as number));
  return { data: values, height, width };
}

/**
 * A data set of parts that belong together by index.
 *
 * @throws {datasets.DatasetError} where there is no sample, or naming the first of the files that are missing
 */
export function fromParts(
  name: string,
  root: string,
  length: number,
  images: readonly Part[],
  targets: readonly (readonly [TargetInfo, Part])[],
  imageKinds?: DenseSource['imageKinds'],
): DenseSource {
  if (length === 0) throw new datasets.DatasetError('DATASET_EMPTY', root, `${name}: there is no sample in ${root}`);
  const parts = [...images, ...targets.map(([, part]) => part)];
  const missing = Array.from({ length }, (_, i) => parts.flatMap((part) => part.files(i)))
    .flat()
    .filter((path) => !existsSync(path));
  if (missing.length > 0) {
    const more = missing.length === 1 ? '' : `, and ${missing.length - 1} more`;
    throw new datasets.DatasetError(
      'DATASET_INVALID',
      missing[0] as string,
      `${name}: a sample has no ${missing[0]}${more}`,
    );
  }
  return {
    length,
    targets: targets.map(([info]) => info),
    images: images.length,
    ...(imageKinds === undefined ? {} : { imageKinds }),
    load: (index) => Promise.all(parts.map((part) => part.load(index))),
    finish: (loaded) => {
      const made = parts.map((part, i) => part.finish((loaded as unknown[])[i]));
      return { images: made.slice(0, images.length), targets: made.slice(images.length) };
    },
    describe: (index) => images[0]?.files(index)[0] ?? `sample ${index}`,
  };
}

/** Names of the files below a folder that end so, sorted, relative to it; none where there is no folder. */
export function namesBelow(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .sort();
}

/** Folders in a folder, sorted. */
export function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name))
    .sort();
}

/** The same number with one taken off, at the same width: `000019` to `000018`. */
export function before(digits: string): string {
  return String(Number(digits) - 1).padStart(digits.length, '0');
}

/** Every how many-th scene is for evaluation, of data sets that are published without such a part. */
const HELD_OUT = 5;

/** What is for this split: every fifth for evaluation, the others to train. */
export function heldOut<T>(all: readonly T[], split: string): T[] {
  return all.filter((_, i) => (i % HELD_OUT === HELD_OUT - 1) === (split === 'val'));
}
