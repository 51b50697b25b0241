/** @file Where the samples of a data set come from: image files with targets of several kinds, or arrays in memory. */

import { readFile } from 'node:fs/promises';
import { fromTypedArray, keep, type Tensor } from '@edgeai/torch';
import { loadImage, loadPhoto } from '../io/decode.ts';
import { type DecodedImage, type ImageReadMode, imageToTensor } from '../io/decoded-image.ts';
import { type MatValue, parseMat } from './files/mat.ts';
import { loadPngSamples, maskToTensor, type PngSamples } from './files/png-samples.ts';
import { invalid } from './files/text.ts';
import { LoadedPicture } from './vision-dataset.ts';

/** One half of every sample: `load` waits for files and makes no tensors, `finish` makes the value. */
export interface Part<Value> {
  load?(index: number): unknown;
  finish(index: number, loaded: unknown): Value;
}

/** Pictures with their targets. */
export interface Samples<Target> {
  readonly length: number;
  load?(index: number): unknown;
  /** The picture, uint8 [channels, height, width] once it is a tensor, and its target. Called inside of a scope. */
  finish(index: number, loaded: unknown): readonly [Tensor | LoadedPicture, Target];
  /** What a person would look for when the sample is broken. */
  describe(index: number): string;
  dispose?(): void;
}

/** Values that are known from the start: classes, texts, records. */
export function values<Value>(list: ArrayLike<Value>): Part<Value> {
  return { finish: (index) => list[index] as Value };
}

/** Rows of whole numbers, each as an int64 tensor. */
export function rows(list: readonly (readonly number[])[]): Part<Tensor> {
  return {
    finish: (index) => {
      const row = list[index] ?? [];
      return fromTypedArray(Float64Array.from(row), [row.length]).to('int64');
    },
  };
}

/** Files, read as `load` says and made into a value by `make`. */
export function files<Loaded, Value>(
  path: (index: number) => string,
  load: (path: string) => Promise<Loaded>,
  make: (loaded: Loaded, path: string) => Value,
): Part<Value> {
  return {
    load: (index) => load(path(index)),
    finish: (index, loaded) => make(loaded as Loaded, path(index)),
  };
}

/** PNG files of class or object numbers: uint8 or int32 tensors [1, height, width]. */
export function maskFiles(path: (index: number) => string): Part<Tensor> {
  return files<PngSamples, Tensor>(path, loadPngSamples, maskToTensor);
}

/** Image files: uint8 tensors [channels, height, width]. */
export function imageFiles(path: (index: number) => string, mode: ImageReadMode = 'RGB'): Part<Tensor> {
  return files<DecodedImage, Tensor>(path, (file) => loadImage(file, mode), imageToTensor);
}

/** Text files, made into a value by `parse`. */
export function textFiles<Value>(
  path: (index: number) => string,
  parse: (text: string, path: string) => Value,
): Part<Value> {
  return files(path, (file) => readTarget(file, 'utf8'), parse);
}

/** MAT-files, made into a value by `parse`. */
export function matFiles<Value>(
  path: (index: number) => string,
  parse: (variables: ReadonlyMap<string, MatValue>, path: string) => Value,
): Part<Value> {
  return files(
    path,
    (file) => readTarget(file),
    (bytes, file) => parse(parseMat(bytes, file), file),
  );
}

function readTarget(path: string, encoding: 'utf8'): Promise<string>;
function readTarget(path: string): Promise<Buffer>;
async function readTarget(path: string, encoding?: 'utf8'): Promise<string | Buffer> {
  try {
    return await readFile(path, encoding);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw invalid(path, missing ? 'there is no such file' : (error as Error).message, error);
  }
}

/** Several parts side by side: a single one as it is, more as an array. */
export function together<Value>(parts: readonly Part<Value>[]): Part<Value | Value[]> {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  return {
    load: (index) => Promise.all(parts.map((part) => part.load?.(index))),
    finish: (index, loaded) => parts.map((part, i) => part.finish(index, (loaded as unknown[])[i])),
  };
}

/** Image files beside a part that gives the targets. */
export function fromFiles<Target>(
  paths: readonly string[],
  target: Part<Target>,
  mode: ImageReadMode = 'RGB',
): Samples<Target> {
  const path = (index: number): string => paths[index] as string;
  const load = (file: string) => (mode === 'RGB' ? loadPhoto(file) : loadImage(file, mode));
  return {
    length: paths.length,
    load: (index) => Promise.all([load(path(index)), target.load?.(index)]),
    finish: (index, loaded) => {
      const [picture, second] = loaded as readonly [DecodedImage, unknown];
      return [new LoadedPicture(picture), target.finish(index, second)];
    },
    describe: path,
  };
}

/** A tensor of pictures [count, channels, height, width], which from now on belongs to the samples. */
export function fromTensor<Target>(images: Tensor, target: Part<Target>, name: string): Samples<Target> {
  const all = keep(images);
  return {
    length: all.size(0),
    finish: (index) => [all.select(0, index), target.finish(index, undefined)],
    describe: (index) => `${name}, image ${index}`,
    dispose: () => all.dispose(),
  };
}
