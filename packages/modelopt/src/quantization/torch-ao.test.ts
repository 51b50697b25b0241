/** @file The same numbers as PyTorch's fx flow (torch.ao 1.13.1): ranges, training with quantisers, evaluation, integers. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { noGrad, scope, type Tensor, tensor } from '@edgeai/torch';
import { createObserver } from './observers/create.ts';
import type { RangeSearch } from './observers/observer.ts';
import { chooseParameters } from './parameters.ts';
import { prepareQuantization } from './prepare.ts';
import type { QConfigOptions } from './qconfig.ts';
import { defineScheme, type SchemeOptions } from './scheme.ts';
import { SmallNet, wave } from './testing.ts';

interface Parameters {
  readonly scale: readonly number[];
  readonly zeroPoint: readonly number[];
}

interface Flow {
  readonly steps: readonly { readonly output: number[]; readonly gradients: Record<string, number[]> }[];
  readonly evaluation: number[];
  readonly activations: readonly Parameters[];
  readonly weights: Record<string, Parameters>;
  readonly state: Record<string, number[]>;
  readonly converted: number[];
  readonly integers: Record<string, number[]>;
}

interface Fixture {
  readonly perChannel: Flow;
  readonly perTensor: Flow;
  readonly observers: readonly { form: string; min: number; max: number; scale: number; zeroPoint: number }[];
  readonly movingAverage: { min: number; max: number; scale: number; zeroPoint: number };
  readonly histograms: readonly { name: string; low: number; high: number; scale: number; zeroPoint: number }[];
}

const fixture = JSON.parse(readFileSync(new URL('fixtures/torch-ao.json', import.meta.url), 'utf8')) as Fixture;

const FORMS: Record<string, SchemeOptions> = {
  affine: { symmetric: false, signed: false },
  symmetric: { symmetric: true, signed: true },
  offset: { symmetric: true, signed: false },
  int4: { bits: 4, symmetric: true, signed: true },
};

function limitsOf(scheme: SchemeOptions): { quantMin: number; quantMax: number } {
  const half = 2 ** ((scheme.bits ?? 8) - 1);
  return scheme.signed ? { quantMin: -half, quantMax: half - 1 } : { quantMin: 0, quantMax: 2 * half - 1 };
}

test('scale and zero point of a range are those of torch’s observers, to the last bit', () => {
  scope(() => {
    for (const { form, min, max, scale, zeroPoint } of fixture.observers) {
      const options = FORMS[form] ?? {};
      const range = { min: tensor([min], { dtype: 'float32' }), max: tensor([max], { dtype: 'float32' }) };
      const found = chooseParameters(range, defineScheme(options), limitsOf(options), false);
      assert.deepEqual([found.scale.item(), found.zeroPoint.item()], [scale, zeroPoint], `${form} ${min} ${max}`);
    }
  });
});

const noSearch: RangeSearch = { levels: 256, reach: 127.5, symmetric: false, simulate: (values) => values };

test('moving averages follow batches as torch’s do', () => {
  scope(() => {
    const observer = createObserver({ kind: 'ema' }, { layer: 'x', axis: null, channels: 1 });
    for (let step = 0; step < 3; step++) observer(wave([50], step, 1 + step));
    const { min, max } = observer.range(noSearch);
    close([min.item(), max.item()], [fixture.movingAverage.min, fixture.movingAverage.max], 1e-7, 'range');
  });
});

test('the L2 search on a histogram ends where torch’s does', () => {
  scope(() => {
    const data: Record<string, () => Tensor> = {
      outlier: () => wave([4000], 3).abs().reshape([1, 4000]),
      'two-sided': () => wave([4000], 5).pow(3).reshape([1, 4000]),
    };
    const ends: Record<string, number[]> = { outlier: [0, 20], 'two-sided': [-4, 9] };
    for (const { name, low, high } of fixture.histograms) {
      const observer = createObserver({ kind: 'histogram-l2' }, { layer: name, axis: null, channels: 1 });
      const rest = tensor(ends[name] ?? [], { dtype: 'float32' });
      const body = data[name]?.().flatten() ?? rest;
      const whole = tensor([...(body.toArray() as number[]), ...(rest.toArray() as number[])], { dtype: 'float32' });
      observer(whole);
      const { min, max } = observer.range(noSearch);
      close([min.item(), max.item()], [low, high], 1e-6, name);
    }
  });
});

const QCONFIGS: Record<'perChannel' | 'perTensor', QConfigOptions> = {
  perChannel: { activation: { observer: { kind: 'min-max' } } },
  perTensor: { weight: { granularity: 'tensor' }, activation: { observer: { kind: 'min-max' } } },
};

for (const kind of ['perChannel', 'perTensor'] as const) {
  const expected = fixture[kind];
  test(`${kind}: two training steps, evaluation and integers agree with prepare_qat_fx and convert_fx`, () => {
    scope(() => {
      const net = new SmallNet();
      // torch.ao leaves biases as they are while it trains.
      const config = { qconfig: QCONFIGS[kind], roundBiases: false };
      const model = prepareQuantization(net, [wave([2, 3, 8, 8], 100, 2)], config);
      expected.steps.forEach(({ output, gradients }, step) => {
        scope(() => {
          model.zeroGrad();
          const result = model(wave([2, 3, 8, 8], 100 + step, 2 + step));
          close(numbers(result), output, 2e-6, `output of step ${step}`);
          result.mul(wave(result.shape, 7)).sum().backward();
          const own = new Map(model.namedParameters());
          for (const [name, gradient] of Object.entries(gradients)) {
            const ours = own.get(name.replace(/conv(\d)\.bn/, 'bn$1'))?.grad;
            close(ours === null || ours === undefined ? [] : numbers(ours), gradient, 2e-4, `gradient of ${name}`);
          }
        });
      });
      model.eval().setQuantizers({ observing: false });
      const x = wave([2, 3, 8, 8], 100, 2);
      noGrad(() => {
        close(numbers(model(x)), expected.evaluation, 2e-6, 'evaluation');
        const activations = [...model.quantizers('activation').values()];
        assert.equal(activations.length, expected.activations.length);
        activations.forEach((quantizer, i) => {
          close(numbers(quantizer.scale), expected.activations[i]?.scale ?? [], 1e-6, `scale ${i}`);
          close(numbers(quantizer.zero_point), expected.activations[i]?.zeroPoint ?? [], 0, `zero point ${i}`);
        });
        for (const [path, layer] of model.quantizedLayers()) {
          const scale = layer.weight_fake_quant?.scale;
          close(scale === undefined ? [] : numbers(scale), expected.weights[path]?.scale ?? [], 1e-6, path);
        }
        model.foldNorms();
        close(numbers(model(x)), expected.evaluation, 2e-6, 'folded');
        for (const [path, integers] of Object.entries(expected.integers)) {
          const layer = model.quantizedLayers().get(path);
          const ours = layer?.weight_fake_quant?.integers(layer.weight);
          close(ours === undefined ? [] : numbers(ours), integers, 0, `integers of ${path}`);
        }
        // The integer network rounds its results to the grid that the simulation rounds them to.
        const step = activations.at(-1)?.scale.item() ?? 0;
        close(numbers(model(x)), expected.converted, step * 1.001, 'converted');
      });
      model.dispose();
      net.dispose();
    });
  });
}

function numbers(x: Tensor): number[] {
  return scope(() => x.detach().double().flatten().toArray() as number[]);
}

/** Within `tolerance`, relative to the largest expected value. */
function close(actual: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const scale = Math.max(...expected.map(Math.abs), 1e-12);
  actual.forEach((value, i) => {
    const difference = Math.abs(value - (expected[i] ?? Number.NaN));
    assert.ok(difference <= tolerance * Math.max(scale, 1), `${what}[${i}]: ${value} instead of ${expected[i]}`);
  });
}
