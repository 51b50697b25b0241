/** @file Resizing, turning and colours have the values that OpenCV computed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, scope } from '@edgeai/torch';
import { difference, mapOf, opencv } from '../testing/opencv-values.ts';
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
  if (how.includes('is_flow')) continue;
  test(`resized: ${name}`, () =>
    expectNoLeaks(() =>
      scope(() => {
        const image = mapOf(inputs[input as keyof typeof inputs]);
        const size = [Number(height), Number(width)] as const;
        const number = how.split('=')[1] ?? '0';
        const interpolation = INTERPOLATIONS[number] ?? defaultInterpolation([image.size(1), image.size(2)], size);
        const resized = resizeLikeOpenCv(image, size, interpolation);
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
