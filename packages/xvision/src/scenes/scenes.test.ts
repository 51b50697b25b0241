/** @file Rendered scenes are the same for a seed, and their truth agrees with itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, scope, type Tensor } from '@edgeai/torch';
import { DrivingScenes, type Scene } from './index.ts';
import { renderFrame } from './render.ts';
import { makeWorld } from './world.ts';

const SIZE = [48, 96] as const;
const values = (tensor: Tensor) => tensor.toTypedArray() as unknown as ArrayLike<number>;

test('a scene depends on seed and index alone', () => {
  const set = new DrivingScenes({ size: SIZE, length: 3, seed: 7 });
  const later = new DrivingScenes({ size: SIZE, length: 3, seed: 7 });
  later.get(2);
  for (const key of ['image', 'previous', 'depth', 'flow', 'boxes'] as const) {
    assert.deepEqual(set.get(1)[key].toArray(), later.get(1)[key].toArray(), key);
  }
  assert.notDeepEqual(set.get(0).image.toArray(), set.get(1).image.toArray());
});

test('maps have the documented shapes, and nothing is left alive', () =>
  expectNoLeaks(() =>
    scope(() => {
      const scene = new DrivingScenes({ size: SIZE }).get(0);
      const shapes = Object.fromEntries(
        Object.entries(scene as unknown as Record<string, Tensor>).map(([key, map]) => [
          key,
          `${map.dtype} ${map.shape.slice(0, -2)}`,
        ]),
      );
      assert.equal(shapes.image, 'uint8 3');
      assert.equal(shapes.segmentation, 'uint8 1');
      assert.equal(shapes.flow, 'float32 2');
      assert.deepEqual(scene.depth.shape, [1, ...SIZE]);
      assert.equal(scene.boxes.shape[0], scene.ids.shape[0]);
    }),
  ));

test('the flow leads each pixel to the same surface in the other picture', () => {
  const lens = { width: 96, height: 48, focal: 86 };
  let same = 0;
  let compared = 0;
  for (let index = 0; index < 6; index++) {
    const world = makeWorld(1, index);
    const now = renderFrame(world, lens, 0.1, 0, 0);
    const before = renderFrame(world, lens, 0, 0.1, 0);
    for (let at = 0; at < now.classes.length; at++) {
      const column = Math.round((at % 96) + (now.flow[at] as number));
      const row = Math.round(Math.floor(at / 96) + (now.flow[96 * 48 + at] as number));
      if (column < 0 || column >= 96 || row < 0 || row >= 48) continue;
      compared++;
      if (now.classes[at] === before.classes[row * 96 + column]) same++;
    }
  }
  assert.ok(compared > 15_000 && same / compared > 0.95, `${same} of ${compared}`);
});

test('a camera that stands sees still things where they were', () => {
  const world = makeWorld(1, 2);
  const still = { ...world, camera: { ...world.camera, speed: 0, yawRate: 0 } };
  const frame = renderFrame(still, { width: 96, height: 48, focal: 86 }, 0.1, 0, 0);
  for (let at = 0; at < frame.motion.length; at++) {
    if (frame.motion[at] === 0) assert.ok(Math.abs(frame.flow[at] as number) < 1e-3);
  }
});

test('boxes enclose what can be seen of their objects, and moving pixels belong to objects', () => {
  const set = new DrivingScenes({ size: SIZE, length: 8, seed: 3 });
  let objects = 0;
  for (let i = 0; i < set.length; i++) objects += check(set.get(i));
  assert.ok(objects > 8, `${objects} objects`);
});

function check(scene: Scene): number {
  const ids = values(scene.instances);
  const motion = values(scene.motion);
  const boxes = scene.boxes.toArray() as number[][];
  const numbers = Array.from(values(scene.ids), Number);
  for (let at = 0; at < ids.length; at++) {
    if (motion[at] === 1) assert.ok((ids[at] as number) > 0);
    const box = boxes[numbers.indexOf(ids[at] as number)];
    if (box === undefined) continue;
    const [left = 0, top = 0, right = 0, bottom = 0] = box;
    const [column, row] = [at % SIZE[1], Math.floor(at / SIZE[1])];
    assert.ok(column >= left && column < right && row >= top && row < bottom);
  }
  return boxes.length;
}

test('wrong options are named', () => {
  assert.throws(() => new DrivingScenes({ length: 0 }), /length/);
  assert.throws(() => new DrivingScenes({ size: [4, 4] }), /size/);
  assert.throws(() => new DrivingScenes({ interval: 0 }), /interval/);
});
