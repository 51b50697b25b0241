/** @file An ONNX file is a model for every command. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { exportOnnx } from '@edgeai/onnx';
import { manualSeed, nn, randn, save, scope, type Tensor } from '@edgeai/torch';

import { UsageError } from '../errors.ts';
import { openModel } from './open-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-onnx-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, 'net.onnx');
manualSeed(0);
const net = new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(4 * 36, 2));
const facts = {
  task: 'classification',
  model: 'resnet18',
  modelOptions: {},
  inputShapes: [[1, 3, 8, 8]],
  classes: ['cat', 'dog'],
  preprocessing: { mean: [0, 0, 0] },
};
exportOnnx(
  net,
  scope(() => [randn([1, 3, 8, 8])]),
  { path, metadata: facts },
);

describe('--model FILE.onnx', () => {
  it('is the network in the file, with its classes and preprocessing', async () => {
    const opened = await openModel({ model: path });
    assert.equal(opened.name, 'net.onnx');
    assert.deepEqual(opened.inputShapes, [[1, 3, 8, 8]]);
    assert.deepEqual(opened.facts?.classes, ['cat', 'dog']);
    scope(() => {
      const x = randn([1, 3, 8, 8]);
      const distance = (opened.model(x) as Tensor).sub(net(x)).abs().max().item();
      assert.ok(distance < 1e-6, `differs by ${distance}`);
    });
    opened.model.dispose();
  });

  it('takes a checkpoint of what became of it', async () => {
    const opened = await openModel({ model: path });
    const weights = join(folder, 'tuned.pth');
    scope(() => {
      const state = opened.model.stateDict();
      save(
        { model: Object.fromEntries(Object.entries(state).map(([key, value]) => [key, value.detach().mul(0)])) },
        weights,
      );
    });
    const tuned = await openModel({ model: path, weights });
    scope(() => assert.equal((tuned.model(randn([1, 3, 8, 8])) as Tensor).abs().max().item(), 0));
    for (const { model } of [opened, tuned]) model.dispose();
  });

  it('has no options, no published weights, and must be there', async () => {
    await assert.rejects(openModel({ model: path, modelOptions: { numClasses: 3 } }), UsageError);
    await assert.rejects(openModel({ model: path, weights: 'DEFAULT' }), UsageError);
    await assert.rejects(openModel({ model: join(folder, 'none.onnx') }), /there is no file/);
  });
});
