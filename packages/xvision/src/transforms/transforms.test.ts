/** @file Joint transforms keep pictures, flow, depth and classes in register. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arange, expectNoLeaks, full, manualSeed, ones, scope, stack, type Tensor, tensor, zeros } from '@edgeai/torch';
import {
  cropAll,
  type DenseMap,
  type DenseSample,
  denseEvaluationTransform,
  denseTrainingTransform,
  randomHorizontalFlip,
  resizeTo,
  rotateAll,
} from './index.ts';

const SIZE = [12, 20] as const;

/** Every map says where its pixels were: column in depth, classes and the first channel of the picture. */
function marked(): DenseSample {
  const [height, width] = SIZE;
  const columns = arange(width).to('float32').reshape([1, 1, width]).expand([1, height, width]);
  const rows = arange(height).to('float32').reshape([1, height, 1]).expand([1, height, width]);
  return {
    images: [{ kind: 'image', map: stack([columns, rows, columns.mul(0)], 1).squeeze(0) }],
    targets: [
      { kind: 'depth', map: columns.add(1) },
      { kind: 'segmentation', map: columns.to('uint8') },
      { kind: 'flow', map: stack([ones([height, width]), full([height, width], 2)]) },
    ],
  };
}

const rowOf = (map: Tensor, row: number, channel = 0) => map.select(0, channel).select(0, row).toArray() as number[];
const mapOf = (maps: readonly DenseMap[], i: number) => (maps[i] as DenseMap).map;

test('a mirrored sample is mirrored in every map, and flow to the right leads to the left', () =>
  expectNoLeaks(() =>
    scope(() => {
      for (let seed = 0, done = false; !done; seed++) {
        manualSeed(seed);
        const { images, targets } = randomHorizontalFlip(marked());
        const columns = rowOf(mapOf(images, 0), 3);
        if (columns[0] === 0) continue;
        done = true;
        assert.deepEqual(
          columns,
          Array.from({ length: 20 }, (_, i) => 19 - i),
        );
        assert.deepEqual(rowOf(mapOf(targets, 1), 0), columns);
        assert.deepEqual(
          rowOf(mapOf(targets, 0), 0),
          columns.map((column) => column + 1),
        );
        assert.equal(rowOf(mapOf(targets, 2), 0)[0], -1);
        assert.equal(rowOf(mapOf(targets, 2), 0, 1)[0], 2);
      }
    }),
  ));

test('flow grows with its map, labels and depths are never mixed', () =>
  scope(() => {
    const { images, targets } = resizeTo([24, 20], [6, 40])(marked());
    assert.deepEqual(mapOf(images, 0).shape, [3, 24, 20]);
    const flow = mapOf(targets, 2);
    assert.deepEqual([rowOf(flow, 0)[0], rowOf(flow, 0, 1)[0]], [2, 1]);
    const labels = rowOf(mapOf(targets, 1), 0);
    assert.deepEqual(labels.slice(0, 6), [0, 0, 1, 1, 2, 2]);
    assert.ok(rowOf(mapOf(targets, 0), 0).every((depth) => Number.isInteger(depth)));
  }));

test('a turn brings in unknown pixels, and a quarter turn takes the flow along', () =>
  scope(() => {
    const { targets } = rotateAll(marked(), 45);
    assert.equal(rowOf(mapOf(targets, 1), 0)[0], 255);
    assert.equal(rowOf(mapOf(targets, 0), 0)[0], 0);
    const square = cropAll(marked(), 0, 0, 12, 12);
    const turned = rotateAll(square, 90);
    // Counter-clockwise: what was at the right is above, and (1, 2) points to (2, −1).
    assert.deepEqual(
      rowOf(mapOf(turned.targets, 1), 0),
      Array.from({ length: 12 }, () => 11),
    );
    const flow = mapOf(turned.targets, 2);
    assert.ok(Math.abs((rowOf(flow, 6)[6] ?? 0) - 2) < 1e-6);
    assert.ok(Math.abs((rowOf(flow, 6, 1)[6] ?? 0) + 1) < 1e-6);
  }));

test('training samples have the size that was asked for, and depth and classes still tell the same columns', () =>
  expectNoLeaks(() => {
    const transform = denseTrainingTransform({ size: [8, 16], rotation: 0, mean: [0], imageScale: [1] });
    for (let seed = 0; seed < 12; seed++) {
      manualSeed(seed);
      scope(() => {
        const { images, targets } = transform(marked());
        assert.deepEqual(mapOf(images, 0).shape, [3, 8, 16]);
        const depth = rowOf(mapOf(targets, 0), 2);
        assert.deepEqual(
          rowOf(mapOf(targets, 1), 2),
          depth.map((value) => value - 1),
        );
        // Pictures are interpolated: within the width of a pixel of the target.
        for (const [i, column] of rowOf(mapOf(images, 0), 2).entries())
          assert.ok(Math.abs(column - ((depth[i] ?? 0) - 1)) < 2, `column ${i}: ${column} and ${depth[i]}`);
      });
    }
  }));

test('evaluation is without chance: normalised pictures in one size, targets in another', () =>
  scope(() => {
    const transform = denseEvaluationTransform({ size: [6, 10], outputSize: SIZE, reverseChannels: true });
    const [a, b] = [transform(marked()), transform(marked())];
    assert.deepEqual(mapOf(a.images, 0).toArray(), mapOf(b.images, 0).toArray());
    assert.deepEqual(mapOf(a.targets, 0).shape, [1, ...SIZE]);
    // Blue first, which was zero: (0 − 128) / 64.
    assert.equal(rowOf(mapOf(a.images, 0), 0)[0], -2);
  }));

test('the same seed makes the same sample', () =>
  scope(() => {
    const transform = denseTrainingTransform({ size: [8, 16], rotation: 10, grayscale: 0.5 });
    const run = () => {
      manualSeed(3);
      return mapOf(transform(marked()).images, 0).toArray();
    };
    assert.deepEqual(run(), run());
    assert.notDeepEqual(run(), tensor([0]).toArray());
  }));

test('turned apart, the flow still leads from a pixel of the first picture to the same one of the second', () =>
  scope(() => {
    const side = 33;
    const at = (row: number, column: number) => {
      const map = zeros([3, side, side]);
      map.select(2, column).select(1, row).fill_(1);
      return { kind: 'image', map } as const;
    };
    /** Where the picture is brightest. */
    const place = ({ map }: DenseMap) => {
      const index = Number(map.select(0, 0).flatten().argmax().item());
      return [index % side, Math.floor(index / side)];
    };
    // A point goes from column 24 to 27 and from row 8 to 6.
    const flow = stack([full([side, side], 3), full([side, side], -2)]);
    const sample: DenseSample = { images: [at(8, 24), at(6, 27)], targets: [{ kind: 'flow', map: flow }] };
    const { images, targets } = rotateAll(sample, 10, 'tensor', 8);
    const [[x0 = 0, y0 = 0], [x1 = 0, y1 = 0]] = images.map(place) as [number[], number[]];
    const turned = mapOf(targets, 0);
    const [u, v] = [rowOf(turned, y0)[x0] ?? 0, rowOf(turned, y0, 1)[x0] ?? 0];
    assert.ok(Math.hypot(u - (x1 - x0), v - (y1 - y0)) < 1.5, `(${u}, ${v}) is not (${x1 - x0}, ${y1 - y0})`);
    const alike = mapOf(rotateAll(sample, 10).targets, 0);
    assert.ok(Math.hypot((rowOf(alike, y0)[x0] ?? 0) - u, (rowOf(alike, y0, 1)[x0] ?? 0) - v) > 1);
  }));

test('flow among the images is scaled with its vectors, and its confidence is not', () =>
  scope(() => {
    const map = stack([full([4, 4], 8), full([4, 4], -4), full([4, 4], 100)]);
    const sample: DenseSample = {
      images: [
        { kind: 'image', map },
        { kind: 'flow', map },
      ],
      targets: [],
    };
    const { images } = denseEvaluationTransform({ size: [8, 2] })(sample);
    const flow = mapOf(images, 1);
    assert.deepEqual(
      [0, 1, 2].map((channel) => rowOf(flow, 0, channel)[0]),
      [4 / 64, -8 / 64, 100 / 64],
    );
    assert.ok(Math.abs((rowOf(mapOf(images, 0), 0)[0] ?? 0) + 120 / 64) < 1e-6);
  }));
