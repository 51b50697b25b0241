/** @file Networks over maps are quantised from a checkpoint, measured by their task's figures, exported, and reopened with their quantisers. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { quantization } from '@edgeai/modelopt';
import { manualSeed, save, scope } from '@edgeai/torch';

import { OnnxRunner } from '../../models/onnx-runner.ts';
import { quantizeNetwork } from '../../quantization/quantize.ts';
import { ptqOptions } from '../../quantization/settings.ts';
import { type DenseConfig, type DenseTaskName, denseTasks } from '../../recipes/dense-options.ts';
import { resolveRecipe } from '../../recipes/resolve.ts';
import { impliedDenseSettings } from './implied-settings.ts';
import { openDenseSubject } from './quantization-subject.ts';
import { openDenseEvaluation, openDenseTask } from './task.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-dense-quantization-'));
after(() => rmSync(root, { recursive: true, force: true }));

const log = { info() {}, warn() {} };
const scenes = { scenes: [4, 3], sceneSize: [32, 64], threads: 1, workers: 0 };
const subjectOptions = { calibrationImages: 2, evaluationImages: null };

function configOf(name: DenseTaskName, flags: Record<string, unknown>): DenseConfig {
  return resolveRecipe(denseTasks[name], { flags: { ...scenes, imgResize: [32, 64], batchSize: 2, ...flags } }).config;
}

/** The settings that a command has when it is given only a checkpoint. */
function configFrom(name: DenseTaskName, weights: string): DenseConfig {
  const base = impliedDenseSettings(weights, denseTasks[name].options);
  return resolveRecipe(denseTasks[name], { base, flags: { ...scenes, batchSize: 2, weights } }).config;
}

test('a checkpoint of a network for classes: the file has its figures, and what reopens has them too', async () => {
  manualSeed(0);
  const config = configOf('segmentation', {});
  const trained = await openDenseTask('segmentation', config, log);
  const weights = join(root, 'best.pth');
  save({ model: trained.model.stateDict(), edgeai: { facts: trained.facts } }, weights, { detach: true });

  const subject = await openDenseSubject('segmentation', configFrom('segmentation', weights), subjectOptions, log);
  const outputDir = join(root, 'int8');
  const ptq = ptqOptions({ target: 'generic-int8', method: 'ptq' });
  const { report, quantized, images } = await quantizeNetwork(subject, { ptq, outputDir, log });
  const { figures, sameClass, withinOneStep } = report.comparison;
  assert.equal(report.comparison.images, 3);
  assert.deepEqual(Object.keys(figures.onnx?.all ?? {}), ['loss', 'mIoU', 'pixelAcc']);
  assert.ok((sameClass.quantizedOnnx ?? 0) > 99.5 && (withinOneStep ?? 0) > 99, JSON.stringify(report.comparison));
  assert.ok(Math.abs((figures.quantized?.all.mIoU ?? 0) - (figures.onnx?.all.mIoU ?? 1)) < 0.1);

  const again = await openDenseEvaluation(configFrom('segmentation', join(outputDir, 'quantized.pth')), log);
  assert.ok(again.model instanceof quantization.QuantizedModel);
  again.model.eval();
  const meter = again.meter();
  for await (const batch of again.evaluation)
    scope(() => {
      const { loss, output } = again.step(again.model, batch);
      meter.add(batch, output, loss.item());
    });
  // In float arithmetic with rounding, where the report computes in integers.
  assert.ok(Math.abs((meter.figures().loss ?? 0) - (figures.quantized?.all.loss ?? 1)) < 0.02);
  images.dispose();
  quantized.dispose();
  again.model.dispose();
});

test('several maps of two images: every output is rounded and measured', async () => {
  manualSeed(0);
  const config = configOf('multitask', {});
  const subject = await openDenseSubject('multitask', config, subjectOptions, log);
  const ptq = ptqOptions({ target: 'tidl', method: 'calibrate' });
  const { report, quantized, images } = await quantizeNetwork(subject, { ptq, outputDir: join(root, 'three'), log });
  const names = Object.keys(report.comparison.figures.onnx?.all ?? {});
  for (const figure of ['absRel', 'mIoU', 'motionIoU']) assert.ok(names.includes(figure), figure);
  // Its first map is of depths.
  assert.equal(report.comparison.sameClass.floatQuantized, null);
  const runner = await OnnxRunner.open(join(root, 'three', 'model.onnx'));
  assert.equal(runner.facts?.task, 'multitask');
  assert.ok(runner.facts.modelOptions.quantization !== undefined);
  await runner.close();
  images.dispose();
  quantized.dispose();
});
