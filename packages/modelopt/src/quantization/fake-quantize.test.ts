/** @file The quantiser: what it computes forward and backward, what it keeps, what it says of itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autocast, expectNoLeaks, fx, nn, scope, type Tensor, tensor } from '@edgeai/torch';
import { FakeQuantize } from './fake-quantize.ts';
import { ceilPowerOfTwo } from './parameters.ts';
import { fakeQuantize } from './rounding.ts';
import { defineScheme, type SchemeOptions } from './scheme.ts';
import { wave } from './testing.ts';

function activation(options: SchemeOptions = {}, nonNegative = false): FakeQuantize {
  const scheme = defineScheme({ symmetric: false, signed: false, ...options });
  return new FakeQuantize(scheme, { layer: 'layer', role: 'activation', nonNegative });
}

const floats = (values: readonly number[]): Tensor => tensor([...values], { dtype: 'float32' });

test('powers of two are exact', () => {
  scope(() => {
    const exponents = Array.from({ length: 60 }, (_, i) => i - 30);
    const powers = floats(exponents.map((e) => 2 ** e));
    assert.deepEqual(ceilPowerOfTwo(powers).toArray(), powers.toArray());
    assert.deepEqual(ceilPowerOfTwo(powers.mul(1.0000002)).toArray(), powers.mul(2).toArray());
    assert.deepEqual(ceilPowerOfTwo(powers.mul(0.75)).toArray(), powers.toArray());
  });
});

test('values half-normal with an outlier of 20 get the scales of the specification', () => {
  scope(() => {
    const x = floats([0, 0.3, 1.2, 0.7, 20]);
    const parameters = (options: SchemeOptions) => {
      const q = activation(options);
      q(x);
      return [q.scale.item(), q.zero_point.item(), q.limits.quantMin];
    };
    assert.deepEqual(parameters({}), [Math.fround(20 / 255), 0, 0]);
    assert.deepEqual(parameters({ powerOfTwo: true }), [0.125, 0, 0]);
    assert.deepEqual(parameters({ powerOfTwo: true, symmetric: true }), [0.25, 127, 0]);
    // Never negative: the zero point is zero and no code is wasted.
    assert.deepEqual(parameters({ powerOfTwo: true, symmetric: true, signed: 'auto' }), [0.125, 0, 0]);
    x.neg_();
    assert.deepEqual(parameters({ powerOfTwo: true, symmetric: true, signed: 'auto' }), [0.25, 0, -128]);
  });
});

test('gradients pass inside the limits and stop outside, for every rounding', () => {
  scope(() => {
    const scale = floats([0.5]);
    const zeroPoint = scale.mul(0).int();
    const limits = { quantMin: -4, quantMax: 3 };
    const cases = { 'half-even': [0, 1, -1], 'half-up': [0.5, 1, -0.5], 'half-away': [0.5, 1, -1] } as const;
    for (const [rounding, [half, oneAndHalf, minus]] of Object.entries(cases)) {
      const x = floats([0.25, 0.75, -0.75, 5, -5, 0.1]).requiresGrad_(true);
      const y = fakeQuantize(x, { scale, zeroPoint }, null, limits, rounding as keyof typeof cases);
      assert.deepEqual(y.toArray(), [half, oneAndHalf, minus, 1.5, -2, 0], rounding);
      y.sum().backward();
      assert.deepEqual(x.grad?.toArray(), [1, 1, 1, 0, 0, 1], rounding);
    }
  });
});

test('switches are its own; train() and eval() do not touch them', () => {
  scope(() => {
    const q = activation();
    q(wave([10], 1));
    q.observing = false;
    const scale = q.scale.item();
    for (const mode of [true, false, true]) {
      q.train(mode)(wave([10], 1, 9));
      assert.equal(q.observing, false);
      assert.equal(q.quantizing, true);
      assert.equal(q.scale.item(), scale);
    }
    q.quantizing = false;
    const x = wave([10], 1);
    assert.deepEqual(q(x).toArray(), x.toArray());
  });
});

test('without a range it says so', () => {
  scope(() => {
    const q = activation();
    q.observing = false;
    assert.throws(() => q(wave([3], 0)), /layer: No range is known yet: calibrate first/);
  });
});

test('a state dict carries range, bits and sign', () => {
  scope(() => {
    const options = { symmetric: true, signed: 'auto', observer: { kind: 'mse' } } as const;
    const source = activation(options);
    const target = activation(options);
    const x = wave([40], 2).abs();
    source(x);
    source.refresh();
    assert.deepEqual(Object.keys(source.stateDict()), [
      'scale',
      'zero_point',
      'quant_range',
      'observer.min_val',
      'observer.max_val',
      'observer.histogram',
      'observer.bin_range',
    ]);
    target.observing = false;
    target.loadStateDict(source.stateDict());
    source.observing = false;
    assert.deepEqual(target(x).toArray(), source(x).toArray());
    assert.deepEqual(target.limits, { quantMin: 0, quantMax: 255 });
    assert.deepEqual(nn.cloneModule(source)(x).toArray(), source(x).toArray());
  });
});

test('it tells exports what it computes', () => {
  scope(() => {
    const scheme = defineScheme({ bits: 8, granularity: 'channel' });
    const q = new FakeQuantize(scheme, { layer: 'conv', role: 'weight', axis: 1, shape: [3, 2, 1, 1] });
    const w = wave([3, 2, 1, 1], 1);
    const y = q(w);
    const info = q.fakeQuantInfo();
    assert.ok(fx.isFakeQuantizer(q as unknown as nn.AnyModule));
    assert.deepEqual([info.axis, info.quantMin, info.quantMax, info.bits, info.signed], [1, -128, 127, 8, true]);
    const scale = info.scale.reshape([1, 2, 1, 1]);
    assert.deepEqual(q.integers(w).mul(scale).toArray(), y.toArray());
  });
});

test('groups of weights have scales of their own, and say that they cannot be exported', () => {
  scope(() => {
    const scheme = defineScheme({ bits: 4, granularity: { groupSize: 4 } });
    const q = new FakeQuantize(scheme, { layer: 'fc', role: 'weight', axis: 0, shape: [2, 8] });
    const w = floats([1, 1, 1, 1, 7, 7, 7, 7, 0.1, 0.1, 0.1, 0.1, 0, 0, 0, 0]).reshape([2, 8]);
    assert.equal(q.scale.numel(), 4);
    assert.ok(q(w).sub(w).abs().max().item() < 0.51);
    assert.ok(q(w).narrow(0, 0, 1).narrow(1, 0, 4).sub(1).abs().max().item() < 0.1);
    assert.throws(() => q.fakeQuantInfo(), /does not export/);
    assert.throws(
      () => new FakeQuantize(scheme, { layer: 'fc', role: 'weight', axis: 0, shape: [2, 6] }),
      /Groups of 4/,
    );
  });
});

test('zero weights get no gradient where sparsity is to be kept', () => {
  scope(() => {
    const q = new FakeQuantize(defineScheme({}), { layer: 'fc', role: 'weight' });
    q.preserveZeros = true;
    const w = floats([0, 1, -2, 0]).requiresGrad_(true);
    q(w).sum().backward();
    // The smallest integer is −128, so the largest magnitude is not cut off on the negative side.
    assert.deepEqual(w.grad?.toArray(), [0, 1, 1, 0]);
  });
});

test('known values fix the scale for any width', () => {
  scope(() => {
    const parameters = (options: SchemeOptions, values: readonly [number, number], nonNegative: boolean) => {
      const scheme = defineScheme({ symmetric: false, signed: false, ...options });
      const q = new FakeQuantize(scheme, { layer: 'x', role: 'activation', values, nonNegative });
      assert.equal(q.observer, null);
      return [q.scale.item(), q.zero_point.item()];
    };
    assert.deepEqual(parameters({}, [0, 1], true), [1 / 256, 0]);
    assert.deepEqual(parameters({}, [-1, 1], false), [2 / 256, 128]);
    assert.deepEqual(parameters({ bits: 16 }, [0, 1], true), [1 / 65536, 0]);
    assert.deepEqual(parameters({ symmetric: true, signed: true }, [-1, 1], false), [1 / 128, 0]);
  });
});

test('it works under autocast and releases what it makes', async () => {
  await expectNoLeaks(() => {
    const q = activation();
    scope(() => {
      const x = wave([8], 1).requiresGrad_(true);
      const y = autocast({ device: 'cpu', dtype: 'bfloat16' }, () => q(x.mul(1).to({ dtype: 'bfloat16' })));
      assert.equal(y.dtype, 'bfloat16');
      y.sum().backward();
    });
    q.dispose();
  });
});

test('with and without gradients the values are the same', () => {
  scope(() => {
    for (const options of [{}, { bits: 4 }, { symmetric: true, signed: true }, { powerOfTwo: true }] as const) {
      const q = activation(options);
      const x = wave([1000], 3, 2);
      q(x);
      q.observing = false;
      // Half-way between two integers, too.
      for (const values of [x, q.scale.mul(wave([200], 1, 40).round().add(0.5))]) {
        const trained = q(values.clone().requiresGrad_(true)).detach();
        assert.equal(trained.sub(q(values)).abs().max().item(), 0);
      }
    }
  });
});
