/** @file Quantisation-aware runs: stopped and resumed they end alike, files hold scheme and ranges and one network, exports have quantisers. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { quantization as q } from '@edgeai/modelopt';
import { readOnnx } from '@edgeai/onnx';
import { load, noGrad, randn, scope, Tensor } from '@edgeai/torch';

import { withQuantizers } from '../models/quantized.ts';
import { readWeights } from '../models/read-weights.ts';
import { RecipeError } from '../recipes/problems.ts';
import { quantizationOptions } from '../recipes/quantization-options.ts';
import { MetricsLog } from '../runs/metrics-log.ts';
import { openToy, toyConfig, trainToy } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-qat-'));
after(() => rmSync(root, { recursive: true, force: true }));

let runs = 0;
const newFolder = (): string => join(root, `run${runs++}`);

const quick = { quantization: 'generic-int8', quantizationCalibrationBatches: 2, lr: 0.01 };

/** Everything in a file that does not depend on the clock, with tensors as their numbers. */
function content(path: string): unknown {
  return scope(() => plainly(load(path)));
}

function plainly(value: unknown): unknown {
  if (value instanceof Tensor) return [value.dtype, ...value.shape, value.toArray()];
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plainly(item)]);
  if (Array.isArray(value)) return value.map(plainly);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !['seconds', 'output_dir', 'resume'].includes(key))
      .map(([key, item]) => [key, plainly(item)]),
  );
}

const metricsOf = (folder: string): unknown =>
  MetricsLog.read(join(folder, 'metrics.jsonl')).map(({ time: _, ...record }) => record);

test('stopped in training or evaluation, with every way to find ranges, a resumed run ends as an uninterrupted one', async () => {
  const variants = [
    { modelEma: true, modelEmaSteps: 2 },
    { quantizationMethod: 'lsq', amp: true },
    { quantizationMethod: 'pact', weights: './float.pth', distill: 0.5, distillFeatures: 'body_2' },
    { quantization: 'tidl-pow2', quantizationMethod: 'tqt', opt: 'adamw', modelEma: true, modelEmaSteps: 2 },
  ];
  for (const [at, variant] of variants.entries()) {
    const flags = { ...quick, epochs: 3, ...variant };
    const whole = newFolder();
    assert.equal((await trainToy(toyConfig(whole, flags))).status, 'complete');
    const perEpoch = 5 + 2 * ('modelEma' in variant ? 2 : 1);
    // In the middle of training, or in the evaluation after it.
    const stop = at % 2 === 0 ? perEpoch + 2 : 2 * perEpoch - 1;
    const parts = newFolder();
    assert.equal((await trainToy(toyConfig(parts, flags), stop)).status, 'stopped');
    assert.equal((await trainToy(toyConfig(parts, { ...flags, resume: 'auto' }))).status, 'complete');
    const what = `${JSON.stringify(variant)}, stopped at step ${stop}`;
    for (const name of ['checkpoint.pth', 'best.pth'])
      assert.deepEqual(content(join(parts, name)), content(join(whole, name)), `${name}: ${what}`);
    assert.deepEqual(metricsOf(parts), metricsOf(whole), what);
  }
});

test('a checkpoint holds scheme, ranges and one network, and gives that network back', async () => {
  const folder = newFolder();
  const flags = { ...quick, epochs: 2, weights: './float.pth', distill: 0.5 };
  await trainToy(toyConfig(folder, flags));
  const { model } = await openToy(toyConfig(newFolder()));
  const float = Object.keys(model.stateDict());
  const { state, facts } = scope(() => {
    const { state, facts } = readWeights(join(folder, 'best.pth'));
    return { state: Object.entries(state).map(([key, value]) => [key, value.numel()] as const), facts };
  });
  const keys = state.map(([key]) => key);
  assert.deepEqual(keys.filter((key) => !/fake_quant/.test(key)).sort(), [...float].sort());
  assert.ok(keys.includes('body.0.weight_fake_quant.scale'));
  // The teacher is not in it: no weight is there twice.
  assert.equal(state.filter(([, count]) => count === 64).length, 1);
  assert.deepEqual(facts?.modelOptions.quantization, {
    config: { target: 'generic-int8', observer: { kind: 'histogram-shrink' } },
    inputShapes: [[1, 4]],
  });
  scope(() => {
    const again = withQuantizers(model, facts?.modelOptions.quantization) as unknown as q.QuantizedModel;
    again.loadStateDict(readWeights(join(folder, 'best.pth')).state);
    again.eval();
    const x = randn([8, 4]);
    const [rounded, exact] = noGrad(() => [again(x), again.asFloat(() => again(x))]);
    assert.ok(rounded !== undefined && exact !== undefined);
    assert.notDeepEqual(rounded.toArray(), exact.toArray());
    const error = rounded.sub(exact).pow(2).mean().item() / exact.pow(2).mean().item();
    assert.ok(error < 0.02, String(error));
  });
});

test('the exported file has quantisers, and onnxruntime agrees by steps', async () => {
  const folder = newFolder();
  const outcome = await trainToy(toyConfig(folder, { ...quick, epochs: 1, export: true }));
  assert.ok(outcome.status === 'complete' && outcome.result.onnx !== null);
  const nodes = scope(() => readOnnx(outcome.result.onnx?.path ?? '')).graph?.node ?? [];
  const count = (type: string) => nodes.filter(({ opType }) => opType === type).length;
  assert.ok(
    count('QuantizeLinear') >= 3 && count('DequantizeLinear') >= 5,
    nodes.map(({ opType }) => opType).join(' '),
  );
  assert.equal(count('BatchNormalization'), 0);
});

test('what does not go together is refused before anything is read', () => {
  const problems = (flags: Record<string, unknown>) => {
    try {
      toyConfig('-', flags);
      return [];
    } catch (error) {
      assert.ok(error instanceof RecipeError);
      return error.problems.map(({ path }) => path);
    }
  };
  assert.deepEqual(problems({ distill: 0.5 }), ['distill']);
  assert.deepEqual(problems({ quantization: 'tidl', distill: 0.5 }), ['distill']);
  assert.deepEqual(problems({ quantization: 'tidl', distill: 0.5, weights: './x.pth' }), []);
  assert.deepEqual(problems({ quantization: 'esp32', quantizationMethod: 'lsq' }), ['quantization-method']);
  assert.deepEqual(problems({ quantizationType: 'WC8_AT8' }), ['quantization-type']);
});

test('the options name what quantisation has', () => {
  assert.deepEqual(quantizationOptions.quantization.kind.allowed, q.quantizationTargets);
  assert.deepEqual(
    [...(quantizationOptions['quantization-type'].kind.allowed ?? [])].sort(),
    [...q.qconfigNames].sort(),
  );
});
