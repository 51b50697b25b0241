/** @file Convolutions: exact where a rule says so, shapes kept everywhere, and projected weights nearer to the original than random ones. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectNoLeaks, manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { convertToLiteModel, DepthwiseSeparableConv2d, type SurgeryOptions } from '../index.ts';
import { evaluate, maxDifference, relativeError } from '../testing.ts';

const EVEN = 'promote_conv2d_with_even_kernel_to_larger_odd_kernel';
const SIX = 'replace_conv_k_size_6_to_k_size_5';
const LARGE = 'break_conv2d_with_kernel_size_greater_than_7';
const SEPARABLE = 'conv2d_to_conv2d_dw_conv2d';

function convs(model: nn.AnyModule): nn.Conv2d[] {
  return model.modules().filter((module): module is nn.Conv2d => module instanceof nn.Conv2d);
}

/** Draws new weights for what surgery made, to compare with the projected ones. */
function randomise(model: nn.AnyModule): void {
  manualSeed(3);
  for (const conv of convs(model)) conv.resetParameters();
}

describe('even kernels', () => {
  it('become odd ones with zeros, equal for every stride, padding and dilation, whether the size of the image is known or not', async () => {
    await expectNoLeaks(() =>
      scope(() => {
        manualSeed(0);
        for (const size of [12, 13]) {
          const x = randn([1, 4, size, size + 1]);
          for (const [kernel, stride, padding, dilation, groups] of [
            [2, 1, 0, 1, 1],
            [4, 2, 1, 1, 2],
            [4, 3, 2, 1, 4],
            [6, 2, 2, 1, 1],
            [2, 1, 1, 3, 1],
          ] as const) {
            for (const exampleInputs of [undefined, [x]]) {
              const model = new nn.Sequential(new nn.Conv2d(4, 8, kernel, { stride, padding, dilation, groups }));
              const expected = evaluate(model, x);
              convertToLiteModel(model, { rules: [EVEN], ...(exampleInputs === undefined ? {} : { exampleInputs }) });
              assert.ok(convs(model).every((conv) => conv.kernelSize.every((each) => each % 2 === 1)));
              assert.ok(
                maxDifference(evaluate(model, x), expected) < 1e-5,
                `${kernel} ${stride} ${padding} ${dilation}`,
              );
              for (const tensor of model.parameters()) tensor.dispose();
            }
          }
        }
        const same = new nn.Sequential(new nn.Conv2d(4, 2, 4, { padding: 'same' }));
        const x = randn([1, 4, 9, 9]);
        const expected = evaluate(same, x);
        convertToLiteModel(same, { rules: [EVEN] });
        assert.ok(maxDifference(evaluate(same, x), expected) < 1e-5);
        for (const tensor of same.parameters()) tensor.dispose();
      }),
    );
  });

  it('need no padding layer where the size is known and the stride leaves room, and patches stay as they are', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(3, 4, 6, { stride: 2, padding: 2 }),
      new nn.Conv2d(4, 4, 4, { stride: 4 }),
    );
    scope(() => convertToLiteModel(model, { rules: [EVEN], exampleInputs: [randn([1, 3, 32, 32])] }));
    assert.deepEqual(
      convs(model).map(({ kernelSize }) => kernelSize[0]),
      [7, 4],
    );
    assert.equal(
      model.modules().some((module) => module instanceof nn.ZeroPad2d),
      false,
    );
  });
});

describe('6×6 kernels', () => {
  it('become 5×5 with the size, groups and bias kept, nearer to the original than random weights', () => {
    scope(() => {
      manualSeed(0);
      // A smooth image, as images are.
      const x = nn.functional.interpolate(randn([1, 4, 8, 8]), { size: [32, 32], mode: 'bilinear' });
      const model = new nn.Sequential(new nn.Conv2d(4, 8, 6, { stride: 2, padding: 2, groups: 2, bias: false }));
      const expected = evaluate(model, x);
      convertToLiteModel(model, { rules: [SIX], exampleInputs: [x] });
      const [conv] = convs(model);
      assert.deepEqual([conv?.kernelSize, conv?.groups, conv?.bias], [[5, 5], 2, null]);
      const projected = evaluate(model, x);
      assert.deepEqual(projected.shape, expected.shape);
      randomise(model);
      const [mine, random] = [relativeError(projected, expected), relativeError(evaluate(model, x), expected)];
      assert.ok(mine < 0.4 && mine < random / 2, `${mine} against ${random}`);
    });
  });

  it('are refused where the result would have another size, and no other kernel is looked at', () => {
    const model = new nn.Sequential(new nn.Conv2d(3, 3, 6), new nn.Conv2d(3, 3, [1, 7]));
    const { rules } = convertToLiteModel(model, { rules: [SIX] });
    assert.deepEqual(
      rules[0]?.refused.map(({ path }) => path),
      ['0'],
    );
  });
});

describe('kernels larger than 7×7', () => {
  const cases = [
    { kernel: 9, stride: 1, padding: 4, dilation: 1, groups: 1 },
    { kernel: 11, stride: 4, padding: 2, dilation: 1, groups: 1 },
    { kernel: 9, stride: 2, padding: 8, dilation: 2, groups: 4 },
    { kernel: 8, stride: 2, padding: 3, dilation: 1, groups: 2 },
    { kernel: 13, stride: 1, padding: 0, dilation: 1, groups: 4 },
  ];

  it('become 3×3 and at most 7×7 with the same output size, groups, dilation and bias, the same every time', () => {
    scope(() => {
      const x = randn([1, 4, 40, 40]);
      for (const { kernel, ...options } of cases) {
        const make = () => {
          manualSeed(0);
          const model = new nn.Sequential(new nn.Conv2d(4, 8, kernel, options));
          return { model, expected: evaluate(model, x) };
        };
        const [{ model, expected }, { model: again }] = [make(), make()];
        convertToLiteModel(model, { rules: [LARGE] });
        convertToLiteModel(again, { rules: [LARGE] });
        const all = convs(model);
        assert.ok(all.every(({ kernelSize }) => Math.max(...kernelSize) <= 7));
        assert.ok(all.every(({ groups, dilation }) => groups === options.groups && dilation[0] === options.dilation));
        assert.notEqual(all.at(-1)?.bias, null);
        assert.deepEqual(evaluate(model, x).shape, expected.shape);
        assert.equal(maxDifference(evaluate(model, x), evaluate(again, x)), 0);
      }
    });
  });

  it('begin with weights that are nearer to the original than random ones', () => {
    scope(() => {
      manualSeed(0);
      // Behind a ReLU, where such layers stand.
      const x = randn([2, 4, 24, 24]).relu();
      const model = new nn.Sequential(new nn.Conv2d(4, 4, 9, { padding: 4, groups: 4 }));
      // Large trained kernels are smooth.
      noGrad(() => {
        const [conv] = convs(model);
        const smooth = nn.functional.interpolate(randn([4, 1, 3, 3]), {
          size: [9, 9],
          mode: 'bicubic',
          alignCorners: true,
        });
        conv?.weight.copy_(smooth);
      });
      const expected = evaluate(model, x);
      convertToLiteModel(model, { rules: [LARGE], calibration: [[x]] });
      const projected = relativeError(evaluate(model, x), expected);
      randomise(model);
      const random = relativeError(evaluate(model, x), expected);
      assert.ok(projected < 0.7 && projected < random / 1.3, `${projected} against ${random}`);
    });
  });
});

describe('depthwise-separable convolutions', () => {
  const on = (groupSizeDw: number): SurgeryOptions => ({ preset: 'none', rules: { [SEPARABLE]: { groupSizeDw } } });

  it('keep dilation, padding and stride', () => {
    scope(() => {
      const x = randn([1, 16, 32, 32]);
      const model = new nn.Sequential(new nn.Conv2d(16, 24, 3, { stride: 2, padding: 4, dilation: 4, bias: false }));
      const expected = evaluate(model, x);
      convertToLiteModel(model, on(1));
      const made = model.at(0) as DepthwiseSeparableConv2d;
      assert.ok(made instanceof DepthwiseSeparableConv2d);
      assert.deepEqual([made.spatial.dilation, made.spatial.padding, made.spatial.groups], [[4, 4], [4, 4], 16]);
      assert.deepEqual(evaluate(model, x).shape, expected.shape);
      assert.deepEqual(
        Object.keys(model.stateDict()).filter((key) => key.endsWith('weight')),
        ['0.0.0.weight', '0.0.1.weight', '0.1.0.weight'],
      );
    });
  });

  it('give DeepLabV3 all six of its dilated convolutions', () => {
    const model = models.getModel('deeplabv3_mobilenet_v3_large');
    const dilated = () => convs(model).filter(({ dilation }) => dilation[0] !== 1).length;
    const before = dilated();
    convertToLiteModel(model, { preset: 'v1', rules: { [SEPARABLE]: { groupSizeDw: 1 } } });
    assert.deepEqual([before, dilated()], [6, 6]);
    model.dispose();
  });

  it('reproduce a convolution that is one, and are near to any other', () => {
    scope(() => {
      manualSeed(0);
      const x = randn([2, 16, 12, 12]).relu();
      const near = (weight: Tensor, groupSizeDw: number) => {
        const model = new nn.Sequential(new nn.Conv2d(16, 12, 3, { padding: 1 }));
        noGrad(() => void (model.at(0) as nn.Conv2d).weight.copy_(weight));
        const expected = evaluate(model, x);
        convertToLiteModel(model, { ...on(groupSizeDw), calibration: [[x]] });
        const projected = relativeError(evaluate(model, x), expected);
        randomise(model);
        return [projected, relativeError(evaluate(model, x), expected)] as const;
      };
      const separable = randn([1, 16, 3, 3])
        .abs()
        .mul(randn([12, 16, 1, 1]));
      assert.ok(near(separable, 1)[0] < 1e-5);
      // Kernels of trained layers have a strong first singular vector; noise around it is lost.
      const [projected, random] = near(separable.add(randn([12, 16, 3, 3]).mul(0.2)), 1);
      assert.ok(projected < 0.35 && projected < random / 2, `${projected} against ${random}`);
      const [wider] = near(separable.add(randn([12, 16, 3, 3]).mul(0.2)), 4);
      assert.ok(wider < random / 2);
    });
  });

  it('want exactly one way of saying the groups, and say where channels do not split', () => {
    const model = new nn.Sequential(new nn.Conv2d(18, 18, 3));
    assert.throws(
      () => convertToLiteModel(model, { rules: { [SEPARABLE]: { groupsDw: 2, groupSizeDw: 2 } } }),
      /not both/,
    );
    const { rules } = convertToLiteModel(model, on(4));
    assert.match(rules[0]?.refused[0]?.reason ?? '', /18 channels do not split into groups of 4/);
  });
});
