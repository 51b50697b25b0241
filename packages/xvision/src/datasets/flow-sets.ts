/** @file Data sets of optical flow: flying chairs, the film Sintel with its depth, KITTI's streets. The second image is the one that the flow leads to. */

import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ArgumentError } from '@edgeai/torch';
import { datasets } from '@edgeai/vision';
import type { DenseSource } from './dense-dataset.ts';
import { readDpt } from './depth-sets.ts';
import { depthMaps, flowMaps, foldersIn, fromParts, heldOut, namesBelow, type Part, pictures } from './from-files.ts';
import { type DenseOpenOptions, type Opener, requireTasks, rootOf } from './source-options.ts';
import { knownFlow, type TargetInfo } from './targets.ts';

/** A pair of pictures and the files that belong to the first. */
interface Pair {
  readonly first: string;
  readonly second: string;
  readonly flow: string;
  /** Where depth is published too. */
  readonly depth?: string;
}

function pairSource(
  name: string,
  root: string,
  pairs: readonly Pair[],
  { tasks, images = 1, maxDepth = 80 }: DenseOpenOptions,
  flowOf: (paths: readonly string[]) => Part,
): DenseSource {
  const depth = (index: number) => pairs[index]?.depth ?? '';
  const maps: Record<'flow' | 'depth', () => readonly [TargetInfo, Part]> = {
    flow: () => [{ kind: 'flow' }, flowOf(pairs.map(({ flow }) => flow))],
    depth: () => [
      { kind: 'depth', max: maxDepth },
      depthMaps(
        (index) => [depth(index)],
        (index) => readDpt(depth(index)),
        maxDepth,
      ),
    ],
  };
  const first = pictures(pairs.map((pair) => pair.first));
  return fromParts(
    name,
    root,
    pairs.length,
    images === 2 ? [first, pictures(pairs.map(({ second }) => second))] : [first],
    tasks.map((task) => maps[task as keyof typeof maps]()),
  );
}

const floMaps = (paths: readonly string[]): Part =>
  flowMaps(paths, datasets.loadFlo, (planes) => knownFlow(datasets.planesToTensor(planes)));

const kittiMaps = (paths: readonly string[]): Part =>
  flowMaps(paths, datasets.loadPngSamples, (samples) => knownFlow(...datasets.kittiFlow(samples)));

/** The file that says of each chair whether it is to train (1) or to evaluate (2). */
const CHAIRS_LIST = 'FlyingChairs_train_val.txt';

/**
 * Chairs flying about: `*_img1.ppm`, `*_img2.ppm` and `*_flow.flo` in `root` or `root/data`. The publisher's list in `root` says which are
 * for evaluation; without it, every fifth. Dosovitskiy et al., 2015.
 */
export const openFlyingChairs: Opener = (options) => {
  requireTasks(options, 'flying-chairs', ['flow'], { pairs: true });
  const root = rootOf(options, 'flying-chairs');
  const folder = existsSync(join(root, 'data')) ? join(root, 'data') : root;
  const all = namesBelow(folder, '_flow.flo').map((name): Pair => {
    const stem = join(folder, name.slice(0, -'_flow.flo'.length));
    return { first: `${stem}_img1.ppm`, second: `${stem}_img2.ppm`, flow: `${stem}_flow.flo` };
  });
  return pairSource('flying-chairs', folder, chairsOf(root, all, options.split), options, floMaps);
};

function chairsOf(root: string, all: readonly Pair[], split: string): Pair[] {
  const list = join(root, CHAIRS_LIST);
  if (!existsSync(list)) return heldOut(all, split);
  const parts = readFileSync(list, 'utf8').split(/\s+/).filter(Boolean);
  if (parts.length !== all.length)
    throw new ArgumentError('root', `${list} has ${parts.length} entries, but there are ${all.length} pairs of chairs`);
  return all.filter((_, i) => parts[i] === (split === 'val' ? '2' : '1'));
}

/**
 * Sintel's flow and depth: `root/training/<pass>/<scene>/frame_*.png`, `flow/<scene>/frame_*.flo`, `depth/<scene>/frame_*.dpt`. Every
 * fifth scene is for evaluation. Butler et al., 2012.
 */
function sintel(name: string, passes: readonly string[]): Opener {
  return (options) => {
    requireTasks(options, name, ['flow', 'depth'], { pairs: true });
    const root = join(rootOf(options, name), 'training');
    const all = passes.flatMap((pass) =>
      heldOut(foldersIn(join(root, pass)), options.split).flatMap((scene) => {
        const frames = namesBelow(scene, '.png');
        // The last frame has none after it.
        return frames.slice(0, -1).map((frame, i): Pair => {
          const beside = (part: string, ending: string) =>
            join(root, part, basename(scene), `${basename(frame, '.png')}${ending}`);
          return {
            first: join(scene, frame),
            second: join(scene, frames[i + 1] as string),
            flow: beside('flow', '.flo'),
            depth: beside('depth', '.dpt'),
          };
        });
      }),
    );
    return pairSource(name, root, all, options, floMaps);
  };
}

/**
 * KITTI's flow: `root/training/{image_2,colored_0}/*_10.png`, `*_11.png`, and 16-bit PNG files in `flow_occ` or `flow_noc`, without the
 * pixels that are hidden in the second picture. Every fifth pair is for evaluation. Menze and Geiger, 2015.
 */
function kittiFlow(name: string, part: 'flow_occ' | 'flow_noc'): Opener {
  return (options) => {
    requireTasks(options, name, ['flow'], { pairs: true });
    const root = join(rootOf(options, name), 'training');
    const images = ['image_2', 'colored_0'].find((folder) => existsSync(join(root, folder))) ?? 'image_2';
    const all = namesBelow(join(root, part), '_10.png').map((frame): Pair => {
      const second = frame.replace(/_10\.png$/, '_11.png');
      return { first: join(root, images, frame), second: join(root, images, second), flow: join(root, part, frame) };
    });
    return pairSource(name, root, heldOut(all, options.split), options, kittiMaps);
  };
}

export const openSintelClean: Opener = sintel('sintel-clean', ['clean']);
export const openSintelFinal: Opener = sintel('sintel-final', ['final']);
export const openSintelBoth: Opener = sintel('sintel-both', ['clean', 'final']);
export const openKittiFlowOcc: Opener = kittiFlow('kitti-flow-occ', 'flow_occ');
export const openKittiFlowNoc: Opener = kittiFlow('kitti-flow-noc', 'flow_noc');
