/** @file What can be seen in a scene: Cityscapes' nineteen classes, of which these scenes have eleven. */

/** Names by class index. */
export const SCENE_CLASSES = [
  'road',
  'sidewalk',
  'building',
  'wall',
  'fence',
  'pole',
  'traffic light',
  'traffic sign',
  'vegetation',
  'terrain',
  'sky',
  'person',
  'rider',
  'car',
  'truck',
  'bus',
  'train',
  'motorcycle',
  'bicycle',
] as const;

export type SceneClass = (typeof SCENE_CLASSES)[number];

/** The index of a class. */
export function classIndex(name: SceneClass): number {
  return SCENE_CLASSES.indexOf(name);
}
