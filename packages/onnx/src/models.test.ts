/** @file Whole networks of torchvision, exported and verified. */

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { expectNoLeaks, getNumThreads, manualSeed, randn, scope, setNumThreads } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';
import { exportOnnx } from './index.ts';
import { operators, roundTrip } from './testing.ts';

/** Operators of a network for a small device: nothing but these may come out. */
const EXPECTED: Record<string, readonly string[]> = {
  mobilenet_v2: ['Add', 'Clip', 'Conv', 'Flatten', 'Gemm', 'GlobalAveragePool'],
  resnet18: ['Add', 'Conv', 'Flatten', 'Gemm', 'GlobalAveragePool', 'MaxPool', 'Relu'],
};

describe('networks', () => {
  for (const [name, expected] of Object.entries(EXPECTED)) {
    it(`${name} computes the same in onnxruntime, for any batch`, async () => {
      manualSeed(0);
      const model = getModel(name);
      const sample = scope(() => randn([1, 3, 64, 64]));
      await expectNoLeaks(async () => {
        const { exported } = await roundTrip(model, [[sample]], { tolerance: 1e-5 });
        assert.deepEqual([...new Set(operators(exported))].sort(), expected);
      });
      const three = scope(() => randn([3, 3, 64, 64]));
      const { exported } = await roundTrip(model, [[sample], [three]], { tolerance: 1e-5, dynamicBatch: true });
      assert.deepEqual([...new Set(operators(exported))].sort(), expected);
      model.dispose();
    });
  }

  it('mobilenet_v2 at 224 × 224 takes less than three seconds', () => {
    manualSeed(0);
    const model = getModel('mobilenet_v2');
    const sample = scope(() => randn([1, 3, 224, 224]));
    const threads = getNumThreads();
    // One thread and the best of three: other work on the machine is not what is measured.
    setNumThreads(1);
    const times = [1, 2, 3].map(() => {
      const start = performance.now();
      exportOnnx(model, [sample]);
      return performance.now() - start;
    });
    setNumThreads(threads);
    assert.ok(Math.min(...times) < 3000, `took ${times.map(Math.round).join(', ')} ms`);
    model.dispose();
  });
});
