/** @file Masks, flow and legends are drawn as torchvision draws them, and so that a person can read them. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { expectNoLeaks, fromTypedArray, full, ones, scope, type Tensor, zeros } from '@edgeai/torch';
import { states } from '../testing/fill.ts';
import {
  addFlowLegend,
  addLegend,
  classColours,
  colourPalette,
  drawSegmentationMasks,
  flowToImage,
  toRgb,
} from './index.ts';

/** By scripts/make-utils-fixtures.py. */
const drawn: Record<string, number[]> = JSON.parse(
  readFileSync(new URL('./fixtures/drawn.json', import.meta.url), 'utf8'),
);
const values = (tensor: Tensor) => Array.from(tensor.contiguous().toTypedArray(), Number);
const bytes = (seed: number, shape: readonly number[]) =>
  Uint8Array.from(
    states(
      seed,
      shape.reduce((a, b) => a * b),
    ),
    (state) => state >>> 24,
  );
const picture = () => fromTypedArray(bytes(2000000, [3, 13, 17]), [3, 13, 17]);

test('masks are laid over an image', async () => {
  await expectNoLeaks(() =>
    scope(() => {
      const image = picture();
      const before = values(image);
      const masks = fromTypedArray(bytes(2000302, [2, 13, 17]), [2, 13, 17]).gt(170);
      const two = { alpha: 0.6, colors: [[255, 0, 0] as const, '#0f0'] };
      assert.deepEqual(values(drawSegmentationMasks(image, masks, two)), drawn['two colours']);
      assert.deepEqual(values(drawSegmentationMasks(image, masks, { alpha: 1, colors: 'blue' })), drawn['one colour']);
      assert.deepEqual(values(drawSegmentationMasks(image, masks)), drawn.palette);
      assert.deepEqual(values(image), before);
      assert.throws(() => drawSegmentationMasks(image, masks, { colors: ['red'] }), /at least 2 colours/);
      assert.throws(() => drawSegmentationMasks(image, masks.narrow(1, 0, 5)), /bool of shape \[masks, 13, 17\]/);
      assert.throws(() => drawSegmentationMasks(image.to('float32'), masks), /uint8 of shape \[3, H, W\]/);
    }),
  );
});

test('flow becomes colour: direction as hue, length as strength', async () => {
  await expectNoLeaks(() =>
    scope(() => {
      const flow = Float32Array.from(states(2000303, 84), (state) => Math.fround(Math.fround(state / 2 ** 31 - 1) * 5));
      const image = flowToImage(fromTypedArray(flow, [2, 6, 7]));
      assert.deepEqual([image.dtype, image.shape], ['uint8', [3, 6, 7]]);
      const wanted = drawn.flow ?? [];
      // One step of rounding: the arc tangent differs between versions of libtorch.
      assert.ok(values(image).every((value, i) => Math.abs(value - (wanted[i] ?? Number.NaN)) <= 1));
      const right = flowToImage(fromTypedArray(Float32Array.of(3, 0, 0, 0), [2, 1, 2]));
      assert.deepEqual(values(right), [255, 255, 0, 255, 0, 255], 'to the right red, at rest white');
      assert.deepEqual(flowToImage(zeros([2, 2, 3, 4])).shape, [2, 3, 3, 4]);
      assert.throws(() => flowToImage(ones([3, 4, 4])), /\[2, H, W\] or \[N, 2, H, W\]/);
    }),
  );
});

test('colours', () => {
  assert.deepEqual(['#f80', '#FF8800', 'Orange', [1, 2, 3] as const, 'tomato', 'grey'].map(toRgb), [
    [255, 136, 0],
    [255, 136, 0],
    [255, 165, 0],
    [1, 2, 3],
    [255, 99, 71],
    [128, 128, 128],
  ]);
  assert.throws(() => toRgb('mauve'), /#rrggbb or a name that CSS has/);
  assert.throws(() => toRgb([0, 0, 256]), /from 0 to 255/);
  assert.deepEqual(colourPalette(4), [
    [0, 0, 0],
    [1, 127, 31],
    [2, 254, 62],
    [3, 126, 93],
  ]);
  const colours = classColours(21);
  const distances = colours.flatMap((a, i) =>
    colours.slice(i + 1).map((b) => Math.hypot(...a.map((part, k) => part - (b[k] ?? 0)))),
  );
  assert.ok(Math.min(...distances) > 25, `two classes of Pascal VOC are only ${Math.min(...distances)} apart`);
});

/** Dark pixels in a part of an image: ink of letters. */
function ink(image: Tensor, top: number): number {
  return scope(() =>
    Number(
      image
        .narrow(1, top, image.size(1) - top)
        .to('int32')
        .sum([0])
        .lt(200)
        .sum()
        .item(),
    ),
  );
}

test('a legend stands below the picture, as wide as it needs, with text in it', async () => {
  const entries = ['background', 'dog & <cat>', 'pottedplant'].map((text, i) => ({
    text,
    colour: classColours(3)[i] ?? [0, 0, 0],
  }));
  const large = full([3, 200, 640], 128, { dtype: 'uint8' });
  const wide = await addLegend(large, entries);
  assert.equal(wide.size(2), 640);
  assert.ok(wide.size(1) > 210 && wide.size(1) < 300, `${wide.shape}`);
  assert.ok(
    values(wide.narrow(1, 0, 200)).every((value) => value === 128),
    'the picture is as it was',
  );
  const withoutText = await addLegend(
    large,
    entries.map(({ colour }) => ({ colour, text: '' })),
  );
  assert.ok(ink(wide, 200) > ink(withoutText, 200) + 100, 'letters are drawn; without any font there would be none');
  const narrow = await addLegend(full([3, 20, 20], 0, { dtype: 'uint8' }), entries);
  assert.ok(narrow.size(2) > 100);
  assert.deepEqual(values(narrow.narrow(2, 20, 5).narrow(1, 0, 20)), new Array(3 * 20 * 5).fill(255));
});

test('a wheel explains the colours of flow', async () => {
  const image = flowToImage(ones([2, 100, 300]));
  const explained = await addFlowLegend(image, 12.345);
  assert.equal(explained.size(2), 300);
  const wheel = new Set(values(explained.narrow(1, 100, explained.size(1) - 100)));
  assert.ok(wheel.size > 100, 'many shades');
});
