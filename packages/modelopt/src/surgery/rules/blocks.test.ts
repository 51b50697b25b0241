/** @file Whole blocks: ConvNeXt's with its weights carried over, Focus in two forms that compute the same. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cat, equal, manualSeed, nn, noGrad, randn, scope, slice, type Tensor } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';
import { applySurgery, convertToLiteModel, LiteCNBlock } from '../index.ts';
import { evaluate, maxDifference, relativeError } from '../testing.ts';

class Focus extends nn.Module {
  readonly conv = new nn.Conv2d(12, 8, 3, { padding: 1 });

  forward(x: Tensor): Tensor {
    const part = (y: number, z: number) => x.index('...', slice(y, null, 2), slice(z, null, 2));
    return this.conv(cat([part(0, 0), part(1, 0), part(0, 1), part(1, 1)], 1)).relu();
  }
}

describe('Focus', () => {
  it('as reshape and permute is equal in every bit', () => {
    scope(() => {
      const x = randn([2, 3, 8, 12]);
      const model = new Focus();
      using result = applySurgery(model, [x], { rules: ['focus_to_optimized_focus'] });
      assert.equal(result.report.after.ops.slice, undefined);
      assert.ok(equal(evaluate(result.model, x), evaluate(model, x)));
      const other = randn([3, 3, 8, 12]);
      assert.ok(equal(evaluate(result.model, other), evaluate(model, other)), 'for any batch');
    });
  });

  it('and the convolution behind it are one strided convolution under the same key', () => {
    scope(() => {
      const x = randn([2, 3, 9 * 2, 12]);
      const model = new Focus();
      using result = applySurgery(model, [x], { rules: ['focus_to_strided_conv'] });
      assert.deepEqual(result.model.stateDict()['conv.weight']?.shape, [8, 3, 6, 6]);
      assert.deepEqual(result.report.after.ops, { Conv2d: 1, relu: 1 });
      assert.ok(maxDifference(evaluate(result.model, x), evaluate(model, x)) < 1e-5);
    });
  });

  it('is not seen in other slicings', () => {
    class Other extends Focus {
      override forward(x: Tensor): Tensor {
        const part = (y: number, z: number) => x.index('...', slice(y, null, 2), slice(z, null, 2));
        return this.conv(cat([part(0, 0), part(0, 1), part(1, 0), part(1, 1)], 1));
      }
    }
    scope(() => {
      using result = applySurgery(new Other(), [randn([1, 3, 8, 8])], { rules: ['focus_to_optimized_focus'] });
      assert.deepEqual(result.report.rules[0]?.places, []);
    });
  });
});

describe('replace_CNBlock', () => {
  it('keeps stochastic depth and all weights that have a place, and is nearer to the block than random weights', () => {
    scope(() => {
      manualSeed(0);
      const block = new models.CNBlock(8, 0.5, 0.3);
      noGrad(() => {
        const [depthwise] = block.block.children() as [nn.Conv2d];
        const smooth = nn.functional.interpolate(randn([8, 1, 3, 3]), {
          size: [7, 7],
          mode: 'bicubic',
          alignCorners: true,
        });
        depthwise.weight.copy_(smooth);
      });
      const model = new nn.Sequential(block);
      const x = randn([16, 8, 14, 14]);
      const expected = evaluate(model, x).sub(x);
      convertToLiteModel(model, { rules: ['replace_CNBlock'], calibration: [[x]] });
      const made = model.at(0) as LiteCNBlock;
      assert.ok(made instanceof LiteCNBlock);
      assert.equal(made.stochastic_depth.p, 0.3);
      const similarity = () => {
        const y = evaluate(model, x).sub(x);
        return y.mul(expected).sum().item() / (y.norm().item() * expected.norm().item());
      };
      const carried = similarity();
      for (const module of model.modules()) if (module instanceof nn.Conv2d) module.resetParameters();
      const random = similarity();
      assert.ok(carried > 0.5 && carried > Math.abs(random) + 0.2, `${carried} against ${random}`);
    });
  });

  it('comes before GELU → ReLU, which would take its pattern away', () => {
    const model = new nn.Sequential(new models.CNBlock(8, 1e-6, 0));
    const { rules } = convertToLiteModel(model, { preset: 'v2' });
    assert.deepEqual(rules.find(({ id }) => id === 'replace_CNBlock')?.places, ['0']);
    assert.deepEqual(rules.find(({ id }) => id === 'gelu_to_relu')?.places, []);
  });

  it('in a graph trains with stochastic depth', () => {
    scope(() => {
      const x = randn([2, 8, 8, 8]);
      using result = applySurgery(new nn.Sequential(new models.CNBlock(8, 1, 1)).eval(), [x], { preset: 'v2' });
      assert.ok(
        equal(
          noGrad(() => result.model.train()(x) as Tensor),
          x,
        ),
        'every sample is left out',
      );
      assert.ok(relativeError(evaluate(result.model, x), x) > 0.01);
      assert.ok(result.model.modules().some((module) => module instanceof ops.StochasticDepth));
    });
  });
});
