/** @file Resizing, turning and colours have the values that OpenCV computed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, manualSeed, scope, type Tensor } from '@edgeai/torch';
import { difference, mapOf, opencv } from '../testing/opencv-values.ts';
import {
  centerCrop,
  cropAll,
  cropRectangle,
  type DenseMap,
  type DenseSample,
  type DenseTransform,
  normalizeMeanScale,
  normalizeMeanStd,
  onImages,
  randomGrayscale,
  randomHorizontalFlip,
  randomVerticalFlip,
  resizeMap,
  resizeTo,
  reverseImageChannels,
  rotateAll,
  scaleShorterSide,
  warpColours,
} from './index.ts';
import { defaultInterpolation, type OpenCvInterpolation, resizeLikeOpenCv } from './opencv-resize.ts';
import { rotateLikeOpenCv } from './opencv-rotate.ts';

const { inputs, resize, rotate } = opencv;
/** OpenCV's numbers of them. */
const INTERPOLATIONS: Readonly<Record<string, OpenCvInterpolation>> = {
  0: 'nearest',
  1: 'linear',
  2: 'cubic',
  3: 'area',
};

for (const [name, record] of Object.entries(resize)) {
  const [, input = '', height, width, how = ''] = /^(\w+)->(\d+)x(\d+) (.*)$/.exec(name) ?? [];
  if (how.includes('interp=-1') && how.includes('is_flow')) continue;
  test(`resized: ${name}`, () =>
    expectNoLeaks(() =>
      scope(() => {
        const image = mapOf(inputs[input as keyof typeof inputs]);
        const size = [Number(height), Number(width)] as const;
        const number = how.split('=')[1] ?? '0';
        const interpolation = INTERPOLATIONS[number] ?? defaultInterpolation([image.size(1), image.size(2)], size);
        // Vectors grow with their map.
        const resized = how.includes('is_flow')
          ? resizeMap({ kind: 'flow', map: image }, size, 'opencv')
          : resizeLikeOpenCv(image, size, interpolation);
        const allowed = image.dtype === 'uint8' ? 0 : 2e-6;
        assert.ok(difference(resized, record) <= allowed, `off by ${difference(resized, record)}`);
      }),
    ));
}

for (const [name, record] of Object.entries(rotate)) {
  const [, input = '', degrees, how] = /^(\w+) angle=(\S+) (\w+)$/.exec(name) ?? [];
  test(`turned: ${name}`, () =>
    expectNoLeaks(() =>
      scope(() => {
        const image = mapOf(inputs[input as keyof typeof inputs]);
        const turned = rotateLikeOpenCv(image, Number(degrees), how as 'linear' | 'nearest');
        const allowed = image.dtype === 'uint8' ? 0 : 1e-6;
        assert.ok(difference(turned, record) <= allowed, `off by ${difference(turned, record)}`);
      }),
    ));
}

/** What the original did, with the random numbers that it drew put in. */
const TRANSFORMS: Readonly<Record<string, DenseTransform>> = {
  ReverseImageChannels: reverseImageChannels,
  'ScaleMinSide 4': scaleShorterSide(4, 'opencv'),
  'RandomCrop 4x5': (sample) => cropAll(sample, 2, 1, 4, 5),
  'RandomRotate 5 image': (sample) => rotateAll(sample, 4, 'opencv'),
  RandomColorWarp: onImages((image) =>
    warpColours(image, { factors: [1.05, 0.98, 1.1], offsets: [0.1, 0, -0.2], order: [2, 0, 1] }),
  ),
  'RandomColor2Gray float': randomGrayscale(1),
  'RandomColor2Gray uint8': randomGrayscale(1),
  'RandomScaleCrop 6x8 scale(1,2)': (sample) => cropAll(resizeTo([9, 10], [9, 10], 'opencv')(sample), 2, 1, 6, 8),
  'RandomScaleCrop 6x8 center': (sample) => centerCrop([6, 8])(resizeTo([9, 10], [9, 10], 'opencv')(sample)),
  'RandomCropScale 4x4': (sample) => resizeTo([4, 4], [4, 4], 'opencv')(cropAll(sample, 1, 0, 4, 6)),
  'RandomScaleCrop 6x8 no scale': (sample) => cropAll(resizeTo([6, 8], [6, 8], 'opencv')(sample), 0, 0, 6, 8),
  'Scale img 4x6 target 12x16': resizeTo([4, 6], [12, 16], 'opencv'),
  'CropRect rel': cropRectangle([0.25, 0.25, 0.5, 0.5]),
  'CropRect abs': cropRectangle([1, 2, 3, 4]),
  'NormalizeMeanScale (128,) 1/64 on uint8': normalizeMeanScale([128], [1 / 64]),
  'NormalizeMeanScale 3ch on uint8': normalizeMeanScale([123.675, 116.28, 103.53], [0.017125, 0.017507, 0.017429]),
  NormalizeMeanStd: normalizeMeanStd([0.1, 0.2, 0.3], [2, 4, 8]),
};
/** Those that were recorded for bytes. */
const ON_BYTES = /uint8/;

for (const [name, transform] of Object.entries(TRANSFORMS)) {
  test(`as the original: ${name}`, () =>
    expectNoLeaks(() =>
      scope(() => {
        const record = opencv.transforms[name];
        assert.ok(record !== undefined);
        const sample: DenseSample = {
          images: [{ kind: 'image', map: mapOf(ON_BYTES.test(name) ? inputs.img8 : inputs.img) }],
          targets: [{ kind: 'interest_pt', map: mapOf(inputs.lab) }],
        };
        const { images, targets } = transform(sample);
        for (const [i, { map }] of images.entries())
          assert.ok(difference(map, record.images[i]) < 2e-6, `image: off by ${difference(map, record.images[i])}`);
        for (const [i, { map }] of targets.entries()) assert.equal(difference(map, record.targets[i]), 0, 'target');
      }),
    ));
}

test('as the original: RandomRotate 5 pair diff_angle 2', () =>
  expectNoLeaks(() =>
    scope(() => {
      const record = opencv.transforms['RandomRotate 5 pair diff_angle 2'];
      const image = { kind: 'image', map: mapOf(inputs.img) } as const;
      const target = { kind: 'interest_pt', map: mapOf(inputs.lab) } as const;
      const { images, targets } = rotateAll({ images: [image, image], targets: [target] }, 4, 'opencv', 1);
      for (const [i, { map }] of images.entries()) assert.ok(difference(map, record?.images[i]) < 2e-6, `image ${i}`);
      assert.equal(difference((targets[0] as DenseMap).map, record?.targets[0]), 0);
    }),
  ));

for (const [name, flip] of [
  ['RandomHorizontalFlip flow', randomHorizontalFlip],
  ['RandomVerticalFlip flow', randomVerticalFlip],
] as const) {
  test(`as the original: ${name}`, () =>
    expectNoLeaks(() =>
      scope(() => {
        const map = mapOf(inputs.flow);
        const flow = { kind: 'flow', map } as const;
        let flipped = flow.map;
        for (let seed = 0; flipped === map; seed++) {
          manualSeed(seed);
          flipped = (flip({ images: [flow], targets: [] }).images[0] as DenseMap).map;
        }
        assert.equal(difference(flipped, opencv.transforms[name]?.images[0]), 0);
      }),
    ));
}

test('flow turns with its map: to the right as recorded, downwards from what was before (the original took the new value)', () =>
  expectNoLeaks(() =>
    scope(() => {
      const flow = mapOf(inputs.flow);
      const { images } = rotateAll({ images: [{ kind: 'flow', map: flow }], targets: [] }, 4, 'opencv');
      const record = mapOf(opencv.transforms['RandomRotate 5 flow']?.images[0]);
      const [turned] = images;
      assert.ok(turned !== undefined);
      const [u, v] = turned.map.unbind(0) as [Tensor, Tensor];
      const [recordedU, recordedV] = record.unbind(0) as [Tensor, Tensor];
      const most = (a: Tensor, b: Tensor) => Number(a.sub(b).abs().max().item());
      assert.ok(most(u, recordedU) < 2e-6, `off by ${most(u, recordedU)}`);
      // Undo the mistake: it put u' = u cos + v sin where u belongs, in v' = v cos − u sin.
      const [cos, sin] = [Math.cos((4 * Math.PI) / 180), Math.sin((4 * Math.PI) / 180)];
      const oldV = recordedV.add(recordedU.mul(sin)).div(cos);
      const oldU = recordedU.sub(oldV.mul(sin)).div(cos);
      assert.ok(most(v, oldV.mul(cos).sub(oldU.mul(sin))) < 1e-5);
    }),
  ));
