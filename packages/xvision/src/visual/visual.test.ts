/** @file Maps become the pictures that the original makes of them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, scope, tensor } from '@edgeai/torch';
import { difference, mapOf, opencv } from '../testing/opencv-values.ts';
import { type ColourMapName, chromaBlend, colourMap, colourMapNames, colourValues, flowColours } from './index.ts';

const { inputs, visual } = opencv;

for (const name of ['rainbow', 'magma', 'bone', 'plasma'] as const) {
  test(`depths up to 80 m have the colours of ${name}`, () =>
    expectNoLeaks(() =>
      scope(() => {
        const coloured = colourValues(mapOf(visual['tensor2array input']), 80, name);
        assert.ok(difference(coloured.to('float32').div(255), visual[`tensor2array ${name}`]) < 1e-6);
      }),
    ));
}

test('every map has 256 colours, values beyond the ends have the colours of the ends', () =>
  scope(() => {
    for (const name of colourMapNames) {
      assert.deepEqual(colourMap(name).shape, [256, 3]);
      const ends = colourValues(tensor([[-1, 0, 80, 100]]), 80, name)
        .select(1, 0)
        .t()
        .toArray() as number[][];
      assert.deepEqual(ends[0], ends[1]);
      assert.deepEqual(ends[2], ends[3]);
    }
    assert.throws(() => colourMap('rainbwo' as ColourMapName), /rainbow/);
  }));

test('a blend has the brightness of the picture and the colours of the other, bit for bit', () =>
  expectNoLeaks(() =>
    scope(() => {
      const record = visual['chroma_blend uint8'];
      assert.ok(record !== undefined);
      const second = mapOf(visual['chroma_blend second image']);
      assert.equal(difference(chromaBlend(mapOf(inputs.img8), second), record), 0);
    }),
  ));

test('flow has the hue of its direction', () =>
  expectNoLeaks(() =>
    scope(() => {
      assert.ok(difference(flowColours(mapOf(inputs.flow), 10), visual['flow2hsv max=10']) < 2e-6);
      const still = flowColours(tensor([[[0]], [[0]]], { dtype: 'float32' }))
        .flatten()
        .toArray();
      assert.deepEqual(still, [1, 1, 1]);
    }),
  ));
