/** @file The street, depth and COCO data sets in their publishers' layouts, each tiny. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDense } from './open.ts';
import type { DenseOpenOptions } from './source-options.ts';
import { type Content, grey, png16, read, tree } from './testing.ts';

const first = async (name: string, root: string, options: Partial<DenseOpenOptions> = {}) =>
  read(await openDense(name, { root, split: 'train', tasks: ['segmentation'], ...options }).get(0));

const CITY = 'ulm/ulm_000000_000019';
const cityscapes = (): Record<string, Content> => ({
  [`leftImg8bit/train/${CITY}_leftImg8bit.png`]: grey(9, 1, 4),
  'leftImg8bit_previous/train/ulm/ulm_000000_000018_leftImg8bit.png': grey(8, 1, 4),
  [`gtFine/train/${CITY}_gtFine_labelIds.png`]: [[7, 26, 0, 33]],
  [`gtFine/train/${CITY}_gtFine_labelTrainIds.png`]: [[0, 3, 4, 255]],
  [`gtFine/train/${CITY}_gtFine_labelTrainIds_motion.png`]: [[0, 255, 0, 0]],
  [`disparity/train/${CITY}_disparity.png`]: png16([[0, 1, 1 + 256 * 10, 1 + 256 * 50]]),
  [`camera/train/${CITY}_camera.json`]: '{"intrinsic":{"fx":2000},"extrinsic":{"baseline":0.2}}',
});

test('Cityscapes: all tasks, and the frame before', async () => {
  const root = await tree(cityscapes());
  const { images, targets } = await first('cityscapes', root, {
    tasks: ['depth', 'segmentation', 'motion'],
    images: 2,
  });
  assert.deepEqual(images, [[[9, 9, 9, 9]], [[8, 8, 8, 8]]]);
  // 2000 · 0.2 / 10 = 40 m; neither nothing nor a disparity of zero is a distance.
  assert.deepEqual(targets[0], [[0, 0, 40, 8]]);
  assert.deepEqual(targets[1], [[0, 13, 255, 18]]);
  assert.deepEqual(targets[2], [[0, 1, 0, 0]]);
  assert.deepEqual((await first('cityscapes5', root)).targets, [[[0, 3, 4, 255]]]);
});

test('Cityscapes: what is beyond the greatest depth is unknown', async () => {
  const { targets } = await first('cityscapes', await tree(cityscapes()), { tasks: ['depth'], maxDepth: 30 });
  assert.deepEqual(targets, [[[0, 0, 0, 8]]]);
});

test('Cityscapes: missing counterparts are named when the data set is opened', async () => {
  for (const [gone, options] of [
    [`gtFine/train/${CITY}_gtFine_labelIds.png`, {}],
    [`camera/train/${CITY}_camera.json`, { tasks: ['depth'] }],
    ['leftImg8bit_previous/train/ulm/ulm_000000_000018_leftImg8bit.png', { images: 2 }],
  ] as const) {
    const { [gone]: _, ...files } = cityscapes();
    const root = await tree(files);
    assert.throws(
      () => openDense('cityscapes', { root, split: 'train', tasks: ['segmentation'], ...options }),
      new RegExp(gone.replaceAll('/', '.')),
    );
  }
  const root = await tree({ ...cityscapes(), [`camera/train/${CITY}_camera.json`]: '{}' });
  await assert.rejects(first('cityscapes', root, { tasks: ['depth'] }), /camera\.json.*fx/s);
});

test('A2D2: 38 classes as they are', async () => {
  const files = { 'leftImg8bit/train/a/1.png': grey(1), 'gtFine/train/a/1.png': grey(37) };
  assert.deepEqual((await first('a2d2', await tree(files))).targets, [grey(37)]);
  const wrong = await tree({ ...files, 'gtFine/train/a/1.png': grey(38) });
  await assert.rejects(first('a2d2', wrong), /0 to 37.*38/s);
});

test('ADE20K with 32 classes: the others are background', async () => {
  const root = await tree({
    'ADEChallengeData2016/images/training/a.jpg': grey(1, 1, 3),
    'ADEChallengeData2016/annotations/training/a.png': [[31, 32, 150]],
  });
  assert.deepEqual((await first('ade20k32', root)).targets, [[[31, 0, 0]]]);
});

const square = (x: number, y: number, side: number) => [[x, y, x + side, y, x + side, y + side, x, y + side]];
/** One image of 40×60 with two objects that overlap in columns 30 to 39. */
const coco = (categories: readonly number[], extra: object = {}) =>
  JSON.stringify({
    images: [
      { id: 1, file_name: 'a.jpg', height: 40, width: 60, ...extra },
      { id: 2, file_name: 'b.jpg', height: 40, width: 60 },
    ],
    categories: categories.map((id) => ({ id, name: `c${id}` })),
    annotations: [
      { id: 1, image_id: 1, category_id: categories[0], segmentation: square(0, 0, 40), area: 1600 },
      { id: 2, image_id: 1, category_id: categories[1], segmentation: square(30, 0, 20), area: 400 },
      { id: 3, image_id: 2, category_id: categories[0], segmentation: square(0, 0, 10), area: 100 },
    ],
  });

test('COCO: overlaps are unknown, images with little on them are left out, ids have gaps', async () => {
  const root = await tree({
    'annotations/instances_train2017.json': coco([1, 90]),
    'images/train2017/a.jpg': grey(5, 40, 60),
    'images/train2017/b.jpg': grey(6, 40, 60),
  });
  const set = openDense('coco', { root, split: 'train', tasks: ['segmentation'] });
  assert.equal(set.length, 1);
  const row = (await first('coco', root)).targets[0]?.[5] ?? [];
  assert.deepEqual([row[10], row[35], row[45], row[55]], [1, 255, 2, 0]);
});

test('COCO with 21 classes: the order is that of Pascal VOC', async () => {
  // 1 is a person, class 15; 5 is an aeroplane, class 1.
  const root = await tree({
    'annotations/instances_train2017.json': coco([1, 5]),
    'train2017/a.jpg': grey(5, 40, 60),
  });
  const set = openDense('coco21', { root, split: 'train', tasks: ['segmentation'] });
  assert.equal(set.targets[0]?.kind === 'segmentation' && set.targets[0].classes.length, 21);
  const row = (await first('coco21', root)).targets[0]?.[5] ?? [];
  assert.deepEqual([row[10], row[45], row[55]], [15, 1, 0]);
});

test('files in the form of COCO: categories from 0 or 1, with and without background', async () => {
  for (const categories of [
    [0, 1],
    [1, 2],
  ]) {
    const root = await tree({
      'annotations/mine.json': coco(categories, { split_name: 'training' }),
      'images/a.jpg': grey(5, 40, 60),
    });
    const options = { annotationPrefix: 'mine' };
    const plain = (await first('coco-style', root, options)).targets[0]?.[5] ?? [];
    assert.deepEqual([plain[10], plain[35], plain[45], plain[55]], [0, 1, 1, 255]);
    const grounded = (await first('coco-style-background', root, options)).targets[0]?.[5] ?? [];
    assert.deepEqual([grounded[10], grounded[45], grounded[55]], [1, 2, 0]);
    // No image is left for evaluation.
    assert.throws(
      () => openDense('coco-style', { root, split: 'val', tasks: ['segmentation'], ...options }),
      /no sample/,
    );
  }
});

test('KITTI depth: pictures go with the depth of the same name', async () => {
  const drive = 'train/2011_09_26_drive_0001_sync';
  const files = {
    [`${drive}/image_02/data/0000000004.png`]: grey(3, 1, 3),
    [`${drive}/image_02/data/0000000005.png`]: grey(4, 1, 3),
    [`${drive}/proj_depth/groundtruth/image_02/0000000005.png`]: png16([[0, 256 * 12 + 128, 256 * 90]]),
  };
  const root = await tree(files);
  const { images, targets } = await first('kitti-depth', root, { tasks: ['depth'], images: 2 });
  assert.deepEqual(images, [[[4, 4, 4]], [[3, 3, 3]]]);
  assert.deepEqual(targets, [[[0, 12.5, 0]]]);
  const listed = await tree({ ...files, 'val.txt': `${drive}\n` });
  assert.equal(openDense('kitti-depth', { root: listed, split: 'val', tasks: ['depth'] }).length, 1);
  const empty = await tree({ [`${drive}/image_02/data/0000000005.png`]: grey(4) });
  assert.throws(() => openDense('kitti-depth', { root: empty, split: 'train', tasks: ['depth'] }), /no depth in/);
});

test('Sintel depth: every fifth scene is for evaluation', async () => {
  const dpt = Buffer.alloc(12 + 8);
  dpt.writeFloatLE(202021.25, 0);
  dpt.writeInt32LE(2, 4);
  dpt.writeInt32LE(1, 8);
  dpt.writeFloatLE(7.5, 12);
  dpt.writeFloatLE(1000, 16);
  const files = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e'].flatMap((scene) => [
      [`training/clean/${scene}/frame_0001.png`, grey(1, 1, 2)],
      [`training/depth/${scene}/frame_0001.dpt`, dpt],
    ]),
  );
  const root = await tree(files);
  assert.equal(openDense('sintel-depth', { root, split: 'train', tasks: ['depth'] }).length, 4);
  assert.equal(openDense('sintel-depth', { root, split: 'val', tasks: ['depth'] }).length, 1);
  assert.deepEqual((await first('sintel-depth', root, { tasks: ['depth'] })).targets, [[[7.5, 0]]]);
  const broken = await tree({ ...files, 'training/depth/a/frame_0001.dpt': dpt.subarray(0, 16) });
  await assert.rejects(first('sintel-depth', broken, { tasks: ['depth'] }), /frame_0001\.dpt.*16 bytes/s);
});
