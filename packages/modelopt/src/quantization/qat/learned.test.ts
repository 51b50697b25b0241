/** @file Trained ranges: the gradients of the papers, in Python's numbers; what training rounds is what exports read. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { expectNoLeaks, noGrad, optim, scope, type Tensor, tensor } from '@edgeai/torch';
import { QuantizationError } from '../errors.ts';
import type { FakeQuantize } from '../fake-quantize.ts';
import { fakeQuantize } from '../rounding.ts';
import { defineScheme, type SchemeOptions } from '../scheme.ts';
import { wave } from '../testing.ts';
import { createQuantizer } from './create-quantizer.ts';
import { LearnedClip } from './learned-clip.ts';
import type { RangeMethod } from './range-method.ts';
import { TrainedThreshold } from './trained-threshold.ts';

const fixture = JSON.parse(readFileSync(new URL('../fixtures/qat.json', import.meta.url), 'utf8')) as Record<
  string,
  Record<string, number[]>
>;

const BITS4: SchemeOptions = { bits: 4, symmetric: true, signed: true };
const UNSIGNED: SchemeOptions = { bits: 4, symmetric: true, signed: 'auto' };
const AFFINE: SchemeOptions = { bits: 4, symmetric: false, signed: false };

function make(
  method: RangeMethod,
  scheme: SchemeOptions,
  role: 'weight' | 'activation' = 'weight',
  nonNegative = false,
) {
  const made = createQuantizer(
    defineScheme(scheme),
    { layer: 'layer', role, axis: 0, shape: [4, 6], nonNegative },
    method,
  );
  made.observing = false;
  return made;
}

function set(quantizer: FakeQuantize, scale: number[], zeroPoint: number[]): void {
  scope(() =>
    quantizer.setParameters({
      scale: tensor(scale, { dtype: 'float32' }),
      zeroPoint: tensor(zeroPoint, { dtype: 'int32' }),
    }),
  );
}

function close(actual: Tensor | null | undefined, expected: readonly number[] | undefined, what: string): void {
  const values = Array.from(actual?.detach().reshape([-1]).toTypedArray() ?? [], Number);
  assert.equal(values.length, expected?.length, what);
  const worst = Math.max(...values.map((value, i) => Math.abs(value - (expected?.[i] ?? Number.NaN))));
  assert.ok(worst < 2e-6, `${what}: off by ${worst}`);
}

/** Rounds the fixture's values and sends its gradient back. */
function run(quantizer: FakeQuantize): { output: Tensor; x: Tensor } {
  const x = wave([4, 6], 1, 1.5).requiresGrad_(true);
  const output = quantizer(x);
  output
    .mul(wave([4, 6], 7))
    .sum()
    .backward();
  return { output, x };
}

test('LSQ: scales have the gradient of torch.ao’s learnable quantisers, scaled as the paper says', () => {
  scope(() => {
    const cases = [
      { name: 'lsq', scheme: BITS4, scale: [0.11], zeroPoint: [0] },
      { name: 'lsqAffine', scheme: AFFINE, scale: [0.11], zeroPoint: [5] },
      {
        name: 'lsqPerChannel',
        scheme: { ...BITS4, granularity: 'channel' } as const,
        scale: [0.05, 0.11, 0.3, 0.17],
        zeroPoint: [0, 0, 0, 0],
      },
    ];
    for (const { name, scheme, scale, zeroPoint } of cases) {
      const quantizer = make('lsq', scheme);
      set(quantizer, scale, zeroPoint);
      const { output, x } = run(quantizer);
      close(output, fixture[name]?.output, `${name}, output`);
      close(x.grad, fixture[name]?.x, `${name}, input`);
      close(quantizer.scale.grad, fixture[name]?.scale, `${name}, scale`);
    }
  });
});

test('TQT: thresholds have the gradient of the paper, for powers of two and without', () => {
  scope(() => {
    const cases = [
      { name: 'tqt', scheme: { ...BITS4, powerOfTwo: true }, threshold: -0.3 },
      { name: 'tqtUnsigned', scheme: { ...UNSIGNED, powerOfTwo: true }, threshold: 0.4 },
      { name: 'tqtReal', scheme: BITS4, threshold: -0.3 },
    ];
    for (const { name, scheme, threshold } of cases) {
      const quantizer = make('tqt', scheme, 'weight', name === 'tqtUnsigned');
      assert.ok(quantizer instanceof TrainedThreshold);
      quantizer.normalizeGradient = false;
      set(quantizer, [0.25], [0]);
      noGrad(() => quantizer.log2_threshold.fill_(threshold));
      const { output, x } = run(quantizer);
      close(output, fixture[name]?.output, `${name}, output`);
      close(x.grad, fixture[name]?.x, `${name}, input`);
      close(quantizer.log2_threshold.grad, fixture[name]?.threshold, `${name}, threshold`);
    }
  });
});

test('TQT: normalised gradients are below one whatever the size of the loss, and keep their sign', () => {
  scope(() => {
    for (const size of [1e-3, 1, 1e3]) {
      const quantizer = make('tqt', { ...BITS4, powerOfTwo: true });
      assert.ok(quantizer instanceof TrainedThreshold);
      set(quantizer, [0.125], [0]);
      const before = quantizer.log2_threshold.item();
      quantizer(wave([4, 6], 1, 1.5))
        .mul(wave([4, 6], 7))
        .sum()
        .mul(size)
        .backward();
      const found = quantizer.log2_threshold.grad?.item() ?? 0;
      // The first gradient is its own variance.
      assert.ok(Math.abs(Math.abs(found) - Math.tanh(1)) < 1e-3, `${found} for ${size}`);
      assert.equal(before, quantizer.log2_threshold.item());
    }
  });
});

test('PACT: the end of the range has the gradient of what lies beyond it', () => {
  scope(() => {
    const quantizer = make('pact', AFFINE, 'activation', true);
    assert.ok(quantizer instanceof LearnedClip);
    set(quantizer, [0.9 / 15], [0]);
    const { output, x } = run(quantizer);
    close(output, fixture.pact?.output, 'output');
    close(x.grad, fixture.pact?.x, 'input');
    close(quantizer.clip_max.grad, fixture.pact?.alpha, 'α');
  });
});

test('PACT: both ends of an affine range, and the one of a symmetric range, agree with differences', () => {
  scope(() => {
    const x = wave([4, 6], 1, 1.5);
    const g = wave([4, 6], 7);
    // Rounding apart, the function is a clamp: its slope is what the straight-through estimator stands for.
    const clamped = (min: number, max: number) => x.clamp({ min, max }).mul(g).sum().item();
    const slope = (fn: (shift: number) => number) => (fn(2e-3) - fn(-2e-3)) / 4e-3;
    const affine = make('pact', { ...AFFINE, bits: 8 }, 'activation');
    assert.ok(affine instanceof LearnedClip);
    set(affine, [0.008], [100]);
    run(affine);
    const [low, high] = [-0.8, 1.24];
    assert.ok(Math.abs((affine.clip_min.grad?.item() ?? 0) - slope((d) => clamped(low + d, high))) < 1e-3);
    assert.ok(Math.abs((affine.clip_max.grad?.item() ?? 0) - slope((d) => clamped(low, high + d))) < 1e-3);
    const symmetric = make('pact', { ...BITS4, bits: 8 }, 'activation');
    assert.ok(symmetric instanceof LearnedClip);
    set(symmetric, [0.008], [0]);
    run(symmetric);
    const end = 0.008 * 127.5;
    const expected = slope((d) => clamped(-end - d, end + d));
    assert.ok(
      Math.abs((symmetric.clip_max.grad?.item() ?? 0) - expected) < 1e-3,
      `${symmetric.clip_max.grad?.item()} and ${expected}`,
    );
    assert.equal(symmetric.clip_min.grad ?? null, null);
  });
});

test('calibration sets what is trained, and what training rounds is exactly what exports read, step after step', async () => {
  const schemes: { method: RangeMethod; scheme: SchemeOptions }[] = [
    { method: 'lsq', scheme: { ...BITS4, bits: 8, granularity: 'channel' } },
    { method: 'lsq', scheme: { ...AFFINE, bits: 8 } },
    { method: 'tqt', scheme: { ...BITS4, powerOfTwo: true } },
    { method: 'tqt', scheme: { ...UNSIGNED, powerOfTwo: true, bits: 8 } },
    { method: 'tqt', scheme: { ...AFFINE, bits: 8 } },
    { method: 'pact', scheme: { ...AFFINE, bits: 8 } },
    { method: 'pact', scheme: { ...AFFINE, bits: 8, powerOfTwo: true } },
    { method: 'pact', scheme: { ...UNSIGNED, bits: 8, powerOfTwo: true } },
  ];
  await expectNoLeaks(() => {
    for (const { method, scheme } of schemes) {
      const role = method === 'pact' ? 'activation' : 'weight';
      const plain = make('observed', scheme, role);
      const learned = make(method, scheme, role);
      const what = `${method} ${JSON.stringify(scheme)}`;
      scope(() => {
        const x = wave([4, 6], 1, 1.5);
        const target = wave([4, 6], 1, 0.7);
        for (const quantizer of [plain, learned]) {
          quantizer.observe(x);
          quantizer.refresh();
        }
        assert.deepEqual(noGrad(() => learned(x)).toArray(), plain(x).toArray(), `${what}: calibrated`);
        const optimizer = new optim.SGD(learned.parameters(), { lr: 0.05 });
        const losses: number[] = [];
        for (let step = 0; step < 30; step++) {
          scope(() => {
            optimizer.zeroGrad();
            const y = learned(x);
            const { scale, zeroPoint, axis, quantMin, quantMax } = learned.fakeQuantInfo();
            const info = { scale: scale.detach(), zeroPoint };
            const exported = fakeQuantize(x, info, axis, { quantMin, quantMax });
            assert.deepEqual(y.detach().toArray(), exported.toArray(), `${what}: step ${step}`);
            if (scheme.powerOfTwo === true) assert.ok(Number.isInteger(Math.log2(scale.detach().item())), what);
            const loss = y.sub(target).pow(2).mean();
            loss.backward();
            optimizer.step();
            losses.push(loss.item());
          });
        }
        // Values twice too large for the target: a smaller range brings them nearer.
        assert.ok((losses.at(-1) ?? 1) <= (losses[0] ?? 0), `${what}: ${losses[0]} → ${losses.at(-1)}`);
        optimizer.zeroGrad();
      });
      plain.dispose();
      learned.dispose();
    }
  });
});

test('put to rest, a trained range gets no gradient and rounds as before', () => {
  scope(() => {
    const quantizer = make('tqt', { ...BITS4, powerOfTwo: true });
    assert.ok(quantizer instanceof TrainedThreshold);
    set(quantizer, [0.125], [0]);
    const x = wave([4, 6], 1).requiresGrad_(true);
    const before = quantizer(x).detach().toArray();
    quantizer.learning = false;
    const y = quantizer(x);
    y.sum().backward();
    assert.deepEqual(y.detach().toArray(), before);
    assert.equal(quantizer.log2_threshold.grad ?? null, null);
    assert.ok(x.grad !== null && x.grad !== undefined);
  });
});

test('a method that cannot train a scheme says which one can', () => {
  assert.throws(
    () => make('lsq', { ...BITS4, powerOfTwo: true }),
    (error: unknown) => {
      assert.ok(error instanceof QuantizationError);
      assert.match(error.message, /^layer: LSQ trains scales as real numbers.*take tqt/);
      return true;
    },
  );
});
