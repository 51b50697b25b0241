/** @file Models named on the command line: weights in all spellings, and what fits of them. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nn, save, type Tensor, zeros } from '@edgeai/torch';

import { UsageError } from '../errors.ts';
import { loadFitting } from './load-weights.ts';
import { openModel } from './open-model.ts';
import { readWeights } from './read-weights.ts';
import { parseWeightsSpec } from './weights-spec.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-models-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('weights: an entry, a file, an address, or one of each', () => {
  assert.deepEqual(parseWeightsSpec(null), { entry: null, file: null });
  assert.deepEqual(parseWeightsSpec('IMAGENET1K_V2'), { entry: 'IMAGENET1K_V2', file: null });
  assert.deepEqual(parseWeightsSpec('MobileNet_V2_Weights.DEFAULT'), {
    entry: 'MobileNet_V2_Weights.DEFAULT',
    file: null,
  });
  for (const file of ['/a/b', './x', '../x', '~/x', 'https://example.org/x', 'runs/x/best.pth', 'x.safetensors']) {
    assert.deepEqual(parseWeightsSpec(file), { entry: null, file });
    assert.deepEqual(parseWeightsSpec(`${file}, DEFAULT`), { entry: 'DEFAULT', file });
  }
  assert.throws(() => parseWeightsSpec('A,B'), UsageError);
  assert.throws(() => parseWeightsSpec('a.pth,b.pth'), /two files: a\.pth, b\.pth/);
});

const net = (classes: number): nn.Sequential =>
  new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 4), new nn.Linear(4, classes));

test('a head for other classes begins anew; weights of another model are refused', () => {
  const [from, to] = [net(5), net(2)];
  const before = to.at(3).stateDict().weight?.toArray();
  const remarks = loadFitting(to, from.stateDict(), 'x.pth');
  assert.equal(remarks.length, 1);
  assert.match(remarks[0] ?? '', /x\.pth: of another shape.*3\.weight \[5, 4\] → \[2, 4\], 3\.bias \[5\] → \[2\]/);
  assert.deepEqual(to.at(0).stateDict().weight?.toArray(), from.at(0).stateDict().weight?.toArray());
  assert.deepEqual(to.at(3).stateDict().weight?.toArray(), before);
  const stranger = new nn.Sequential(new nn.Conv2d(1, 1, 1)).stateDict();
  assert.throws(() => loadFitting(to, stranger, 'y.pth'), /y\.pth: only 0 of the model's 6 tensors/);
});

test('weights are found in checkpoints, plain state dicts and averages', () => {
  const model = net(2);
  const state = model.stateDict();
  const wrapped = Object.fromEntries(Object.entries(state).map(([key, value]) => [`module.${key}`, value]));
  const keys = Object.keys(state);
  const file = (name: string, content: unknown): string => {
    const path = join(root, name);
    save(content, path);
    return path;
  };
  assert.deepEqual(Object.keys(readWeights(file('plain.pth', state)).state), keys);
  assert.deepEqual(Object.keys(readWeights(file('wrapped.pth', { model: wrapped, epoch: 3 })).state), keys);
  const average = file('average.pth', { model: {}, model_ema: { n_averaged: zeros([]), ...wrapped } });
  assert.deepEqual(Object.keys(readWeights(average, 'model_ema').state), keys);
  assert.throws(
    () => readWeights(file('none.pth', { epoch: 3 })),
    /none\.pth: has no weights under 'model'.*it holds: epoch/,
  );
});

test('a model is built by name, with a seed, and with weights that fit', async () => {
  const weightOf = (opened: { model: nn.AnyModule }): Tensor | undefined => opened.model.stateDict()['fc.weight'];
  const request = { model: 'resnet18', modelOptions: { numClasses: 3 }, seed: 5 };
  const [one, two] = [await openModel(request), await openModel(request)];
  assert.deepEqual(weightOf(one)?.toArray(), weightOf(two)?.toArray());
  assert.deepEqual(one.inputShapes, [[1, 3, 224, 224]]);
  const path = join(root, 'resnet.pth');
  save({ model: one.model.stateDict() }, path, { detach: true });
  const loaded = await openModel({ ...request, seed: 6, weights: path });
  assert.deepEqual(weightOf(loaded)?.toArray(), weightOf(one)?.toArray());
  await assert.rejects(openModel({ ...request, modelOptions: { numClasses: 4 }, weights: path }), /fc\.weight/);
  await assert.rejects(openModel({ weights: path }), /--model is missing/);
});
