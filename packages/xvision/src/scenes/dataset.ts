/** @file Driving scenes as a data set: two pictures of a moving camera and the exact truth of the second for every dense task. */

import { ArgumentError, data, fromTypedArray, type Tensor, tensor } from '@edgeai/torch';
import { classIndex, SCENE_CLASSES } from './classes.ts';
import { type Frame, renderFrame } from './render.ts';
import { makeWorld } from './world.ts';

export interface SceneOptions {
  /** How many scenes. Default 1000. */
  length?: number;
  /** Height and width in pixels. Default 96 × 192. */
  size?: readonly [height: number, width: number];
  /** Another seed, other scenes. Default 0. */
  seed?: number;
  /** Seconds between the two pictures. Default 0.1. */
  interval?: number;
}

/** One scene. `H`, `W` as asked for. */
export interface Scene {
  /** The picture: uint8 `(3, H, W)`. */
  readonly image: Tensor;
  /** The picture `interval` seconds before: uint8 `(3, H, W)`. */
  readonly previous: Tensor;
  /** Cityscapes' class (0 … 18) of each pixel: uint8 `(1, H, W)`. */
  readonly segmentation: Tensor;
  /** Metres along the optical axis, 0 for the sky: float32 `(1, H, W)`. */
  readonly depth: Tensor;
  /** 1 where something moves by itself: uint8 `(1, H, W)`. */
  readonly motion: Tensor;
  /** Pixels to the right and down from `image` to `previous`: float32 `(2, H, W)`. */
  readonly flow: Tensor;
  /** Which object each pixel shows, 0 for none: int32 `(1, H, W)`. */
  readonly instances: Tensor;
  /** Left, top, right, bottom of each object's visible part: float32 `(N, 4)`. */
  readonly boxes: Tensor;
  /** Class of each object: int64 `(N)`. */
  readonly labels: Tensor;
  /** Number in `instances` of each object: int64 `(N)`. */
  readonly ids: Tensor;
}

/** Objects of fewer visible pixels have no box. */
const LEAST_PIXELS = 12;

/**
 * Scenes of a street, rendered as they are asked for. Scene `i` of a seed is always the same, whoever asks and in whatever order.
 *
 * It is a means to learn and to test: networks that are good at these scenes say little about real ones.
 */
@data.portable(import.meta.url)
export class DrivingScenes implements data.Dataset<Scene> {
  static readonly classes: readonly string[] = SCENE_CLASSES;
  readonly length: number;
  readonly size: readonly [height: number, width: number];
  readonly #seed: number;
  readonly #interval: number;

  constructor({ length = 1000, size = [96, 192], seed = 0, interval = 0.1 }: SceneOptions = {}) {
    if (!Number.isInteger(length) || length < 1)
      throw ArgumentError.expected('length', 'a whole number of at least 1', length);
    if (!Array.isArray(size) || size.length !== 2 || size.some((side) => !Number.isInteger(side) || side < 8))
      throw ArgumentError.expected('size', 'height and width of at least 8 pixels', size);
    if (!(interval > 0)) throw ArgumentError.expected('interval', 'a time above 0 seconds', interval);
    this.length = length;
    this.size = size;
    this.#seed = seed;
    this.#interval = interval;
  }

  get(index: number): Scene {
    const [height, width] = this.size;
    const world = makeWorld(this.#seed, index);
    const lens = { width, height, focal: 0.9 * width };
    const before = renderFrame(world, lens, 0, this.#interval, index);
    const now = renderFrame(world, lens, this.#interval, 0, index);
    const map = <T extends Float32Array | Uint8Array | Int32Array>(values: T, channels = 1) =>
      fromTypedArray(values, [channels, height, width]);
    return {
      image: map(now.image, 3),
      previous: map(before.image, 3),
      segmentation: map(now.classes),
      depth: map(now.depth),
      motion: map(now.motion),
      flow: map(now.flow, 2),
      instances: map(Int32Array.from(now.instances)),
      ...objectsOf(now, width),
    };
  }
}

/** Boxes, classes and numbers of the objects that can be seen. */
function objectsOf(frame: Frame, width: number): Pick<Scene, 'boxes' | 'labels' | 'ids'> {
  const found = new Map<number, { kind: number; count: number; box: [number, number, number, number] }>();
  for (const [at, id] of frame.instances.entries()) {
    if (id === 0) continue;
    const column = at % width;
    const row = (at - column) / width;
    const known = found.get(id);
    if (known === undefined) {
      found.set(id, {
        kind: frame.classes[at] ?? classIndex('car'),
        count: 1,
        box: [column, row, column + 1, row + 1],
      });
      continue;
    }
    known.count++;
    const [left, top, right, bottom] = known.box;
    known.box = [Math.min(left, column), Math.min(top, row), Math.max(right, column + 1), Math.max(bottom, row + 1)];
  }
  const seen = [...found].filter(([, { count }]) => count >= LEAST_PIXELS);
  const boxes = Float32Array.from(seen.flatMap(([, { box }]) => box));
  return {
    boxes: fromTypedArray(boxes, [seen.length, 4]),
    labels: tensor(
      seen.map(([, { kind }]) => kind),
      { dtype: 'int64' },
    ),
    ids: tensor(
      seen.map(([id]) => id),
      { dtype: 'int64' },
    ),
  };
}
