/** @file The `scenes` namespace: rendered streets with exact truth. */

export { classIndex, SCENE_CLASSES, type SceneClass } from './classes.ts';
export { DrivingScenes, type Scene, type SceneOptions } from './dataset.ts';
