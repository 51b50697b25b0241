/** @file YV12 has the values that OpenCV computed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, scope, zeros } from '@edgeai/torch';
import { difference, mapOf, opencv } from '../testing/opencv-values.ts';
import { rgbToYv12, yv12ToRgb } from './yv12.ts';

const { visual } = opencv;

test('there and back, byte for byte', () =>
  expectNoLeaks(() =>
    scope(() => {
      const planes = rgbToYv12(mapOf(visual['YV12 input']));
      assert.equal(difference(planes, visual['RGB->YV12']), 0);
      assert.equal(difference(yv12ToRgb(planes), visual['RGB->YV12->RGB']), 0);
      assert.throws(() => rgbToYv12(zeros([3, 6, 8], { dtype: 'uint8' })), /multiple of 4/);
    }),
  ));
