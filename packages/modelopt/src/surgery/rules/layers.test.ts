/** @file Rules for single layers: activations, dropout, resizes, identities. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';
import { applySurgery, convertToLiteModel } from '../index.ts';
import { evaluate, maxDifference } from '../testing.ts';

describe('activations', () => {
  const layers = {
    gelu: nn.GELU,
    relu6: nn.ReLU6,
    silu: nn.SiLU,
    hardswish: nn.Hardswish,
    hardsigmoid: nn.Hardsigmoid,
    leakyrelu: nn.LeakyReLU,
  };

  for (const [name, Layer] of Object.entries(layers)) {
    it(`${name}_to_relu replaces the layer and the function, and nothing else`, () => {
      const functional = { ...nn.functional, leakyrelu: nn.functional.leakyRelu } as unknown as Record<
        string,
        (x: Tensor) => Tensor
      >;
      class Net extends nn.Module {
        readonly act = new Layer();
        readonly tanh = new nn.Tanh();
        forward(x: Tensor): Tensor {
          return this.act(x)
            .add((functional[name] as (x: Tensor) => Tensor)(x.neg()))
            .add(this.tanh(x));
        }
      }
      scope(() => {
        const x = randn([4, 5]).mul(5);
        using result = applySurgery(new Net(), [x], { rules: [`${name}_to_relu`] });
        assert.equal(result.report.rules[0]?.places.length, 2);
        assert.ok(maxDifference(evaluate(result.model, x), x.relu().add(x.neg().relu()).add(x.tanh())) < 1e-6);
      });
    });
  }

  it('all_activation_to_relu replaces them all, in-place ReLUs too', () => {
    const model = new nn.Sequential(new nn.GELU(), new nn.ReLU({ inplace: true }), new nn.ReLU6(), new nn.Sigmoid());
    convertToLiteModel(model, { rules: ['all_activation_to_relu'] });
    assert.deepEqual(
      model.children().map((child) => child.constructor.name),
      ['ReLU', 'ReLU', 'ReLU', 'Sigmoid'],
    );
    assert.equal((model.at(1) as nn.ReLU).inplace, false);
  });

  it('a Hardtanh with other bounds is no ReLU6', () => {
    const model = new nn.Sequential(new nn.Hardtanh({ minVal: -1, maxVal: 1 }));
    convertToLiteModel(model, { preset: 'v2' });
    assert.ok(model.at(0) instanceof nn.Hardtanh);
  });
});

describe('dropout_inplace_to_dropout', () => {
  it('keeps the probability, and the layer drops while training', () => {
    scope(() => {
      const x = randn([1000]).abs().add(1);
      using result = applySurgery(new nn.Sequential(new nn.Dropout(0.9, { inplace: true })), [x], { preset: 'v2' });
      const dropout = result.model.getSubmodule('0') as nn.Dropout;
      assert.deepEqual([dropout.p, dropout.inplace], [0.9, false]);
      manualSeed(0);
      const dropped = noGrad(() => (result.model.train()(x) as Tensor).eq(0).sum().item());
      assert.ok(dropped > 850 && dropped < 950, `${dropped}`);
    });
  });
});

describe('convert_resize_params_size_to_scale', () => {
  const ID = 'convert_resize_params_size_to_scale';

  it('computes the same with factors, for layers and functions', () => {
    class Net extends nn.Module {
      readonly up = new nn.Upsample({ size: [20, 18], mode: 'nearest' });
      forward(x: Tensor): Tensor {
        return nn.functional.interpolate(this.up(x), { size: [40, 54], mode: 'bilinear' });
      }
    }
    scope(() => {
      const x = randn([1, 2, 10, 6]);
      const model = new Net();
      using result = applySurgery(model, [x], { rules: [ID] });
      assert.equal(result.report.rules[0]?.places.length, 2);
      assert.deepEqual((result.model.getSubmodule('up') as nn.Upsample).scaleFactor, [2, 3]);
      assert.match(
        String((result.model as { graph?: unknown }).graph),
        /upsample_bilinear2d\.vec\(%up, null, false, \[2, 3\]\)/,
      );
      assert.ok(equal(evaluate(result.model, x), evaluate(model, x)));
    });
  });

  it('in the module tree needs example inputs, and says so', () => {
    const model = new nn.Sequential(new nn.Upsample({ size: 8 }));
    assert.match(convertToLiteModel(model, { rules: [ID] }).rules[0]?.refused[0]?.reason ?? '', /example inputs/);
    scope(() => convertToLiteModel(model, { rules: [ID], exampleInputs: [randn([1, 1, 4, 2])] }));
    assert.deepEqual((model.at(0) as nn.Upsample).scaleFactor, [2, 4]);
  });
});

describe('remove_identity', () => {
  it('takes identities out of graphs, also where one is called twice', () => {
    class Net extends nn.Module {
      readonly nothing = new nn.Identity();
      readonly fc = new nn.Linear(3, 3);
      forward(x: Tensor): Tensor {
        return this.nothing(this.fc(this.nothing(x)));
      }
    }
    scope(() => {
      const x = randn([2, 3]);
      const model = new Net();
      using result = applySurgery(model, [x], { rules: ['remove_identity'] });
      assert.deepEqual(result.report.after.ops, { Linear: 1 });
      assert.equal(
        result.model.modules().some((module) => module instanceof nn.Identity),
        false,
      );
      assert.ok(equal(evaluate(result.model, x), evaluate(model, x)));
    });
  });
});
