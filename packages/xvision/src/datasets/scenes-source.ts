/** @file Rendered scenes as a dense data set. */

import { cat, full, type Tensor } from '@edgeai/torch';
import { DrivingScenes, SCENE_CLASSES } from '../scenes/index.ts';
import { CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS } from './palettes.ts';
import { classes, type DenseTaskKind, type Opener } from './source-options.ts';
import { MOTION_TARGET, type TargetInfo } from './targets.ts';

/** The maps of a rendered scene. */
export const openScenes: Opener = ({ split, tasks, images = 1, second = 'picture', scenes = {}, maxDepth = 80 }) => {
  const { length = split === 'train' ? 800 : 100, size = [96, 192] as const, seed = 0 } = scenes;
  const set = new DrivingScenes({ length, size, seed: split === 'train' ? seed : seed + 1_000_003 });
  const info: Record<DenseTaskKind, TargetInfo> = {
    segmentation: classes(SCENE_CLASSES, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS),
    depth: { kind: 'depth', max: maxDepth },
    motion: MOTION_TARGET,
    flow: { kind: 'flow' },
  };
  return {
    length,
    targets: tasks.map((task) => info[task]),
    images,
    imageKinds: ['image', second === 'flow' ? 'flow' : 'image'],
    finish: (_, index) => {
      const scene = set.get(index);
      const maps: Record<DenseTaskKind, Tensor> = {
        segmentation: scene.segmentation,
        depth: scene.depth.maskedFill(scene.depth.gt(maxDepth), 0),
        motion: scene.motion,
        flow: scene.flow,
      };
      // All of it is sure, which in files is a confidence of 255.
      const input = () => cat([scene.flow, full([1, size[0], size[1]], 127)], 0);
      return {
        images: images === 2 ? [scene.image, second === 'flow' ? input() : scene.previous] : [scene.image],
        targets: tasks.map((task) => maps[task]),
      };
    },
    describe: (index) => `scene ${index} of seed ${seed}`,
  };
};
