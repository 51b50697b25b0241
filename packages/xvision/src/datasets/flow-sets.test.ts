/** @file Optical flow as a target and as an input, in the layouts of its data sets, each tiny. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, scope, tensor } from '@edgeai/torch';
import { FlowMeter } from '../metrics/flow.ts';
import type { DenseMap } from '../transforms/sample.ts';
import { openDense } from './open.ts';
import type { DenseOpenOptions } from './source-options.ts';
import { type Content, grey, png16, tree } from './testing.ts';

const flowOf = (root: string, options: Partial<DenseOpenOptions> = {}): DenseOpenOptions => ({
  root,
  split: 'train',
  tasks: ['flow'],
  images: 2,
  ...options,
});

/** All values of every map of the first sample. */
async function first(name: string, options: DenseOpenOptions) {
  const sample = await openDense(name, options).get(0);
  return scope(() => {
    const values = (maps: readonly DenseMap[]) => maps.map(({ map }) => map.flatten().toArray() as number[]);
    const result = { images: values(sample.images), targets: values(sample.targets) };
    for (const { map } of [...sample.images, ...sample.targets]) map.dispose();
    return result;
  });
}

/** A `.flo` file of one row. */
function flo(vectors: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.alloc(12 + 8 * vectors.length);
  bytes.write('PIEH', 0, 'latin1');
  bytes.writeInt32LE(vectors.length, 4);
  bytes.writeInt32LE(1, 8);
  for (const [i, [u, v]] of vectors.entries()) {
    bytes.writeFloatLE(u, 12 + 8 * i);
    bytes.writeFloatLE(v, 16 + 8 * i);
  }
  return bytes;
}

const still = Math.fround(1e-10);

test('FlyingChairs: parts by the list of the publisher or every fifth, and what stands still is known', async () => {
  const files = Object.fromEntries(
    [1, 2, 3, 4, 5].flatMap((i): [string, Content][] => [
      [`data/0000${i}_img1.ppm`, grey(i, 1, 2)],
      [`data/0000${i}_img2.ppm`, grey(10 * i, 1, 2)],
      [
        `data/0000${i}_flow.flo`,
        flo([
          [1.5, -2],
          [0, 0],
        ]),
      ],
    ]),
  );
  const { images, targets } = await first('flying-chairs', flowOf(await tree(files)));
  assert.deepEqual([images[0]?.[0], images[1]?.[0]], [1, 10]);
  assert.deepEqual(targets, [[1.5, still, -2, still]]);
  const count = (root: string, split: 'train' | 'val') => openDense('flying-chairs', flowOf(root, { split })).length;
  const plain = await tree(files);
  assert.deepEqual([count(plain, 'train'), count(plain, 'val')], [4, 1]);
  const listed = await tree({ ...files, 'FlyingChairs_train_val.txt': '1\n2\n2\n1\n1\n' });
  assert.deepEqual([count(listed, 'train'), count(listed, 'val')], [3, 2]);
  const short = await tree({ ...files, 'FlyingChairs_train_val.txt': '1\n2\n' });
  assert.throws(() => count(short, 'train'), /2 entries.*5 pairs/);
});

test('Sintel: flow and depth of the first of two frames; the last frame has none', async () => {
  const dpt = Buffer.alloc(12 + 4);
  dpt.writeFloatLE(202021.25, 0);
  dpt.writeInt32LE(1, 4);
  dpt.writeInt32LE(1, 8);
  dpt.writeFloatLE(7.5, 12);
  const scenes = ['a', 'b', 'c', 'd', 'e'].flatMap((scene): [string, Content][] => [
    [`training/clean/${scene}/frame_0001.png`, [[1]]],
    [`training/clean/${scene}/frame_0002.png`, [[2]]],
    [`training/final/${scene}/frame_0001.png`, [[3]]],
    [`training/final/${scene}/frame_0002.png`, [[4]]],
    [`training/flow/${scene}/frame_0001.flo`, flo([[3, 4]])],
    [`training/depth/${scene}/frame_0001.dpt`, dpt],
  ]);
  const root = await tree(Object.fromEntries(scenes));
  const found = await first('sintel-final', flowOf(root, { tasks: ['flow', 'depth'] }));
  assert.deepEqual(found, {
    images: [
      [3, 3, 3],
      [4, 4, 4],
    ],
    targets: [[3, 4], [7.5]],
  });
  const lengths = ['sintel-clean', 'sintel-both'].map((name) => openDense(name, flowOf(root)).length);
  assert.deepEqual(lengths, [4, 8]);
});

test('KITTI flow: 64 steps a pixel, and what is not valid is unknown', async () => {
  const colours = [[2 ** 15 + 96, 2 ** 15 - 64, 1, 2 ** 15 + 640, 2 ** 15, 0, 2 ** 15, 2 ** 15, 1]];
  const root = await tree({
    'training/image_2/000000_10.png': grey(5, 1, 3),
    'training/image_2/000000_11.png': grey(6, 1, 3),
    'training/flow_occ/000000_10.png': png16(colours, 3),
  });
  const { targets } = await first('kitti-flow-occ', flowOf(root));
  assert.deepEqual(targets, [[1.5, 0, still, -1, 0, still]]);
  assert.throws(() => openDense('kitti-flow-noc', flowOf(root)), /no sample/);
});

test('Cityscapes: flow with its confidence as the second input', async () => {
  const stem = 'ulm/ulm_000000_000019';
  const root = await tree({
    [`leftImg8bit/train/${stem}_leftImg8bit.png`]: grey(9, 1, 2),
    [`mine/train/${stem}_leftImg8bit.ppm`]: grey(1, 1, 2),
    [`leftImg8bit_flow_confidence/train/${stem}_leftImg8bit.png`]: [[138, 118]],
    [`gtFine/train/${stem}_gtFine_labelIds.png`]: [[7, 26]],
  });
  const options = flowOf(root, { tasks: ['segmentation'], second: 'flow' });
  const set = openDense('cityscapes', options);
  const sample = await set.get(0);
  assert.deepEqual(
    sample.images.map(({ kind }) => kind),
    ['image', 'flow'],
  );
  for (const { map } of [...sample.images, ...sample.targets]) map.dispose();
  assert.deepEqual((await first('cityscapes', options)).images[1], [10, -10, 10, -10, 10, -10]);
  assert.throws(() => openDense('cityscapes', { ...options, flowFolder: 'mine' }), /mine\/train/);
  assert.throws(() => openDense('kitti-depth', { ...options, tasks: ['depth'] }), /no flow to be an input/);
});

test('rendered scenes have flow as a target and as an input', () =>
  expectNoLeaks(async () => {
    const scenes = { length: 1, size: [16, 32] as const };
    const set = openDense('scenes', { split: 'train', tasks: ['flow'], images: 2, second: 'flow', scenes });
    const { images, targets } = await set.get(0);
    scope(() => {
      const [input, target] = [(images[1] as DenseMap).map, (targets[0] as DenseMap).map];
      assert.deepEqual(
        [input.shape, target.shape],
        [
          [3, 16, 32],
          [2, 16, 32],
        ],
      );
      assert.equal(input.narrow(0, 0, 2).sub(target).abs().max().item(), 0);
    });
    for (const { map } of [...images, ...targets]) map.dispose();
  }));

test('errors of flow: only known vectors, outliers by pixels and by length', () =>
  scope(() => {
    const meter = new FlowMeter();
    const map = (pixels: readonly (readonly [number, number])[]) =>
      tensor([[[pixels.map(([u]) => u)], [pixels.map(([, v]) => v)]]], { dtype: 'float32' });
    // Off by 5 (of 1), by 4 (which of 100 is not much), by nothing; the last is unknown.
    const target = map([
      [1, 0],
      [100, 0],
      [0, 2],
      [0, 0],
    ]);
    meter.add(
      map([
        [4, 4],
        [104, 0],
        [0, 2],
        [9, 9],
      ]),
      target,
    );
    assert.deepEqual(meter.figures(), { endPointError: 3, outliers: 1 / 3, pixels: 3 });
    assert.throws(() => meter.add(target.narrow(3, 0, 2), target), /\[N, 2, H, W\]/);
  }));
