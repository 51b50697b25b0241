/** @file Quantisation from images to files: what onnxruntime computes from the export, what reopens, what the reports hold. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { quantization } from '@edgeai/modelopt';
import { Generator, manualSeed, randint, zeros } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import { UsageError } from '../errors.ts';
import { OnnxRunner } from '../models/onnx-runner.ts';
import { openModel } from '../models/open-model.ts';
import { classification } from '../recipes/classification-options.ts';
import { resolveRecipe } from '../recipes/resolve.ts';
import { openClassificationSubject } from '../tasks/classification/quantization-subject.ts';
import { analyzeQuantized } from './analyze.ts';
import { quantizeNetwork } from './quantize.ts';
import { ptqOptions } from './settings.ts';
import { spreadIndices } from './subject.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-quantize-'));
const log = { info() {}, warn() {} };

before(async () => {
  const generator = new Generator({ seed: 1 });
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(root, 'images', name), { recursive: true });
    for (let i = 0; i < 6; i++) {
      using image = randint(0, 256, [3, 40, 40], { generator, dtype: 'uint8' });
      await io.writeImage(image, join(root, 'images', name, `${i}.png`));
    }
  }
});
after(() => rmSync(root, { recursive: true, force: true }));

function settings() {
  const flags = {
    model: 'mobilenet_v2',
    modelOption: ['widthMult=0.25', 'invertedResidualSetting=[[1,8,1,1],[6,16,2,2]]'],
    modelSurgery: 'v1',
    dataPath: join(root, 'images'),
    valResizeSize: 40,
    valCropSize: 32,
    batchSize: 4,
    workers: 0,
  };
  return resolveRecipe(classification, { flags }).config;
}

test('a quantised network is exported so that onnxruntime computes it bit for bit, and reopens', async () => {
  manualSeed(0);
  const subject = await openClassificationSubject(settings(), { calibrationImages: 8, evaluationImages: null }, log);
  const ptq = ptqOptions({ target: 'generic-int8', method: 'ptq' });
  const outputDir = join(root, 'out');
  const result = await quantizeNetwork(subject, { ptq, outputDir, log });
  const { comparison, onnx, files } = result.report;
  assert.equal(comparison.images, 12);
  assert.deepEqual(Object.keys(comparison.figures), ['float', 'quantized', 'onnx']);
  assert.equal(comparison.withinOneStep, 100);
  assert.equal(comparison.sameClass.quantizedOnnx, 100);
  assert.deepEqual(comparison.figures.onnx?.unseen, comparison.figures.quantized?.unseen);
  assert.ok(onnx.file !== null && onnx.maxAbs === 0, JSON.stringify(onnx));
  assert.deepEqual(files, ['quantized.pth', 'model.onnx', 'model.onnx.verify.json', 'result.json']);
  const written: unknown = JSON.parse(readFileSync(join(outputDir, 'result.json'), 'utf8'));
  assert.deepEqual((written as { steps: unknown }).steps, result.report.steps);

  const opened = await openModel({ weights: join(outputDir, 'quantized.pth') });
  assert.ok(opened.model instanceof quantization.QuantizedModel);
  opened.model.eval();
  using integers = new quantization.IntegerModel(opened.model);
  const runner = await OnnxRunner.open(join(outputDir, 'model.onnx'));
  assert.deepEqual(runner.facts?.classes, ['cat', 'dog']);
  using image = zeros([1, 3, 32, 32]);
  using expected = integers(image);
  const [found] = await runner.run([image]);
  assert.equal(found?.sub(expected).abs().max().item(), 0);
  await runner.close();

  const analysis = await analyzeQuantized(subject, result, { ptq, outputDir, averageBits: 6, images: 1, log });
  assert.ok(analysis.precision.averageBits <= 6);
  const html = readFileSync(join(outputDir, 'report.html'), 'utf8');
  for (const { name } of analysis.noise) assert.ok(html.includes(name), name);
  assert.ok(!/(src|href)="(?!data:|#)/.test(html) && !html.includes('<script'), 'the report needs nothing else');
  assert.ok(html.includes('data:image/jpeg;base64,'));
  assert.ok(!/NaN|undefined/.test(html.replaceAll(/base64,[^"]*/g, '')));
  result.images.dispose();
  result.quantized.dispose();
});

test('settings: bits, exceptions and methods in short notations', () => {
  const base = { target: 'tidl', method: 'ptq' };
  assert.deepEqual(ptqOptions({ ...base, bits: 'w4a8' }).config, {
    target: 'tidl',
    qconfig: { weight: { bits: 4, observer: { kind: 'mse' } }, activation: { bits: 8 } },
  });
  const overrides = ['features.0.*=float', 'classifier.1=a16', '**.conv={"weight":{"bits":2}}'];
  assert.deepEqual(ptqOptions({ ...base, overrides }).config?.overrides, [
    { layers: 'features.0.*', weight: null, activation: null },
    { layers: 'classifier.1', activation: { bits: 16 } },
    { layers: '**.conv', weight: { bits: 2 } },
  ]);
  assert.equal(ptqOptions({ ...base, method: 'calibrate' }).biasCorrection, false);
  const wrong = [
    { method: 'magic' },
    { target: 'toaster' },
    { bits: 'many' },
    { bits: 'w4', qconfig: 'WC8_AT8' },
    { observer: 'eye' },
    { overrides: ['conv'] },
    { overrides: ['conv={"bias":null}'] },
  ];
  for (const request of wrong) assert.throws(() => ptqOptions({ ...base, ...request }), UsageError);
});

test('calibration images are spread over all', () => {
  assert.deepEqual(spreadIndices(10, 3), { chosen: [0, 3, 6], rest: [1, 2, 4, 5, 7, 8, 9] });
  assert.deepEqual(spreadIndices(2, 5), { chosen: [0, 1], rest: [] });
});
