/** @file Dense maps of image files, samples and videos: as pictures with a legend, as values, and as figures. */

import { join } from 'node:path';
import { inferenceMode, keep, nn, Scope, saveNpy, scope, Tensor, writeFileAtomic } from '@edgeai/torch';
import { io } from '@edgeai/vision';
import { datasets, type visual } from '@edgeai/xvision';

import { UsageError } from '../../errors.ts';
import { type FailedImage, outputNames, readImage } from '../../models/image-inputs.ts';
import type { OpenedModel } from '../../models/opened-model.ts';
import { makeFolder } from '../../runs/make-folder.ts';
import { drawMaps, legendOf, withLegend } from './draw.ts';
import type { DenseFacts } from './facts.ts';
import { toSizeOf } from './meter.ts';
import { runNetwork } from './network.ts';

/** What one map shows. */
export type DenseFinding =
  | { task: 'segmentation' | 'motion'; map: string; classes: { index: number; label: string; share: number }[] }
  | { task: 'depth'; map: string; nearest: number; median: number; farthest: number }
  | { task: 'flow'; map: string; median: number; longest: number };

/** What one image shows. */
export interface DensePrediction {
  file: string;
  /** PNG: all maps in colours, with a legend. */
  picture: string;
  /** One a task. `map` is a PNG of class numbers, or a `.npy` of metres, or of pixels to the right and down. */
  findings: DenseFinding[];
}

export interface DensePredictOptions {
  folder: string;
  device: string;
  colourMap: visual.ColourMapName;
}

/** Images with what should be found in them. */
interface Scene {
  name: string;
  file: string;
  /** uint8 `(3, H, W)`, the one to look at first. They belong to whoever takes the scene. */
  images: readonly Tensor[];
  truth: readonly Tensor[] | null;
}

/** Maps of image files. With networks that see two images, of each file but the first, with the one before it. */
export async function* predictMaps(
  opened: OpenedModel,
  facts: DenseFacts,
  files: readonly string[],
  options: DensePredictOptions,
): AsyncGenerator<DensePrediction | FailedImage> {
  requirePictures(facts);
  if (files.length < facts.images)
    throw new UsageError(
      '--input: this network looks at two images, one after the other; repeat --input or name a folder',
    );
  makeFolder(options.folder);
  const names = outputNames(files);
  for (const [i, file] of files.entries()) {
    if (i < facts.images - 1) continue;
    const read = await Promise.all((facts.images === 2 ? [file, files[i - 1] as string] : [file]).map(readImage));
    const failed = read.find((image) => 'error' in image);
    const images = read.filter((image) => image instanceof Tensor);
    if (failed !== undefined && 'error' in failed) {
      for (const image of images) image.dispose();
      yield failed;
      continue;
    }
    yield await writeScene(opened, facts, { name: names[i] as string, file, images, truth: null }, options);
  }
}

/** @throws {UsageError} for networks that see flow, which is not in image files */
function requirePictures({ images, secondInput }: DenseFacts): void {
  if (images === 2 && secondInput === 'flow')
    throw new UsageError('--input: this network looks at an image and the flow to the one before; use --samples');
}

/** Maps of the first samples of a data set. @param compare draw the truth beside them */
export async function* predictSamples(
  opened: OpenedModel,
  facts: DenseFacts,
  samples: datasets.DenseDataset,
  { count, compare, ...options }: DensePredictOptions & { count: number; compare: boolean },
): AsyncGenerator<DensePrediction> {
  makeFolder(options.folder);
  for (let i = 0; i < Math.min(count, samples.length); i++) {
    const { images, targets } = await samples.get(i);
    const maps = (all: typeof images) => all.map(({ map }) => map);
    if (!compare) for (const map of maps(targets)) map.dispose();
    const name = `sample-${String(i).padStart(4, '0')}`;
    const scene = { name, file: samples.describe(i), images: maps(images), truth: compare ? maps(targets) : null };
    yield await writeScene(opened, facts, scene, options);
  }
}

/** Writes a video of what is in another. Networks that see two images begin with the second. @returns the number of frames */
export async function predictVideo(
  opened: OpenedModel,
  facts: DenseFacts,
  file: string,
  output: string,
  { device, colourMap }: Pick<DensePredictOptions, 'device' | 'colourMap'>,
): Promise<number> {
  requirePictures(facts);
  const reader = new io.VideoReader(file);
  const { fps } = await reader.metadata();
  const legend = legendOf(facts.targets, { colourMap });
  let count = 0;
  async function* frames(): AsyncGenerator<Tensor, void, undefined> {
    let before: Tensor | null = null;
    try {
      for await (const { data } of reader) {
        const previous: Tensor | null = before;
        before = data;
        if (facts.images === 2 && previous === null) continue;
        const images = previous === null || facts.images === 1 ? [data] : [data, previous];
        using picture = scope(() => {
          const maps = findMaps(opened, facts, images, device);
          return evenSided(drawMaps(data, facts.targets, maps, { colourMap }));
        });
        previous?.dispose();
        using whole = await withLegend(picture, legend);
        count++;
        yield scope(() => evenSided(whole));
      }
    } finally {
      before?.dispose();
    }
  }
  await io.writeVideoFrames(output, frames(), fps, { options: { crf: 18 } });
  return count;
}

/** Players want even sides. */
function evenSided(image: Tensor): Tensor {
  const [height = 0, width = 0] = image.shape.slice(-2);
  return height % 2 === 0 && width % 2 === 0
    ? image.clone()
    : nn.functional.pad(image, [0, width % 2, 0, height % 2], { value: 255 });
}

/** The maps of a network, in the size of the first image: class numbers as uint8, metres as float32, `(1, H, W)`; flow as float32 `(2, H, W)`. */
function findMaps(
  { model }: OpenedModel,
  { transform, targets, secondInput }: DenseFacts,
  images: readonly Tensor[],
  device: string,
): Tensor[] {
  return inferenceMode(() => {
    const [first] = images as [Tensor, ...Tensor[]];
    const kindOf = (i: number) => (i === 1 && secondInput === 'flow' ? 'flow' : 'image');
    const sample = transform({ images: images.map((map, i) => ({ kind: kindOf(i), map })), targets: [] });
    const { maps } = runNetwork(
      model,
      sample.images.map(({ map }) => map.unsqueeze(0).to(device)),
    );
    return targets.map((info, i) => {
      const large = toSizeOf(maps[i] as Tensor, first, info.kind);
      if (!datasets.isClasses(info)) return large.select(0, 0).to({ device: 'cpu', dtype: 'float32' }).contiguous();
      return large.argmax(1).to('uint8').to('cpu');
    });
  });
}

async function writeScene(
  opened: OpenedModel,
  facts: DenseFacts,
  { name, file, images, truth }: Scene,
  { folder, device, colourMap }: DensePredictOptions,
): Promise<DensePrediction> {
  using owner = new Scope();
  for (const tensor of [...images, ...(truth ?? [])]) owner.adopt(tensor);
  const [image] = images as [Tensor, ...Tensor[]];
  const maps = owner.run(() => findMaps(opened, facts, images, device).map(keep));
  for (const map of maps) owner.adopt(map);
  const findings: DenseFinding[] = [];
  const present: Set<number>[] = [];
  for (const [i, info] of facts.targets.entries()) {
    const map = maps[i] as Tensor;
    const path = join(folder, `${name}.${info.kind}.${datasets.isClasses(info) ? 'png' : 'npy'}`);
    if (!datasets.isClasses(info)) {
      saveNpy(map, path);
      findings.push(
        owner.run(() =>
          info.kind === 'depth'
            ? { task: 'depth', map: path, ...depthFigures(map) }
            : { task: 'flow', map: path, ...flowFigures(map) },
        ),
      );
      present.push(new Set());
      continue;
    }
    writeFileAtomic(path, await io.encodePng(map));
    const classes = owner.run(() => shares(map, info));
    findings.push({ task: info.kind, map: path, classes });
    const real = truth === null ? [] : owner.run(() => shares(truth[i] as Tensor, info));
    present.push(new Set([...classes, ...real].map(({ index }) => index)));
  }
  const drawing = { colourMap, truth };
  const drawn = drawMaps(image, facts.targets, maps, drawing);
  owner.adopt(drawn);
  const whole = await withLegend(drawn, legendOf(facts.targets, drawing, present));
  owner.adopt(whole);
  const picture = join(folder, `${name}.png`);
  writeFileAtomic(picture, await io.encodePng(whole));
  return { file, picture, findings };
}

function depthFigures(map: Tensor): { nearest: number; median: number; farthest: number } {
  const metres = (value: Tensor) => Number(Number(value.item()).toFixed(2));
  return { nearest: metres(map.min()), median: metres(map.flatten().median()), farthest: metres(map.max()) };
}

/** Lengths in pixels. */
function flowFigures(map: Tensor): { median: number; longest: number } {
  const lengths = map.square().sum([0]).sqrt();
  const pixels = (value: Tensor) => Number(Number(value.item()).toFixed(2));
  return { median: pixels(lengths.flatten().median()), longest: pixels(lengths.max()) };
}

/** The classes that are there, the largest first. */
function shares(map: Tensor, info: datasets.ClassTarget): { index: number; label: string; share: number }[] {
  const counts = map.flatten().to('int64').bincount(null, 256).toArray() as number[];
  const total = map.numel();
  return info.classes
    .map((label, index) => ({ index, label, share: Number(counts[index] ?? 0) / total }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share);
}

/** Opens the samples that the network is to be shown. */
export function openShown(
  facts: DenseFacts,
  { dataset, dataPath }: { dataset?: string | undefined; dataPath?: string | undefined },
): datasets.DenseDataset {
  return datasets.openDense(dataset ?? facts.dataset, {
    root: dataPath ?? null,
    split: 'val',
    tasks: facts.targets.map(({ kind }) => kind),
    images: facts.images === 2 ? 2 : 1,
    second: facts.secondInput,
    scenes: { length: 100, size: [facts.size[0], facts.size[1]] },
    maxDepth: facts.targets.find((info) => info.kind === 'depth')?.max ?? 80,
  });
}
