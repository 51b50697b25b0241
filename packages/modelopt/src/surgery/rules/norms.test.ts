/** @file Batch norms in the place of other norms: the same scale and shift, and statistics from calibration data. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manualSeed, nn, noGrad, randn, scope } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';
import { applySurgery, ChannelsLastBatchNorm, convertToLiteModel } from '../index.ts';
import { evaluate, maxDifference, relativeError } from '../testing.ts';

const shift = (norm: { weight: nn.Parameter | null; bias: nn.Parameter | null }) =>
  noGrad(() => {
    norm.weight?.uniform_(0.5, 2);
    norm.bias?.normal_();
  });

describe('norms of the image itself', () => {
  for (const [id, make] of [
    ['groupnorm_to_batchnorm', () => new nn.GroupNorm(2, 8)],
    ['instancenorm_to_batchnorm', () => new nn.InstanceNorm2d(8, { affine: true })],
    ['layernorm_to_batchnorm', () => new ops.LayerNorm2d(8)],
  ] as const) {
    it(`${id}: with calibration data the output stays near`, () => {
      scope(() => {
        manualSeed(0);
        const norm = make();
        shift(norm);
        const model = new nn.Sequential(new nn.Conv2d(3, 8, 3), norm, new nn.ReLU());
        const x = randn([16, 3, 16, 16]);
        const expected = evaluate(model, x);
        const weight = (norm.weight as nn.Parameter).detach().clone();
        const calibration = [[randn([16, 3, 16, 16])], [randn([16, 3, 16, 16])]];
        convertToLiteModel(model, { rules: [id], calibration });
        const made = model.at(1) as nn.BatchNorm2d;
        assert.ok(made instanceof nn.BatchNorm2d && made.momentum === 0.1);
        assert.equal(maxDifference(made.weight as nn.Parameter, weight), 0);
        const error = relativeError(evaluate(model, x), expected);
        assert.ok(error < 0.6, `${error}`);
      });
    });
  }

  it('layer norms of the last dimension become batch norms of it, for any number of dimensions', () => {
    scope(() => {
      manualSeed(0);
      for (const shape of [
        [6, 5],
        [4, 7, 5],
        [3, 4, 6, 5],
      ]) {
        const x = randn(shape);
        const model = new nn.Sequential(new nn.LayerNorm(5));
        convertToLiteModel(model, { rules: ['layernorm_to_batchnorm'], calibration: [[x]] });
        assert.ok(model.at(0) instanceof ChannelsLastBatchNorm);
        const y = evaluate(model, x).reshape([-1, 5]);
        assert.ok(y.mean([0]).abs().max().item() < 1e-5, 'each channel is centred over the batch');
      }
    });
  });

  it('are refused where there are no channels to keep statistics of', () => {
    const model = new nn.Sequential(new nn.LayerNorm([4, 4]));
    const { rules } = convertToLiteModel(model, { rules: ['layernorm_to_batchnorm'] });
    assert.equal(rules[0]?.refused.length, 1);
  });

  it('leave a ConvNeXt without layer norms', () => {
    const model = new models.ConvNeXt([
      { inputChannels: 8, outChannels: 16, numLayers: 1 },
      { inputChannels: 16, outChannels: null, numLayers: 1 },
    ]);
    scope(() => {
      const x = randn([2, 3, 32, 32]);
      using result = applySurgery(model, [x], { rules: ['layernorm_to_batchnorm'] });
      const { ops: kinds } = result.report.after;
      assert.deepEqual([kinds.layer_norm, kinds.BatchNorm2d, kinds.ChannelsLastBatchNorm], [undefined, 3, 2]);
      assert.equal(evaluate(result.model, x).shape[1], 1000);
    });
  });
});
