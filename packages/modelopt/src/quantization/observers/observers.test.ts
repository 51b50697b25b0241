/** @file Observers find ranges in bounded memory, whatever comes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, manualSeed, randn, scope, type Tensor, tensor, zeros } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import { defineScheme, type SchemeOptions } from '../scheme.ts';
import { createObserver, observerKinds } from './create.ts';
import { HistogramObserver } from './histogram.ts';
import type { ObserverKind, ObserverSpec } from './spec.ts';

function quantizer(options: SchemeOptions, layer = 'layer'): FakeQuantize {
  return new FakeQuantize(defineScheme({ symmetric: false, signed: false, ...options }), { layer, role: 'activation' });
}

function rangeFound(
  spec: ObserverSpec,
  values: readonly Tensor[],
  options: SchemeOptions = {},
): readonly [number, number] {
  return scope(() => {
    const q = quantizer({ observer: spec, ...options });
    q.quantizing = false;
    for (const value of values) q(value);
    q.refresh();
    const { scale, zero_point: zero } = q;
    const { quantMin, quantMax } = q.limits;
    const [s, z] = [scale.item(), zero.item()];
    q.dispose();
    return [s * (quantMin - z), s * (quantMax - z)] as const;
  });
}

function withOutlier(x: Tensor): Tensor {
  return scope(() => {
    const values = x.clone();
    values.narrow(0, 0, 1).fill_(60);
    return values;
  });
}

test('min-max covers everything; the searches leave a lone outlier out', () => {
  scope(() => {
    manualSeed(0);
    const x = withOutlier(randn([20000]));
    const top = (kind: ObserverKind, options: SchemeOptions = {}) =>
      rangeFound({ kind } as ObserverSpec, [x], options)[1];
    assert.ok(Math.abs(top('min-max') - 60) < 0.5);
    for (const kind of ['percentile', 'entropy'] as const) assert.ok(top(kind) < 10, `${kind}: ${top(kind)}`);
    assert.ok(top('histogram-shrink') < 60);
    // With 16 levels the outlier is not worth the resolution that it costs the others.
    assert.ok(top('mse', { bits: 4 }) < 20, `mse: ${top('mse', { bits: 4 })}`);
  });
});

test('the squared-error search has the least error of all observers', () => {
  scope(() => {
    manualSeed(1);
    const x = withOutlier(randn([20000])).clamp({ max: 12 });
    const error = (kind: ObserverKind): number => {
      const q = quantizer({ bits: 4, observer: { kind } as ObserverSpec });
      q.observe(x);
      q.observing = false;
      return q(x).sub(x).square().mean().item();
    };
    const least = error('mse');
    for (const kind of observerKinds) assert.ok(least <= error(kind) * 1.02, `${kind}: ${error(kind)} < ${least}`);
  });
});

test('weights that were on an integer grid before are found on it again, channel by channel', () => {
  scope(() => {
    const steps = tensor([0.013, 0.4, 2.7]).reshape([3, 1]);
    const integers = randn([3, 500]).mul(12).round().clamp({ min: -41, max: 41 });
    const weight = integers.mul(steps);
    const error = (observer: ObserverSpec): number => {
      const scheme = defineScheme({ granularity: 'channel', narrowRange: true, observer });
      const quantizer = new FakeQuantize(scheme, { layer: 'conv', role: 'weight', axis: 0, shape: weight.shape });
      return quantizer(weight).sub(weight).div(steps).abs().max().item();
    };
    assert.ok(error({ kind: 'mse' }) < 1e-4);
    assert.ok(error({ kind: 'min-max' }) > 0.05);
  });
});

test('a histogram that grows counts as if it had known the range', () => {
  scope(() => {
    manualSeed(2);
    const observer = createObserver({ kind: 'mse' }, { layer: 'x', axis: null, channels: 1 });
    assert.ok(observer instanceof HistogramObserver);
    const parts = [randn([500]), randn([500]).mul(7), randn([500]).sub(40)];
    for (const part of parts) observer(part);
    const counts = observer.histogram.toTypedArray() as BigInt64Array;
    const [low = 0, high = 0] = observer.bin_range.toArray() as number[];
    assert.equal(counts.length, 2048);
    assert.equal(Number(counts.reduce((sum, count) => sum + count, 0n)), 1500);
    // Halves of the range hold what they should.
    const middle = (low + high) / 2;
    const below = parts.reduce((sum, part) => sum + part.lt(middle).sum().item(), 0);
    const lower = Number(counts.slice(0, 1024).reduce((sum, count) => sum + count, 0n));
    assert.ok(Math.abs(below - lower) <= 2, `${below} against ${lower}`);
  });
});

test('NaN and infinite values are errors that name the layer', () => {
  scope(() => {
    for (const kind of observerKinds) {
      const q = quantizer({ observer: { kind } as ObserverSpec }, 'features.3');
      assert.throws(
        () => q(tensor([1, Number.NaN])),
        /^QuantizationError: features\.3: Expected finite values but saw NaN/,
      );
      assert.throws(() => q(tensor([1, Number.POSITIVE_INFINITY])), /features\.3: .*infinite/);
    }
  });
});

test('constants and zeros have ranges too', () => {
  scope(() => {
    for (const kind of observerKinds) {
      for (const value of [0, 3, -2]) {
        const q = quantizer({ observer: { kind } as ObserverSpec });
        const x = zeros([2, 5]).add(value);
        q(x);
        const difference = q(x).sub(x).abs().max().item();
        assert.ok(difference < 0.02, `${kind}: ${value} becomes ${value + difference}`);
      }
    }
  });
});

test('channels of zeros get the smallest scale, others their own', () => {
  scope(() => {
    for (const kind of ['min-max', 'mse'] as const) {
      const scheme = defineScheme({ bits: 4, granularity: 'channel', observer: { kind } });
      const q = new FakeQuantize(scheme, { layer: 'conv', role: 'weight', axis: 0, shape: [3, 4] });
      const w = tensor([
        [0, 0, 0, 0],
        [1, -1, 0.5, 0.25],
        [8, 0, 0, 4],
      ]).float();
      const rounded = q(w);
      assert.ok(rounded.isfinite().all().item());
      assert.equal(rounded.narrow(0, 0, 1).abs().max().item(), 0);
      assert.ok(q.scale.gt(0).all().item());
      assert.ok(rounded.sub(w).abs().max().item() < 0.6);
    }
  });
});

test('observing releases what it makes', async () => {
  await expectNoLeaks(() => {
    for (const kind of observerKinds) {
      const q = quantizer({ observer: { kind } as ObserverSpec });
      const x = randn([2, 3, 8, 8]);
      scope(() => {
        q(x);
      });
      x.dispose();
      q.dispose();
    }
  });
});
