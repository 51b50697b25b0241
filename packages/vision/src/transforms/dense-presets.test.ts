/** @file The presets for segmentation, videos and flow are the steps that torchvision takes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, randint, scope, type Tensor } from '@edgeai/torch';
import { functional as F, ObjectDetection, OpticalFlow, SemanticSegmentation, VideoClassification } from './index.ts';

const bytes = (shape: number[]) => randint(0, 256, shape, { dtype: 'uint8' });
const equal = (a: Tensor, b: Tensor) => a.shape.join() === b.shape.join() && Number(a.sub(b).abs().max().item()) === 0;

test('segmentation: the shorter side, no crop', async () => {
  await expectNoLeaks(() =>
    scope(() => {
      const image = bytes([3, 30, 40]);
      const made = new SemanticSegmentation({ resizeSize: 24 })(image);
      assert.deepEqual([made.dtype, made.shape], ['float32', [3, 24, 32]]);
      const wanted = F.normalize(
        F.convertImageDtype(F.resize(image, 24)),
        [0.485, 0.456, 0.406],
        [0.229, 0.224, 0.225],
      );
      assert.ok(equal(made, wanted));
      assert.deepEqual(new SemanticSegmentation({ resizeSize: null })(image).shape, [3, 30, 40]);
    }),
  );
});

test('videos: frames resized without smoothing, channels before time', () => {
  scope(() => {
    const clip = bytes([5, 3, 20, 30]);
    const preset = new VideoClassification({ cropSize: [8, 8], resizeSize: [10, 12] });
    const made = preset(clip);
    assert.deepEqual(made.shape, [3, 5, 8, 8]);
    const frame = F.centerCrop(F.resize(clip.select(0, 3), [10, 12], { antialias: false }), [8, 8]);
    const wanted = F.normalize(F.convertImageDtype(frame), [0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989]);
    assert.ok(equal(made.select(1, 3), wanted));
    assert.deepEqual(preset(bytes([2, 5, 3, 20, 30])).shape, [2, 3, 5, 8, 8]);
  });
});

test('flow: both images to -1 … 1', () => {
  scope(() => {
    const [first, second] = new OpticalFlow()(bytes([3, 8, 8]).fill_(255), bytes([3, 8, 8]).fill_(0));
    assert.deepEqual([first.max().item(), first.min().item(), second.max().item()], [1, 1, -1]);
  });
});

test('detection: bytes to 0 … 1, floats as they are', () => {
  scope(() => {
    const image = bytes([3, 8, 8]);
    const made = new ObjectDetection()(image);
    assert.ok(equal(made, F.convertImageDtype(image)));
    assert.equal(new ObjectDetection()(made), made);
  });
});
