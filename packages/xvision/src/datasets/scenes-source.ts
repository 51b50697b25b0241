/** @file Rendered scenes as a dense data set. */

import type { Tensor } from '@edgeai/torch';
import { DrivingScenes, SCENE_CLASSES } from '../scenes/index.ts';
import { CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS } from './palettes.ts';
import { classes, type DenseTaskKind, type Opener } from './source-options.ts';
import { MOTION_TARGET, type TargetInfo } from './targets.ts';

/** The maps of a rendered scene. */
export const openScenes: Opener = ({ split, tasks, images = 1, scenes = {}, maxDepth = 80 }) => {
  const { length = split === 'train' ? 800 : 100, size = [96, 192] as const, seed = 0 } = scenes;
  const set = new DrivingScenes({ length, size, seed: split === 'train' ? seed : seed + 1_000_003 });
  const info: Record<DenseTaskKind, TargetInfo> = {
    segmentation: classes(SCENE_CLASSES, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS),
    depth: { kind: 'depth', max: maxDepth },
    motion: MOTION_TARGET,
  };
  return {
    length,
    targets: tasks.map((task) => info[task]),
    images,
    finish: (_, index) => {
      const scene = set.get(index);
      const maps: Record<DenseTaskKind, Tensor> = {
        segmentation: scene.segmentation,
        depth: scene.depth.maskedFill(scene.depth.gt(maxDepth), 0),
        motion: scene.motion,
      };
      return {
        images: images === 2 ? [scene.image, scene.previous] : [scene.image],
        targets: tasks.map((task) => maps[task]),
      };
    },
    describe: (index) => `scene ${index} of seed ${seed}`,
  };
};
