/** @file Dense data sets in the layouts of their publishers: what is read, and which faults are named. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { data, expectNoLeaks, scope } from '@edgeai/torch';
import { denseTrainingTransform } from '../transforms/pipelines.ts';
import type { DenseSample } from '../transforms/sample.ts';
import { countClasses, weightsOf } from './class-weights.ts';
import { collateDense } from './collate.ts';
import { denseDatasetNames, openDense } from './open.ts';
import type { DenseOpenOptions } from './source-options.ts';
import { grey, tree } from './testing.ts';

const SEGMENTATION = { split: 'train', tasks: ['segmentation'] } as const;

/** The rows of each map of a sample, which is released. */
function read({ images, targets }: DenseSample): { images: unknown[]; targets: unknown[] } {
  return scope(() => {
    const rows = (maps: DenseSample['images']) => maps.map(({ map }) => map.select(0, 0).toArray());
    const result = { images: rows(images), targets: rows(targets) };
    for (const { map } of [...images, ...targets]) map.dispose();
    return result;
  });
}

const first = async (name: string, root: string, options: Partial<DenseOpenOptions> = {}) =>
  read(await openDense(name, { root, ...SEGMENTATION, ...options }).get(0));

test('CamVid: class 11, none of its classes, becomes the label that nothing is learned from', async () => {
  const root = await tree({
    'train/a.png': grey(9),
    'trainannot/a.png': [
      [0, 1, 10, 11],
      [11, 3, 3, 3],
    ],
  });
  const { images, targets } = await first('camvid', root);
  assert.deepEqual(images, [grey(9)]);
  assert.deepEqual(targets, [
    [
      [0, 1, 10, 255],
      [255, 3, 3, 3],
    ],
  ]);
});

test('Cityscapes: ids become the nineteen classes that are evaluated', async () => {
  const root = await tree({
    'leftImg8bit/train/ulm/ulm_000000_000019_leftImg8bit.png': grey(5),
    'gtFine/train/ulm/ulm_000000_000019_gtFine_labelIds.png': [
      [7, 8, 11, 33],
      [0, 6, 29, 26],
    ],
  });
  const { targets } = await first('cityscapes', root);
  assert.deepEqual(targets, [
    [
      [0, 1, 2, 18],
      [255, 255, 255, 13],
    ],
  ]);
});

test('ADE20K and Pascal VOC are read with background as class 0', async () => {
  const ade = await tree({
    'ADEChallengeData2016/images/training/a.jpg': grey(1),
    'ADEChallengeData2016/annotations/training/a.png': grey(150),
  });
  assert.deepEqual((await first('ade20k', ade)).targets, [grey(150)]);
  const voc = await tree({
    'VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt': 'a\n',
    'VOCdevkit/VOC2012/JPEGImages/a.jpg': grey(1),
    'VOCdevkit/VOC2012/SegmentationClass/a.png': [
      [0, 20, 255, 1],
      [0, 0, 0, 0],
    ],
  });
  const set = openDense('voc', { root: voc, ...SEGMENTATION });
  assert.equal(set.targets[0]?.kind === 'segmentation' && set.targets[0].classes.length, 21);
  assert.deepEqual((await first('voc', voc)).targets[0], [
    [0, 20, 255, 1],
    [0, 0, 0, 0],
  ]);
});

test('a number that is no class is named with its file', async () => {
  const root = await tree({ 'train/a.png': grey(0), 'trainannot/a.png': grey(12) });
  await assert.rejects(first('camvid', root), /train\/a\.png: expected class numbers from 0 to 10, or 255 .* found 12/);
});

test('a map of another size than its picture is named with both sizes', async () => {
  const root = await tree({ 'train/a.png': grey(0, 2, 4), 'trainannot/a.png': grey(0, 2, 3) });
  await assert.rejects(first('camvid', root), /train\/a\.png: the segmentation map is 2×3, but its image is 2×4/);
});

test('a missing counterpart is named, not skipped', async () => {
  const root = await tree({ 'train/a.png': grey(0), 'train/b.png': grey(0), 'trainannot/a.png': grey(0) });
  const set = openDense('camvid', { root, ...SEGMENTATION });
  await assert.rejects(set.get(1), /trainannot\/b\.png/);
});

test('empty and missing folders are refused when the data set is opened', async () => {
  const root = await tree({ 'train/readme.txt': 'nothing', 'trainannot/readme.txt': 'nothing' });
  assert.throws(() => openDense('camvid', { root, ...SEGMENTATION }), /train is empty/);
  assert.throws(() => openDense('camvid', { root, ...SEGMENTATION, split: 'val' }), /val/);
  assert.throws(() => openDense('camvid', SEGMENTATION), /needs the folder/);
});

test('tasks and names that there are not are refused with what there is', async () => {
  const root = await tree({ 'train/a.png': grey(0), 'trainannot/a.png': grey(0) });
  assert.throws(
    () => openDense('camvid', { root, split: 'train', tasks: ['depth'] }),
    /camvid has no depth; it has segmentation/,
  );
  assert.throws(() => openDense('camvit', { root, ...SEGMENTATION }), /'camvit'.*camvid/s);
  assert.ok(denseDatasetNames.includes('scenes'));
});

test('class weights: frequencies in images that have the class, and none for a class that nothing shows', async () => {
  const root = await tree({
    'train/a.png': grey(0),
    'train/b.png': grey(0),
    // Class 0: 8 of 12 known pixels of both images; class 1: 4 of the 8 of one; class 2: none.
    'trainannot/a.png': [
      [0, 0, 0, 0],
      [1, 1, 1, 1],
    ],
    'trainannot/b.png': [
      [0, 0, 0, 0],
      [11, 11, 11, 11],
    ],
  });
  const counts = await countClasses(openDense('camvid', { root, ...SEGMENTATION }).source);
  assert.deepEqual(
    counts.slice(0, 3).map(({ pixels, images, within }) => [pixels, images, within]),
    [
      [8, 2, 12],
      [4, 1, 8],
      [0, 0, 0],
    ],
  );
  const [first = 0, second = 0, third] = weightsOf(counts, 'median-frequency');
  const median = (8 / 12 + 4 / 8) / 2;
  assert.ok(Math.abs((first ?? 0) - median / (8 / 12)) < 1e-12 && Math.abs((second ?? 0) - median / 0.5) < 1e-12);
  assert.equal(third, null);
  assert.ok(Math.abs((weightsOf(counts, 'enet')[0] ?? 0) - 1 / Math.log(1.02 + 8 / 12)) < 1e-12);
});

test('batches are made of transformed scenes, and their memory returns', () =>
  expectNoLeaks(async () => {
    const options = { split: 'train', tasks: ['depth', 'segmentation', 'motion'], images: 2 } as const;
    const transform = denseTrainingTransform({ size: [16, 32], rotation: 5 });
    const set = openDense('scenes', { ...options, scenes: { length: 3, size: [24, 48] } }, transform);
    const loader = new data.DataLoader(set, { batchSize: 2, collateFn: collateDense });
    const shapes: string[] = [];
    for await (const { images, targets } of loader)
      shapes.push([...images, ...targets].map(({ shape, dtype }) => `${dtype} ${shape.join('×')}`).join(', '));
    const batch = (n: number) =>
      `float32 ${n}×3×16×32, float32 ${n}×3×16×32, float32 ${n}×1×16×32, uint8 ${n}×1×16×32, uint8 ${n}×1×16×32`;
    assert.deepEqual(shapes, [batch(2), batch(1)]);
  }));
