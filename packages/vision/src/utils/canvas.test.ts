/** @file Grids, boxes, key points and the shapes that they are made of are torchvision's and Pillow's, pixel for pixel. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { expectNoLeaks, fromTypedArray, full, keep, scope, type Tensor, tensor, zeros } from '@edgeai/torch';
import { BoundingBox, Keypoints } from '../datapoints/index.ts';
import { readImage } from '../io/index.ts';
import { states } from '../testing/fill.ts';
import { Canvas } from './canvas.ts';
import { drawBoundingBoxes, drawKeypoints, makeGrid, saveImage } from './index.ts';

interface Drawing {
  op: 'make_grid' | 'draw_bounding_boxes' | 'draw_keypoints';
  input: (string | { shape: number[]; data: number[] })[];
  args: Record<string, unknown>;
  shape: number[];
  dtype: string;
  values: string | number[];
}
interface Shape {
  kind: 'line' | 'disc';
  points: [number, number, number, number];
  width: number;
  radius: number;
  sha1: string;
}
const golden: { cases: Drawing[]; shapes: Shape[] } = JSON.parse(
  readFileSync(new URL('./fixtures/canvas.json', import.meta.url), 'utf8'),
);

/** A tensor from its description: `A` is the picture of all cases, `u01 seed N [shape]` a stream of floats. */
function input(description: Drawing['input'][number]): Tensor {
  if (typeof description !== 'string') return fromTypedArray(Float32Array.from(description.data), description.shape);
  if (description === 'A')
    return fromTypedArray(
      Uint8Array.from(states(2000000, 663), (state) => state >>> 24),
      [3, 13, 17],
    );
  const [seed = 0, ...shape] = (description.match(/\d+(?=[\],]|$| \[)/g) ?? []).map(Number);
  const values = states(
    seed,
    shape.reduce((a, b) => a * b),
  );
  return fromTypedArray(
    Float32Array.from(values, (state) => state / 2 ** 32),
    shape,
  );
}

const camelCase = (args: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(args).map(([k, v]) => [k.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), v]));
const FUNCTIONS = { make_grid: makeGrid, draw_bounding_boxes: drawBoundingBoxes, draw_keypoints: drawKeypoints };
const values = (image: Tensor) => Array.from(image.contiguous().toTypedArray(), Number);

describe('drawings are torchvision’s', () => {
  for (const { op, input: inputs, args, shape, dtype, values: expected } of golden.cases) {
    it(`${op} ${JSON.stringify(args)}`, () =>
      expectNoLeaks(() =>
        scope(() => {
          const draw = FUNCTIONS[op] as (...args: unknown[]) => Tensor;
          const result = draw(...inputs.map(input), camelCase(args));
          assert.deepEqual([result.dtype, result.shape], [dtype, shape]);
          const wanted = typeof expected === 'string' ? [...Buffer.from(expected, 'base64')] : expected;
          const wrong = values(result).filter((value, i) => !(Math.abs(value - (wanted[i] ?? Number.NaN)) < 1e-6));
          assert.equal(wrong.length, 0);
        }),
      ));
  }

  it('lines of any slope and width, and discs, are Pillow’s', () => {
    for (const { kind, points, width, radius, sha1 } of golden.shapes)
      scope(() => {
        const canvas = new Canvas(zeros([3, 32, 40], { dtype: 'uint8' }));
        if (kind === 'line') canvas.line(...points, [255, 0, 0], width);
        else canvas.disc(17, 15, radius, [255, 0, 0]);
        const dots = values(canvas.toTensor().select(0, 0)).map((value) => (value > 0 ? '1' : '0'));
        assert.equal(
          createHash('sha1').update(dots.join('')).digest('hex'),
          sha1,
          JSON.stringify([points, width, radius]),
        );
      });
  });
});

/** An image of grey levels as lines of text: '#' where it is not black. */
const picture = (image: Tensor) => {
  const [, , width = 0] = image.shape;
  const dots = values(image.select(0, 0)).map((value) => (value > 0 ? '#' : '.'));
  return Array.from({ length: dots.length / width }, (_, y) => dots.slice(y * width, (y + 1) * width).join(''));
};

describe('labels', () => {
  it('stand inside the top left corner, and need no fonts', () => {
    scope(() => {
      const black = zeros([1, 14, 22], { dtype: 'uint8' });
      const boxes = tensor([[0, 0, 21, 13]]);
      assert.deepEqual(picture(drawBoundingBoxes(black, boxes, { labels: ['Éj?'], colors: 'white' })), [
        '######################',
        '#....................#',
        '#.#####....#...###...#',
        '#.#...........#...#..#',
        '#.#.......##......#..#',
        '#.####.....#.....#...#',
        '#.#........#....#....#',
        '#.#........#.........#',
        '#.#####.#..#....#....#',
        '#........##..........#',
        '#....................#',
        '#....................#',
        '#....................#',
        '######################',
      ]);
    });
  });

  it('grow with the font size, and may have a ground', () => {
    scope(() => {
      const image = zeros([3, 40, 60], { dtype: 'uint8' });
      const boxes = tensor([[0, 0, 59, 39]]);
      const ink = (options: { fontSize?: number; labelBackground?: string }) =>
        values(drawBoundingBoxes(image, boxes, { labels: ['Ab'], colors: 'red', ...options })).filter((v) => v > 0)
          .length;
      const [small, large] = [ink({ fontSize: 8 }), ink({ fontSize: 16 })];
      const frame = 2 * 60 + 2 * 38;
      assert.equal(large - frame, 4 * (small - frame));
      assert.ok(ink({ labelBackground: 'white' }) > small + 100);
      assert.equal(ink({}), small);
    });
  });
});

describe('arguments', () => {
  it('parts outside the image are left out; grey becomes RGB; the image stays as it is', () => {
    scope(() => {
      const grey = full([1, 4, 5], 9, { dtype: 'uint8' });
      const drawn = drawBoundingBoxes(grey, tensor([[-3, 1, 9, 20]]), { colors: '#f00' });
      assert.deepEqual(drawn.shape, [3, 4, 5]);
      assert.deepEqual(values(drawn.select(0, 0)).slice(0, 10), [9, 9, 9, 9, 9, 255, 255, 255, 255, 255]);
      assert.deepEqual(values(grey), new Array(20).fill(9));
      assert.deepEqual(drawBoundingBoxes(grey, zeros([0, 4])).shape, [3, 4, 5]);
      const points = tensor([
        [
          [1, 1],
          [3, 2],
        ],
      ] as number[][][]);
      const hidden = drawKeypoints(grey, points, { connectivity: [[0, 1]], visibility: tensor([[1, 0]]), radius: 1 });
      assert.equal(values(hidden.select(0, 0)).filter((value) => value === 255).length, 5);
    });
  });

  it('may be datapoints', () => {
    scope(() => {
      const black = zeros([3, 12, 16], { dtype: 'uint8' });
      const box = new BoundingBox(tensor([[2, 3, 6, 5]]), 'XYWH', [12, 16]);
      const corners = tensor([[2, 3, 8, 8]]);
      assert.deepEqual(values(drawBoundingBoxes(black, box)), values(drawBoundingBoxes(black, corners)));
      const points = new Keypoints(
        tensor([
          [
            [4, 4, 1],
            [9, 6, 0],
          ],
        ] as number[][][]),
        [12, 16],
      );
      const shown = drawKeypoints(black, points, { radius: 1 });
      assert.deepEqual(values(shown), values(drawKeypoints(black, tensor([[[4, 4]]] as number[][][]), { radius: 1 })));
    });
  });

  it('are refused with a reason', () => {
    scope(() => {
      const image = zeros([3, 4, 5], { dtype: 'uint8' });
      const boxes = tensor([[0, 0, 2, 2]]);
      assert.throws(() => drawBoundingBoxes(image.float(), boxes), /uint8 of shape \[1 or 3, height, width\]/);
      assert.throws(() => drawBoundingBoxes(image, boxes.squeeze(0)), /\[boxes, 4\]/);
      assert.throws(() => drawBoundingBoxes(image, tensor([[3, 0, 2, 2]])), /left ≤ right/);
      assert.throws(() => drawBoundingBoxes(image, boxes, { labels: [] }), /1 texts, one a box/);
      assert.throws(() => drawBoundingBoxes(image, boxes, { colors: [] as string[] }), /at least 1 colours/);
      assert.throws(() => drawBoundingBoxes(image, boxes, { width: 0 }), /above 0 for width/);
      assert.throws(() => drawKeypoints(image, boxes), /\[instances, points, 2\]/);
      assert.throws(() => drawKeypoints(image, zeros([1, 2, 2]), { connectivity: [[0, 2]] }), /from 0 to 1/);
      assert.throws(() => makeGrid(zeros([0, 3, 2, 2])), /at least 1/);
      assert.throws(() => makeGrid(zeros([2, 3, 2, 2]), { nrow: 0 }), /nrow/);
    });
  });
});

describe('grids', () => {
  it('take lists, single images and matrices, and can stretch each image', () => {
    scope(() => {
      const images = [tensor([[[0, 1]]]), tensor([[[2, 6]]])];
      assert.deepEqual(makeGrid(images, { padding: 0 }).shape, [3, 1, 4]);
      const each = makeGrid(images, { padding: 0, normalize: true, scaleEach: true });
      assert.deepEqual(values(each.select(0, 0)), [0, 1, 0, 1]);
      assert.deepEqual(makeGrid(zeros([4, 5])).shape, [3, 4, 5]);
      assert.deepEqual(makeGrid(zeros([3, 4, 5])).shape, [3, 4, 5]);
    });
  });

  it('are saved as images', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vision-grid-'));
    await expectNoLeaks(async () => {
      const images = keep(scope(() => tensor([[[[0, 0.5, 1, 2]]]]).expand([1, 3, 1, 4])));
      const path = join(folder, 'grid.png');
      await saveImage(images, path);
      const again = await readImage(path);
      assert.deepEqual(
        [again.shape, scope(() => values(again.select(0, 1)))],
        [
          [3, 1, 4],
          [0, 128, 255, 255],
        ],
      );
      await assert.rejects(saveImage(images, join(folder, 'grid.txt')), /\.png, \.jpg/);
      images.dispose();
      again.dispose();
    });
    await rm(folder, { recursive: true });
  });
});
