/**
 * @file Every model has torchvision's state dict and, filled with reproducible numbers, gives the outputs recorded from it.
 * Fixtures: scripts/make-model-fixtures.mjs. With EDGEAI_FULL=1 all models are compared, otherwise one of each family and a few more.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { memory, type nn, noGrad, scope, Tensor } from '@edgeai/torch';
import { fillModel, makeInput, relativeL2 } from '../testing/fill.ts';
import { skipUnlessQuick } from '../testing/quick.ts';
import { getModel, getModelInfo, getModelWeights, listModels, type ModelTask } from './index.ts';

interface Recorded {
  builder: string;
  kwargs: Record<string, unknown>;
  gain: number;
  inputs: number[][];
  fillSum: number;
  outputs: Record<string, Summary>;
}

interface Summary {
  shape: number[];
  mean: number;
  std: number;
  l2: number;
  first: number[];
  even: number[];
}

type Network = nn.Module<Tensor[], Tensor | Tensor[] | Record<string, Tensor>>;

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8'));
}
const stateDicts = fixture('state-dicts.json') as Record<string, { entries: number; sha256: string }>;
const { outputs } = fixture('outputs.json') as { outputs: Record<string, Recorded> };

const TOLERANCE = 1e-4;
/** Classes of a new model. */
const CLASSES: Partial<Record<ModelTask, number>> = { classification: 1000, segmentation: 21, video: 400 };

/** Recorded with large inputs only; by default the outputs in dense.test.ts stand for them. */
function slow(name: string): boolean {
  return skipUnlessQuick(name, ['mvit_v2_s']) !== false;
}

/** Whether a new model is of the kind that was recorded. No weights of the backbone is what ours start with anyhow. */
function usesDefaults({ kwargs }: Recorded): boolean {
  return Object.keys(kwargs).every((option) => option === 'weights_backbone');
}

/** Python's names of options as ours. */
function options(kwargs: Record<string, unknown>): Record<string, unknown> {
  const camel = (name: string) => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [camel(name), value]));
}

function compareOutput(model: Network, { inputs, outputs }: Recorded): void {
  noGrad(() =>
    scope(() => {
      const result = model(...inputs.map((shape, i) => makeInput(shape, i)));
      const results = result instanceof Tensor ? { '': result } : Object.fromEntries(Object.entries(result));
      if (!Array.isArray(result)) assert.deepEqual(Object.keys(results), Object.keys(outputs));
      for (const [name, expected] of Object.entries(outputs)) compareValues(results[name], expected);
    }),
  );
}

function compareValues(result: Tensor | undefined, expected: Summary): void {
  assert.ok(result instanceof Tensor);
  assert.deepEqual(result.shape, expected.shape);
  const values = result.contiguous().toTypedArray() as Float32Array;
  const last = values.length - 1;
  const even = expected.even.map((_, i) => values[Math.floor((i * last) / 15)] ?? Number.NaN);
  assert.ok(relativeL2(values.subarray(0, expected.first.length), expected.first) <= TOLERANCE);
  assert.ok(relativeL2(even, expected.even) <= TOLERANCE);
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  const mean = sum / values.length;
  const std = Math.sqrt(squares / values.length - mean * mean);
  assert.ok(Math.abs(mean - expected.mean) <= TOLERANCE * expected.std, `mean ${mean}, expected ${expected.mean}`);
  assert.ok(relativeL2([std, Math.sqrt(squares)], [expected.std, expected.l2]) <= TOLERANCE);
}

function compareOutputs(model: Network, records: readonly Recorded[]): void {
  const [first] = records;
  if (first === undefined) return;
  assert.equal(fillModel(model.eval(), first.gain), first.fillSum);
  for (const record of records) {
    // Records of one model differ in the input only, or in how strongly it is filled.
    if (record.gain !== first.gain) assert.equal(fillModel(model, record.gain), record.fillSum);
    compareOutput(model, record);
  }
}

function parameterCount(model: nn.AnyModule): number {
  return model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
}

function compareCount(name: string, model: Network): void {
  const { defaultOptions, inputShapes, task } = getModelInfo(name);
  const count = parameterCount(model);
  for (const { meta, transforms, name: full } of getModelWeights(name).entries()) {
    // Weights for larger images have more positions; the auxiliary heads of GoogLeNet are not counted, those of others are.
    const size = transforms.kind === 'classification' ? transforms.cropSize : inputShapes[0]?.[2];
    const larger = 'imageSize' in defaultOptions && size !== inputShapes[0]?.[2];
    const other = `${name}@${full.slice(full.indexOf('.') + 1)}` in stateDicts;
    if (!larger && !other && name !== 'googlenet') assert.equal(count, meta.numParams);
  }
  assert.equal(defaultOptions.numClasses, CLASSES[task]);
}

function compareKeys(model: Network, expected: { entries: number; sha256: string }): void {
  const lines = Object.entries(model.stateDict()).map(([key, tensor]) => `${key} ${tensor.shape.join(',')}\n`);
  assert.equal(lines.length, expected.entries);
  assert.equal(createHash('sha256').update(lines.join('')).digest('hex'), expected.sha256);
}

for (const [key, expected] of Object.entries(stateDicts)) {
  const [name = '', entry] = key.split('@');
  if (entry !== undefined) {
    test(`${key}: the state dict of a network with auxiliary head`, { skip: skipUnlessQuick(name) }, () => {
      using model = getModel<Network>(name, { auxLoss: true });
      compareKeys(model, expected);
      assert.equal(parameterCount(model), getModelWeights(name).get(entry).meta.numParams);
    });
    continue;
  }
  test(`${name}: state dict, parameter count, recorded outputs`, { skip: skipUnlessQuick(name) }, () => {
    const before = memory().tensors;
    const records = Object.values(outputs).filter(({ builder }) => builder === name);
    {
      using model = getModel<Network>(name);
      compareKeys(model, expected);
      compareCount(name, model);
      if (!slow(name)) compareOutputs(model, records.filter(usesDefaults));
    }
    for (const record of records) {
      if (usesDefaults(record)) continue;
      using model = getModel<Network>(name, options(record.kwargs));
      compareOutputs(model, [record]);
    }
    assert.equal(memory().tensors, before, 'a model that is disposed leaves nothing behind');
  });
}

test('every model is in the recordings', () => {
  const recorded = Object.keys(stateDicts).filter((key) => !key.includes('@'));
  const modules = ['classification', 'segmentation', 'video', 'optical_flow'];
  assert.deepEqual(recorded.sort(), modules.flatMap((module) => listModels({ module })).sort());
});
