/**
 * @file Every model has torchvision's state dict and, filled with reproducible numbers, gives the outputs recorded from it.
 * Fixtures: scripts/make-model-fixtures.mjs. With EDGEAI_FULL=1 the outputs of all models are compared, otherwise those of a few.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { expectNoLeaks, memory, type nn, noGrad, scope } from '@edgeai/torch';
import { fillModel, makeInput, relativeL2 } from '../testing/fill.ts';
import { getModel, getModelInfo, getModelWeights } from './index.ts';

interface Recorded {
  builder: string;
  kwargs: Record<string, unknown>;
  gain: number;
  inputs: number[][];
  fillSum: number;
  output: { shape: number[]; mean: number; std: number; l2: number; first: number[]; even: number[] };
}

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8'));
}
const stateDicts = fixture('state-dicts.json') as Record<string, { entries: number; sha256: string }>;
const { outputs } = fixture('outputs.json') as { outputs: Record<string, Recorded> };

const QUICK = ['resnet18', 'resnet50', 'mobilenet_v2', 'resnext50_32x4d', 'wide_resnet50_2'];
const full = process.env.EDGEAI_FULL === '1';
const TOLERANCE = 1e-4;

function compareOutput(model: nn.Module, { inputs, output }: Recorded): void {
  noGrad(() =>
    scope(() => {
      const [shape = []] = inputs;
      const result = model(makeInput(shape));
      assert.deepEqual(result.shape, output.shape);
      const values = result.toTypedArray() as Float32Array;
      const last = values.length - 1;
      const even = output.even.map((_, i) => values[Math.floor((i * last) / 15)] ?? Number.NaN);
      assert.ok(relativeL2(values.subarray(0, output.first.length), output.first) <= TOLERANCE);
      assert.ok(relativeL2(even, output.even) <= TOLERANCE);
      const sum = values.reduce((total, value) => total + value, 0);
      const squares = values.reduce((total, value) => total + value * value, 0);
      const mean = sum / values.length;
      const std = Math.sqrt(squares / values.length - mean * mean);
      assert.ok(Math.abs(mean - output.mean) <= TOLERANCE * output.std, `mean ${mean}, expected ${output.mean}`);
      assert.ok(relativeL2([std, Math.sqrt(squares)], [output.std, output.l2]) <= TOLERANCE);
    }),
  );
}

for (const [name, expected] of Object.entries(stateDicts)) {
  test(`${name}: state dict, parameter count, recorded outputs`, async () => {
    const before = memory().tensors;
    await expectNoLeaks(() => {
      using model = getModel(name).eval();
      const state = Object.entries(model.stateDict());
      const lines = state.map(([key, tensor]) => `${key} ${tensor.shape.join(',')}\n`);
      assert.equal(lines.length, expected.entries);
      assert.equal(createHash('sha256').update(lines.join('')).digest('hex'), expected.sha256);
      const count = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
      for (const { meta } of getModelWeights(name).entries()) assert.equal(count, meta.numParams);
      assert.equal(getModelInfo(name).defaultOptions.numClasses, 1000);

      const records = Object.values(outputs).filter(({ builder }) => builder === name);
      for (const [i, record] of records.entries()) {
        // Several records of one model differ in the input only.
        if (i === 0) assert.equal(fillModel(model, record.gain), record.fillSum);
        assert.deepEqual([record.gain, record.fillSum, record.kwargs], [records[0]?.gain, records[0]?.fillSum, {}]);
        if (full || QUICK.includes(name)) compareOutput(model, record);
      }
    });
    assert.equal(memory().tensors, before, 'a model that is disposed leaves nothing behind');
  });
}

test('outputs are recorded for every model but one', () => {
  const recorded = new Set(Object.values(outputs).map(({ builder }) => builder));
  assert.deepEqual(
    Object.keys(stateDicts).filter((name) => !recorded.has(name)),
    ['resnext101_32x8d'],
  );
});
