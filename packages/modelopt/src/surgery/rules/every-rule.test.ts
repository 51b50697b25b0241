/** @file Every surgery rule on a network that shows it: it finds its place, keeps what it promises, and leaves nothing for a second time. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cat, expectNoLeaks, manualSeed, nn, randn, scope, slice, type Tensor } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';
import { applySurgery } from '../index.ts';
import { evaluate, maxDifference, unsettle } from '../testing.ts';
import { surgeryRules } from './index.ts';

/** Space to depth by slices, as YOLOv5 begins. */
class Focus extends nn.Module {
  readonly conv = new nn.Conv2d(12, 8, 3, { padding: 1 });

  forward(x: Tensor): Tensor {
    const part = (y: number, z: number) => x.index('...', slice(y, null, 2), slice(z, null, 2));
    return this.conv(cat([part(0, 0), part(1, 0), part(0, 1), part(1, 1)], 1));
  }
}

const IMAGE = [2, 3, 24, 24];
const first = (layer: nn.AnyModule) => new nn.Sequential(new nn.Conv2d(3, 8, 3, { padding: 1 }), layer);
const alone = (layer: nn.AnyModule) => new nn.Sequential(layer);

/** A network a rule. */
const EXAMPLES: Readonly<Record<string, () => nn.AnyModule>> = {
  replace_CNBlock: () => models.getModel<nn.AnyModule>('convnext_tiny', { numClasses: 2 }),
  focus_to_strided_conv: () => new Focus(),
  focus_to_optimized_focus: () => new Focus(),
  squeeze_and_excite_to_identity: () => first(new ops.SqueezeExcitation(8, 4)),
  convert_resize_params_size_to_scale: () => alone(new nn.Upsample({ size: [48, 72] })),
  break_maxpool2d_with_kernel_size_greater_than_equal_to_5: () => alone(new nn.MaxPool2d(9, { stride: 1, padding: 4 })),
  break_avgpool2d_with_kernel_size_greater_than_equal_to_5: () => alone(new nn.AvgPool2d(6)),
  conv2d_to_conv2d_dw_conv2d: () =>
    new nn.Sequential(new nn.Conv2d(3, 16, 3), new nn.Conv2d(16, 16, 3, { padding: 1 })),
  break_conv2d_with_kernel_size_greater_than_7: () => first(new nn.Conv2d(8, 8, 11, { padding: 5 })),
  replace_conv_k_size_6_to_k_size_5: () => alone(new nn.Conv2d(3, 8, 6, { stride: 2, padding: 2 })),
  promote_conv2d_with_even_kernel_to_larger_odd_kernel: () => alone(new nn.Conv2d(3, 8, 4, { stride: 2, padding: 1 })),
  instancenorm_to_batchnorm: () => first(new nn.InstanceNorm2d(8)),
  groupnorm_to_batchnorm: () => first(new nn.GroupNorm(2, 8)),
  layernorm_to_batchnorm: () => first(new ops.LayerNorm2d(8)),
  gelu_to_relu: () => first(new nn.GELU()),
  relu6_to_relu: () => first(new nn.ReLU6()),
  silu_to_relu: () => first(new nn.SiLU()),
  hardswish_to_relu: () => first(new nn.Hardswish()),
  hardsigmoid_to_relu: () => first(new nn.Hardsigmoid()),
  leakyrelu_to_relu: () => first(new nn.LeakyReLU()),
  all_activation_to_relu: () => first(new nn.GELU()),
  relu_inplace_to_relu: () => first(new nn.ReLU({ inplace: true })),
  dropout_inplace_to_dropout: () => first(new nn.Dropout(0.5, { inplace: true })),
  remove_identity: () => first(new nn.Identity()),
};

/** Rules that do nothing until they are told how. */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  conv2d_to_conv2d_dw_conv2d: { groupSizeDw: 1 },
};

describe('surgery rules', () => {
  it('have an example each', () => {
    assert.deepEqual(Object.keys(EXAMPLES).sort(), surgeryRules.map(({ id }) => id).sort());
  });

  for (const { id, preserves } of surgeryRules) {
    it(`${id} (${preserves})`, async () => {
      manualSeed(0);
      const model = EXAMPLES[id]?.() as nn.AnyModule;
      unsettle(model);
      await expectNoLeaks(() =>
        scope(() => {
          const x = randn(id === 'replace_CNBlock' ? [2, 3, 32, 32] : IMAGE);
          const expected = evaluate(model, x);
          const options = { preset: 'none', rules: { [id]: SETTINGS[id] ?? true } } as const;
          using once = applySurgery(model, [x], options);
          const [applied] = once.report.rules;
          assert.ok((applied?.places.length ?? 0) > 0, `no place found; ${JSON.stringify(applied?.refused)}`);
          assert.deepEqual(applied?.refused, []);
          const result = evaluate(once.model, x);
          assert.deepEqual(result.shape, expected.shape);
          if (preserves === 'exact') {
            const difference = maxDifference(result, expected);
            assert.ok(difference < 1e-5, `results differ by ${difference}`);
          }
          using twice = applySurgery(once.model, [x], options);
          assert.deepEqual(twice.report.rules[0]?.places, [], 'a second time there is nothing to do');
        }),
      );
      model.dispose();
    });
  }
});
