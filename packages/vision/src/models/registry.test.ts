/** @file The registry: names, options, patterns, and what a wrong name or option is told. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError, memory } from '@edgeai/torch';
import {
  getModel,
  getModelBuilder,
  getModelInfo,
  getModelWeights,
  getWeight,
  listModels,
  MobileNetV2,
  mobilenet_v2,
  ResNet18_Weights,
  ResNet50_Weights,
  registerModel,
  UnknownModelError,
} from './index.ts';

const info = { task: 'classification', module: 'test', inputShapes: [[1, 3, 8, 8]], defaultOptions: {} } as const;

test('names are found in any case, and wrong ones suggest the nearest', () => {
  using model = getModel<MobileNetV2>('MobileNet_V2', { numClasses: 7, widthMult: 0.25 });
  assert.ok(model instanceof MobileNetV2);
  assert.equal(getModelBuilder('mobilenet_v2'), mobilenet_v2);
  assert.throws(
    () => getModel('mobilnetv2'),
    (error: unknown) =>
      error instanceof UnknownModelError &&
      error.code === 'UNKNOWN_MODEL' &&
      error.message.includes("did you mean 'mobilenet_v2'?"),
  );
  assert.throws(() => getModel('zzz'), /listModels/);
});

test('an unknown option is named, with the nearest known one', () => {
  assert.throws(() => getModel('resnet18', { numClases: 3 }), /no option 'numClases'; did you mean 'numClasses'/);
  assert.throws(
    () => getModel('resnet18', { zzz: 3 }),
    /its options: weights, numClasses, .*replaceStrideWithDilation/,
  );
});

test('values out of range are named', () => {
  const before = memory().tensors;
  assert.throws(() => getModel('resnet18', { numClasses: 0 }), /numClasses/);
  assert.throws(() => getModel('resnet50', { replaceStrideWithDilation: [true] }), /replaceStrideWithDilation/);
  assert.throws(
    () => getModel('resnext50_32x4d', { groups: 16 }),
    /Expected 32 for groups, which resnext50_32x4d prescribes/,
  );
  assert.throws(() => getModel('mobilenet_v2', { widthMult: -1 }), /widthMult/);
  assert.throws(() => getModel('mobilenet_v2', { invertedResidualSetting: [[1, 2]] }), /invertedResidualSetting/);
  assert.equal(memory().tensors, before, 'refused before anything was made');
  assert.throws(() => getModel('resnet18', { groups: 2 }), /Expected 1 for groups of a BasicBlock/);
});

test('lists are sorted and filtered by patterns, group and task', () => {
  const all = listModels();
  assert.deepEqual(all, [...all].sort());
  assert.deepEqual(listModels({ include: 'wide_*' }), ['wide_resnet101_2', 'wide_resnet50_2']);
  assert.deepEqual(listModels({ include: ['resnet?8', 'resnet34'] }), ['resnet18', 'resnet34']);
  assert.deepEqual(listModels({ include: '*resn*', exclude: ['*101*', '*152', 'resnext*'], task: 'classification' }), [
    'resnet18',
    'resnet34',
    'resnet50',
    'wide_resnet50_2',
  ]);
  assert.deepEqual(listModels({ module: 'none' }), []);
  assert.equal(listModels({ task: 'classification' }).includes('resnet18'), true);
  assert.deepEqual(listModels({ task: 'depth' }), []);
});

test('a name can be taken once, and is lower-case', () => {
  registerModel('registry_test_model', mobilenet_v2, info);
  assert.ok(listModels({ module: 'test' }).includes('registry_test_model'));
  assert.throws(() => registerModel('registry_test_model', mobilenet_v2, info), ArgumentError);
  assert.throws(() => registerModel('Upper', mobilenet_v2, info), /lower-case/);
  assert.throws(() => getModelWeights('registry_test_model'), /no published weights/);
});

test('weights are found by model and by full name', () => {
  assert.equal(getModelWeights('resnet18'), ResNet18_Weights);
  assert.equal(getWeight('ResNet50_Weights.IMAGENET1K_V2'), ResNet50_Weights.IMAGENET1K_V2);
  assert.equal(getWeight('ResNet50_Weights.DEFAULT'), ResNet50_Weights.IMAGENET1K_V2);
  assert.throws(() => getWeight('ResNet50_Weights'), /full name/);
  assert.throws(() => getWeight('ResNet51_Weights.DEFAULT'), /did you mean 'ResNet/);
  assert.deepEqual(getModelInfo('resnet18').inputShapes, [[1, 3, 224, 224]]);
});
