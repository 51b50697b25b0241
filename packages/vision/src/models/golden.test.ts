/**
 * @file Every model has torchvision's state dict and, filled with reproducible numbers, gives the outputs recorded from it.
 * Fixtures: scripts/make-model-fixtures.mjs. With EDGEAI_FULL=1 all models are compared, otherwise one of each family and a few more.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { memory, type nn, noGrad, scope } from '@edgeai/torch';
import { fillModel, makeInput, relativeL2 } from '../testing/fill.ts';
import { skipUnlessQuick } from '../testing/quick.ts';
import { getModel, getModelInfo, getModelWeights, listModels } from './index.ts';

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

const TOLERANCE = 1e-4;

/** Python's names of options as ours. */
function options(kwargs: Record<string, unknown>): Record<string, unknown> {
  const camel = (name: string) => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [camel(name), value]));
}

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

function compareOutputs(model: nn.Module, records: readonly Recorded[]): void {
  const [first] = records;
  if (first === undefined) return;
  assert.equal(fillModel(model.eval(), first.gain), first.fillSum);
  for (const record of records) {
    // Records of one model differ in the input only, or in how strongly it is filled.
    if (record.gain !== first.gain) assert.equal(fillModel(model, record.gain), record.fillSum);
    compareOutput(model, record);
  }
}

function compareCount(name: string, model: nn.Module): void {
  const { defaultOptions, inputShapes } = getModelInfo(name);
  const count = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  for (const { meta, transforms } of getModelWeights(name).entries()) {
    // Weights for larger images have more positions; the auxiliary heads of GoogLeNet are not counted.
    assert.ok(transforms.kind === 'classification');
    const larger = 'imageSize' in defaultOptions && transforms.cropSize !== inputShapes[0]?.[2];
    if (!larger && name !== 'googlenet') assert.equal(count, meta.numParams);
  }
  assert.equal(defaultOptions.numClasses, 1000);
}

for (const [name, expected] of Object.entries(stateDicts)) {
  test(`${name}: state dict, parameter count, recorded outputs`, { skip: skipUnlessQuick(name) }, () => {
    const before = memory().tensors;
    {
      using model = getModel(name);
      const state = Object.entries(model.stateDict());
      const lines = state.map(([key, tensor]) => `${key} ${tensor.shape.join(',')}\n`);
      assert.equal(lines.length, expected.entries);
      assert.equal(createHash('sha256').update(lines.join('')).digest('hex'), expected.sha256);
      compareCount(name, model);
      compareOutputs(
        model,
        Object.values(outputs).filter(({ builder, kwargs }) => builder === name && Object.keys(kwargs).length === 0),
      );
    }
    for (const record of Object.values(outputs)) {
      if (record.builder !== name || Object.keys(record.kwargs).length === 0) continue;
      using model = getModel(name, options(record.kwargs));
      compareOutputs(model, [record]);
    }
    assert.equal(memory().tensors, before, 'a model that is disposed leaves nothing behind');
  });
}

test('every classifier is in the recordings', () => {
  assert.deepEqual(Object.keys(stateDicts).sort(), listModels({ module: 'classification' }));
});
