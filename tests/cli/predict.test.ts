/** @file `predict`, `export` and `zoo`: what programs rely on. */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inferenceMode, loadNpy, manualSeed, randn, saveNpy, scope, type Tensor } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';

import { edgeai, writeDataset } from './harness.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-predict-'));
after(() => rmSync(root, { recursive: true, force: true }));

const input = join(root, 'x.npy');
saveNpy(randn([2, 3, 32, 32]), input);

const values = (tensor: Tensor): number[] => Array.from(tensor.toTypedArray(), Number);

test('predict --seed builds the model that the seed stands for and writes its output', async () => {
  const output = join(root, 'out', 'y.npy');
  const args = ['--model', 'mobilenet_v2', '--model-option', 'numClasses=7', '--seed', '3'];
  const { code, stderr } = await edgeai(['predict', ...args, '--input', input, '--output', output]);
  assert.equal(code, 0, stderr);
  scope(() => {
    manualSeed(3);
    const model = getModel('mobilenet_v2', { numClasses: 7 }).eval();
    const expected = inferenceMode(() => model(loadNpy(input)));
    const found = loadNpy(output);
    assert.deepEqual(found.shape, [2, 7]);
    const expectedValues = values(expected);
    for (const [i, value] of values(found).entries()) assert.ok(Math.abs(value - (expectedValues[i] ?? 0)) < 1e-5);
  });
});

test('predict --train-mode uses the statistics of the batch', async () => {
  const outputs = await Promise.all(
    ['eval.npy', 'train.npy'].map(async (name) => {
      const mode = name === 'train.npy' ? ['--train-mode'] : [];
      const output = join(root, name);
      const args = ['predict', '--model', 'resnet18', '--seed', '1', '--input', input, '--output', output, ...mode];
      const { code, stderr } = await edgeai([...args]);
      assert.equal(code, 0, stderr);
      return values(loadNpy(output));
    }),
  );
  assert.notDeepEqual(outputs[0], outputs[1]);
});

test('several outputs go to a folder, by name', async () => {
  const output = join(root, 'several');
  const large = join(root, 'large.npy');
  saveNpy(randn([2, 3, 96, 96]), large);
  const args = ['--model', 'googlenet', '--model-option', 'initWeights=false', '--train-mode', '--seed', '0'];
  const { code, stdout, stderr } = await edgeai(['predict', ...args, '--input', large, '--output', output, '--json']);
  assert.equal(code, 0, stderr);
  const written: { path: string; shape: number[] }[] = JSON.parse(stdout);
  assert.equal(written.length, 3);
  for (const { path, shape } of written) {
    assert.match(path, /\.npy$/);
    assert.deepEqual(
      [shape, loadNpy(path).shape],
      [
        [2, 1000],
        [2, 1000],
      ],
    );
  }
});

test('images: readable predictions with class names, from a checkpoint that names its model', async () => {
  const data = join(root, 'data');
  await writeDataset(data);
  const run = join(root, 'run');
  const size = ['--train-crop-size', '32', '--val-resize-size', '32', '--val-crop-size', '32'];
  const args = ['--data-path', data, '--model', 'mobilenet_v2', '--epochs', '1', '--batch-size', '8', ...size];
  const trained = await edgeai([
    'train',
    'classification',
    ...args,
    '--threads',
    '1',
    '--no-export',
    '--output-dir',
    run,
  ]);
  assert.equal(trained.code, 0, trained.stderr);
  const weights = join(run, 'best.pth');

  const text = await edgeai(['predict', '--weights', weights, '--input', join(data, 'val', 'red')]);
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /val\/red\/0\.png\n.*(blue|red).* %\n/);

  const bad = join(data, 'val', 'red', '2.png');
  writeFileSync(bad, 'no image');
  const json = await edgeai(['predict', '--weights', weights, '--input', join(data, 'val'), '--json']);
  assert.equal(json.code, 1);
  assert.match(json.stderr, /val\/red\/2\.png/);
  const found: { file: string; predictions: { label: string; score: number }[] }[] = JSON.parse(json.stdout);
  assert.equal(found.length, 7);
  for (const { predictions } of found) {
    assert.deepEqual(predictions.map(({ label }) => label).sort(), ['blue', 'red']);
    assert.ok(Math.abs(predictions.reduce((sum, { score }) => sum + score, 0) - 1) < 1e-5);
  }

  const onnx = join(root, 'model.onnx');
  const exported = await edgeai(['export', '--weights', weights, '--output', onnx, '--dynamic-batch', '--json']);
  assert.equal(exported.code, 0, exported.stderr);
  const report = JSON.parse(exported.stdout);
  assert.ok(report.maxDifference < 1e-3);
  assert.ok(existsSync(onnx) && existsSync(`${onnx}.verify.json`));
  // The file itself says what its outputs mean.
  assert.match(readFileSync(onnx, 'latin1'), /\["blue","red"\]/);
});

test('zoo info --json: size, work, input and keys, with options of the constructor', async () => {
  const { code, stdout } = await edgeai(['zoo', 'info', 'mobilenet_v2', '--json', '--model-option', 'numClasses=10']);
  assert.equal(code, 0);
  const info = JSON.parse(stdout);
  assert.deepEqual([info.name, info.task, info.inputShape], ['mobilenet_v2', 'classification', [1, 3, 224, 224]]);
  assert.equal(info.params, 2_236_682);
  // Published: 300.8 million with the head of 1000 classes.
  assert.equal(info.macs, 300_774_272 - 990 * 1280);
  const keys = Object.keys(info.stateDict);
  assert.equal(keys[0], 'features.0.0.weight');
  assert.deepEqual([keys.at(-1), info.stateDict['classifier.1.bias']], ['classifier.1.bias', [10]]);
});

test('zoo list --json names every model with its task', async () => {
  const { stdout } = await edgeai(['zoo', 'list', '--task', 'classification', '--json']);
  const models: { name: string; task: string; weights: string[] }[] = JSON.parse(stdout);
  assert.ok(models.some(({ name, weights }) => name === 'resnet50' && weights.length === 2));
  assert.ok(models.every(({ task }) => task === 'classification'));
});

test('help and version are quick: they do not load the engine', async () => {
  const engine = { EDGEAI_TORCH_ADDON: join(root, 'no-such-addon.node') };
  for (const args of [['--help'], ['--version'], ['train', 'classification', '--help']]) {
    const { code, stdout } = await edgeai(args, { env: engine });
    assert.equal(code, 0);
    assert.notEqual(stdout, '');
  }
  const { code, stdout } = await edgeai(['doctor', '--json'], { env: engine });
  assert.equal(code, 1);
  assert.ok(JSON.parse(stdout).problems.length > 0);
});
