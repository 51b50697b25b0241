/** @file The picture of a segmented image: classes in their colours, the background left alone, a legend below. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, full, ones, scope, type Tensor, zeros } from '@edgeai/torch';
import { utils } from '@edgeai/vision';

import { drawClasses } from './predict.ts';

const pixel = (image: Tensor, y: number, x: number) =>
  scope(() => image.select(2, x).select(1, y).toArray() as number[]);

test('classes are coloured, the background is not', async () => {
  await expectNoLeaks(async () => {
    using image = full([3, 60, 200], 100, { dtype: 'uint8' });
    using index = zeros([1, 60, 200], { dtype: 'uint8' });
    scope(() => void index.narrow(2, 0, 50).fill_(12));
    const classes = [
      { index: 0, label: '__background__', share: 0.75 },
      { index: 12, label: 'dog', share: 0.25 },
    ];
    using drawn = await drawClasses(image, index, classes);
    assert.ok(drawn.size(1) > 60, 'a legend below');
    assert.deepEqual(pixel(drawn, 30, 100), [100, 100, 100]);
    const colour = utils.classColours(13)[12] ?? [0, 0, 0];
    assert.deepEqual(
      pixel(drawn, 30, 20),
      colour.map((part) => Math.floor(100 * 0.45 + part * 0.55)),
    );
    using plain = await drawClasses(image, index, classes.slice(0, 1));
    assert.deepEqual(pixel(plain, 30, 20), [100, 100, 100]);
  });
});

test('many classes do not make the legend endless', async () => {
  using image = ones([3, 50, 300], { dtype: 'uint8' });
  using index = zeros([1, 50, 300], { dtype: 'uint8' });
  const classes = Array.from({ length: 200 }, (_, i) => ({ index: i, label: `class ${i}`, share: 1 / 200 }));
  using drawn = await drawClasses(image, index, classes);
  assert.ok(drawn.size(1) < 800, `${drawn.shape}`);
});
