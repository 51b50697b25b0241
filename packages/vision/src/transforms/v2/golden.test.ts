/** @file Operations on boxes, masks and videos, and the transforms that only v2 has, give torchvision's numbers. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { expectNoLeaks, manualSeed, rand, scope, type Tensor, tensor } from '@edgeai/torch';
import {
  BoundingBox,
  type BoundingBoxFormat,
  convertFormat,
  Image,
  Label,
  Mask,
  Video,
} from '../../datapoints/index.ts';
import { image, recordedInput, sha1, units } from '../testing.ts';
import * as v2 from './index.ts';

type Recorded = Parameters<typeof recordedInput>[0];
interface Result {
  shape: number[];
  dtype: string;
  data?: number[];
  /** Base64. */
  bytes?: string;
}
interface Case {
  group: string;
  op: string;
  in: Recorded[];
  // biome-ignore lint/suspicious/noExplicitAny: arguments differ from operation to operation.
  args: any;
  out: Result | [Result, number[]];
  error?: string;
}
const { cases }: { cases: Case[] } = JSON.parse(readFileSync(new URL('../fixtures/v2.json', import.meta.url), 'utf8'));

const F = v2.functional;
const CORNERS = [
  [0, 0],
  [16, 0],
  [16, 12],
  [0, 12],
] as const;
const MOVED = [
  [2, 1],
  [14, 0],
  [15, 11],
  [1, 10],
] as const;

/** torchvision's names, without the kind of datapoint at the end. */
const OPERATIONS: Record<string, <T extends BoundingBox | Mask | Tensor>(input: T, args: Case['args']) => T> = {
  horizontal_flip: (input) => F.hflip(input),
  vertical_flip: (input) => F.vflip(input),
  resize: (input, { size }) => F.resize(input, size),
  crop: (input, { top, left, height, width }) => F.crop(input, top, left, height, width),
  resized_crop: (input, { top, left, height, width, size }) => F.resizedCrop(input, top, left, height, width, size),
  center_crop: (input, { output_size }) => F.centerCrop(input, output_size),
  pad: (input, { padding, fill = 0 }) => F.pad(input, padding, { fill }),
  affine: (input, { angle, translate, scale, shear }) => F.affine(input, angle, translate, scale, shear),
  rotate: (input, { angle, expand = false, fill = null }) => F.rotate(input, angle, { expand, fill }),
  perspective: (input) => F.perspective(input, CORNERS, MOVED),
  elastic: (input) => F.elastic(input, units(2000020, 1, 13, 17, 2).mul(0.2)),
  clamp: (input) => F.clampBoundingBox(input as BoundingBox) as typeof input,
  normalize: (input, { mean, std }) => F.normalize(input, mean, std),
  equalize: (input) => F.equalize(input),
  posterize: (input, { bits }) => F.posterize(input, bits),
};

const TRANSFORMS: Record<string, () => v2.Transform> = {
  'v2.RandomPhotometricDistort()': () => new v2.RandomPhotometricDistort(),
  'v2.RandomZoomOut(p=1)': () => new v2.RandomZoomOut({ p: 1 }),
  'v2.ScaleJitter((16,20))': () => new v2.ScaleJitter([16, 20], { backend: 'tensor' }),
  'v2.RandomShortestSize([8,10,12])': () => new v2.RandomShortestSize([8, 10, 12], { backend: 'tensor' }),
  'v2.RandomResize(8,20)': () => new v2.RandomResize(8, 20, { backend: 'tensor' }),
  'v2.RandomResizedCrop(9)': () => new v2.RandomResizedCrop(9, { backend: 'tensor' }),
  'v2.ColorJitter': () =>
    new v2.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, backend: 'tensor' }),
};

function run({ group, op, in: inputs, args }: Case): Tensor | BoundingBox {
  const operation = (kind: string) => {
    const found = OPERATIONS[op.replace(kind, '')];
    assert.ok(found, op);
    return found;
  };
  const source = inputs[0] as Recorded;
  switch (group) {
    case 'v2.boxes': {
      if (op === 'convert_format_bounding_box') return convertFormat(recordedInput(source), args.old, args.new);
      const boxes = new BoundingBox(recordedInput(source), args.format as BoundingBoxFormat, args.spatial_size);
      return operation('_bounding_box')(boxes, args);
    }
    case 'v2.mask': {
      const mask = new Mask(image(2000050, 2, 13, 17).gt(128).to('uint8'));
      return op === 'input' ? mask.data : operation('_mask')(mask, args).data;
    }
    case 'v2.video':
      return F.uniformTemporalSubsample(new Video(image(2000051, 7, 3, 4, 5)), args.num_samples).data;
    case 'rng.transform': {
      const made = TRANSFORMS[op];
      assert.ok(made, op);
      manualSeed(args.seed);
      return made()(recordedInput(source));
    }
    default:
      return operation('')(recordedInput(source), args);
  }
}

describe('torchvision’s numbers', () => {
  for (const recordedCase of cases) {
    const { group, op, args, out, error } = recordedCase;
    it(`${group} ${op} ${JSON.stringify(args)}`, () =>
      expectNoLeaks(() =>
        scope(() => {
          if (error !== undefined) {
            assert.throws(() => run(recordedCase), /floating-point image/);
            return;
          }
          const result = run(recordedCase);
          const made = result instanceof BoundingBox ? result.data : result;
          const [expected, size] = (Array.isArray(out) ? out : [out, undefined]) as [Result, number[] | undefined];
          if (size !== undefined) assert.deepEqual((result as BoundingBox).spatialSize, size);
          assert.deepEqual([made.dtype, made.shape], [expected.dtype, expected.shape]);
          const wanted = expected.data ?? [...Buffer.from(expected.bytes ?? '', 'base64')];
          const values = Array.from(made.contiguous().toTypedArray(), Number);
          const tolerance = expected.data === undefined ? 0 : 2e-6;
          for (const [i, value] of values.entries()) {
            const want = wanted[i] ?? Number.NaN;
            assert.ok(
              Math.abs(value - want) <= tolerance * Math.max(1, Math.abs(want)),
              `${value} for ${want} at ${i}`,
            );
          }
        }),
      ));
  }
});

interface Detection {
  transform: 'iou' | 'fixed' | 'zoom';
  seed: number;
  size?: readonly [number, number];
  shape: number[];
  sha1: string;
  boxes: number[][];
  labels: number[];
  after: number;
}
const detection: { cases: Detection[] } = JSON.parse(
  readFileSync(new URL('../fixtures/detection.json', import.meta.url), 'utf8'),
);

describe('the transforms of torchvision’s training of detectors', () => {
  for (const { transform, seed, size = [1, 1] as const, after, labels, ...expected } of detection.cases)
    it(`${transform} ${size} with seed ${seed}`, () =>
      expectNoLeaks(() =>
        scope(() => {
          const made = {
            iou: () => new v2.Compose([new v2.RandomIoUCrop(), new v2.SanitizeBoundingBox()]),
            fixed: () => new v2.FixedSizeCrop(size),
            zoom: () => new v2.RandomZoomOut(),
          }[transform]();
          const corners = [
            [1, 2, 16, 29],
            [20, 5, 38, 30],
            [10, 10, 14, 14],
          ];
          manualSeed(seed);
          const result = made({
            image: new Image(image(2000006, 3, 32, 40)),
            boxes: new BoundingBox(tensor(corners, { dtype: 'float32' }), 'XYXY', [32, 40]),
            labels: new Label(tensor([1, 2, 3])),
          });
          const { data } = result.image;
          assert.deepEqual({ shape: data.shape, sha1: sha1(data), boxes: result.boxes.data.toArray() }, expected);
          assert.deepEqual([result.labels.data.toArray(), rand([1]).item()], [labels, after]);
        }),
      ));
});

it('boxes of whole numbers go to other formats and back unchanged', () => {
  scope(() => {
    const boxes = tensor([
      [1, 2, 6, 9],
      [0, 0, 17, 13],
      [4, 4, 5, 5],
    ]);
    for (const format of ['XYWH', 'CXCYWH'] as const) {
      const back = convertFormat(convertFormat(boxes, 'XYXY', format), format, 'XYXY');
      assert.deepEqual([back.dtype, back.toArray()], ['int64', boxes.toArray()]);
    }
    assert.throws(() => convertFormat(boxes, 'XYXY', 'YXYX' as 'XYWH'), /one of XYXY, XYWH, CXCYWH for to/);
  });
});
