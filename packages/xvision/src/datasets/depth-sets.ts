/** @file Data sets of depth: KITTI's streets, measured by laser, and the film Sintel, rendered. */

import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { FileFormatError } from '@edgeai/torch';
import { datasets } from '@edgeai/vision';
import type { DenseSource } from './dense-dataset.ts';
import {
  before,
  depthMaps,
  foldersIn,
  fromParts,
  heldOut,
  namesBelow,
  type Plane,
  pictures,
  pngPlane,
} from './from-files.ts';
import { type DenseOpenOptions, type Opener, requireTasks, rootOf } from './source-options.ts';

/** A picture, its depth, and the picture before. */
interface Paths {
  readonly image: string;
  readonly depth: string;
  readonly previous: string;
}

function depthSource(
  name: string,
  root: string,
  all: readonly Paths[],
  { tasks, images = 1, maxDepth = 80 }: DenseOpenOptions,
  load: (path: string) => Promise<Plane>,
): DenseSource {
  const used = images === 2 ? all.filter(({ previous }) => existsSync(previous)) : all;
  const depth = (index: number) => used[index]?.depth ?? '';
  const current = pictures(used.map(({ image }) => image));
  return fromParts(
    name,
    root,
    used.length,
    images === 2 ? [current, pictures(used.map(({ previous }) => previous))] : [current],
    tasks.map(() => [
      { kind: 'depth', max: maxDepth },
      depthMaps(
        (index) => [depth(index)],
        (index) => load(depth(index)),
        maxDepth,
      ),
    ]),
  );
}

/**
 * KITTI's depth. The drives are those that `root/train.txt` and `root/val.txt` name, or the folders in `root/train` and
 * `root/val`; a drive has `image_02/data/*.png` and `proj_depth/groundtruth/image_02/*.png` of the same names. Pictures without
 * depth, five at either end of a drive, are left out. Uhrig et al., 2017.
 */
export const openKittiDepth: Opener = (options) => {
  requireTasks(options, 'kitti-depth', ['depth'], { pairs: true });
  const root = rootOf(options, 'kitti-depth');
  const all = drives(root, options.split).flatMap((drive): Paths[] => {
    const folder = join(drive, 'proj_depth', 'groundtruth', 'image_02');
    const names = namesBelow(folder, '.png');
    if (names.length === 0)
      throw new datasets.DatasetError('DATASET_EMPTY', folder, `kitti-depth: there is no depth in ${folder}`);
    const image = (name: string) => join(drive, 'image_02', 'data', name);
    return names.map((name) => ({
      image: image(name),
      depth: join(folder, name),
      previous: image(`${before(basename(name, '.png'))}.png`),
    }));
  });
  // 16 bits: 256 steps a metre, 0 for nothing.
  return depthSource('kitti-depth', root, all, options, (path) => pngPlane(path, (value) => value / 256));
};

function drives(root: string, split: string): string[] {
  const list = join(root, `${split}.txt`);
  if (!existsSync(list)) return foldersIn(join(root, split));
  return readFileSync(list, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => join(root, line));
}

/**
 * Sintel's depth: `root/training/{clean,final}/<scene>/frame_*.png` (clean where there is both) and `root/training/depth/<scene>/frame_*.dpt`.
 * Every fifth scene is for evaluation. Butler et al., 2012.
 */
export const openSintelDepth: Opener = (options) => {
  requireTasks(options, 'sintel-depth', ['depth'], { pairs: true });
  const root = join(rootOf(options, 'sintel-depth'), 'training');
  const pass = ['clean', 'final'].find((name) => existsSync(join(root, name))) ?? 'clean';
  const scenes = heldOut(foldersIn(join(root, pass)), options.split);
  const all = scenes.flatMap((scene) =>
    namesBelow(scene, '.png').map((name): Paths => {
      const stem = basename(name, extname(name));
      const [, head = '', frame = ''] = /^(.*?)(\d+)$/.exec(stem) ?? [];
      return {
        image: join(scene, name),
        depth: join(dirname(dirname(scene)), 'depth', basename(scene), `${stem}.dpt`),
        previous: join(scene, `${head}${before(frame)}.png`),
      };
    }),
  );
  return depthSource('sintel-depth', root, all, options, readDpt);
};

/** The first number of a `.dpt` file. */
const DPT_TAG = 202021.25;

/** A `.dpt` file: tag, width, height, and metres as float32. @throws {FileFormatError} naming the file */
export async function readDpt(path: string): Promise<Plane> {
  const bytes = await readFile(path);
  if (bytes.length < 12 || bytes.readFloatLE(0) !== DPT_TAG)
    throw new FileFormatError('is not a .dpt file (its first bytes are wrong)', path);
  const [width, height] = [bytes.readInt32LE(4), bytes.readInt32LE(8)];
  if (!(width > 0 && height > 0) || bytes.length !== 12 + 4 * width * height)
    throw new FileFormatError(`has ${bytes.length} bytes, which is not what ${width}×${height} depths have`, path);
  return {
    data: Float32Array.from({ length: width * height }, (_, i) => bytes.readFloatLE(12 + 4 * i)),
    height,
    width,
  };
}
