/** @file Large pools are split only where every element of the result stays the same; elsewhere the rule says why not. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, expectNoLeaks, nn, randn, scope, type Tensor } from '@edgeai/torch';
import { applySurgery, convertToLiteModel } from '../index.ts';
import { evaluate, maxDifference } from '../testing.ts';

const MAX = 'break_maxpool2d_with_kernel_size_greater_than_equal_to_5';
const AVERAGE = 'break_avgpool2d_with_kernel_size_greater_than_equal_to_5';

function windows(model: nn.AnyModule): number[] {
  return model
    .modules()
    .flatMap((module) =>
      module instanceof nn.MaxPool2d || module instanceof nn.AvgPool2d ? [Number(module.kernelSize)] : [],
    );
}

describe('max pools', () => {
  it('become chains of 3×3 and 2×2 for every kernel, stride and padding, equal in every bit', async () => {
    await expectNoLeaks(() =>
      scope(() => {
        const x = randn([2, 3, 23, 26]);
        for (const kernel of [5, 6, 7, 8, 9, 13]) {
          for (const stride of [1, 2, 3]) {
            for (const padding of [0, 1, Math.floor(kernel / 2)]) {
              const pool = new nn.Sequential(new nn.MaxPool2d(kernel, { stride, padding }));
              const expected = evaluate(pool, x);
              convertToLiteModel(pool, { rules: [MAX] });
              assert.ok(Math.max(...windows(pool)) <= 3, `${kernel}`);
              assert.ok(equal(evaluate(pool, x), expected), `${kernel}, stride ${stride}, padding ${padding}`);
            }
          }
        }
      }),
    );
  });

  it('are left alone, with the reason, where a split would change something', () => {
    const model = new nn.Sequential(
      new nn.MaxPool2d(5, { stride: 2, ceilMode: true }),
      new nn.MaxPool2d(5, { stride: 1, dilation: 2 }),
      new nn.MaxPool2d([5, 3], { stride: 1 }),
      new nn.MaxPool2d(3),
    );
    const { rules } = convertToLiteModel(model, { rules: [MAX] });
    assert.deepEqual(rules[0]?.places, []);
    assert.deepEqual(
      rules[0]?.refused.map(({ path }) => path),
      ['0', '1', '2'],
    );
    assert.match(rules[0]?.refused[0]?.reason ?? '', /ceilMode/);
  });

  it('are found in code without modules too', () => {
    class Net extends nn.Module {
      forward(x: Tensor): Tensor {
        return nn.functional.maxPool2d(x, 5, { stride: 1, padding: 2 });
      }
    }
    scope(() => {
      const x = randn([1, 2, 9, 9]);
      const model = new Net();
      using result = applySurgery(model, [x], { rules: [MAX] });
      assert.equal(result.report.after.ops.MaxPool2d, 2);
      assert.ok(equal(evaluate(result.model, x), evaluate(model, x)));
    });
  });
});

describe('average pools', () => {
  it('become averages of averages where windows tile', () => {
    scope(() => {
      const x = randn([2, 3, 36, 36]);
      for (const [kernel, stride] of [
        [6, 6],
        [8, 4],
        [9, 9],
        [12, 12],
      ] as const) {
        const pool = new nn.Sequential(new nn.AvgPool2d(kernel, { stride }));
        const expected = evaluate(pool, x);
        convertToLiteModel(pool, { rules: [AVERAGE] });
        assert.ok(Math.max(...windows(pool)) <= 3);
        assert.deepEqual(evaluate(pool, x).shape, expected.shape);
        assert.ok(maxDifference(evaluate(pool, x), expected) < 1e-6, `${kernel}`);
      }
    });
  });

  it('are left alone elsewhere: a prime size, another stride, padding', () => {
    const model = new nn.Sequential(
      new nn.AvgPool2d(7, { stride: 7 }),
      new nn.AvgPool2d(6, { stride: 1 }),
      new nn.AvgPool2d(6, { stride: 6, padding: 1 }),
    );
    const { rules } = convertToLiteModel(model, { rules: [AVERAGE] });
    assert.equal(rules[0]?.refused.length, 3);
    assert.deepEqual(windows(model), [7, 6, 6]);
  });
});
