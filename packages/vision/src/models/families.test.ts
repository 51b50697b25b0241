/** @file What the options of the ResNet and MobileNetV2 families do. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';
import { type Bottleneck, InvertedResidual, mobilenet_v2, resnet18, resnet50, resnext50_32x4d } from './index.ts';

function outputShape(module: nn.Module, shape: number[]): number[] {
  return noGrad(() => scope(() => module.eval()(randn(shape)).shape));
}

test('dilation replaces the strides of the later stages', () => {
  using model = resnet50({ numClasses: 3, replaceStrideWithDilation: [false, true, true] });
  assert.deepEqual(outputShape(model, [1, 3, 64, 64]), [1, 3]);
  const convs = (stage: nn.Sequential) => Array.from(stage, (block) => (block as Bottleneck).conv2);
  // The first block of a stage keeps the dilation of the stage before.
  assert.deepEqual(
    convs(model.layer3).map(({ dilation, stride }) => [dilation[0], stride[0]]),
    [[1, 1], ...Array(5).fill([2, 1])],
  );
  assert.deepEqual(
    convs(model.layer4).map(({ dilation, padding }) => [dilation[0], padding[0]]),
    [
      [2, 2],
      [4, 4],
      [4, 4],
    ],
  );
  const stages = new nn.Sequential(model.conv1, model.maxpool, model.layer1, model.layer2, model.layer3, model.layer4);
  assert.deepEqual(outputShape(stages, [1, 3, 64, 64]), [1, 2048, 8, 8], 'resolution of an eighth instead of a 32nd');
});

test('groups and width shape the inner convolutions', () => {
  using model = resnext50_32x4d({ numClasses: 2 });
  const block = model.layer1.at(0) as Bottleneck;
  assert.deepEqual([block.conv2.groups, block.conv2.weight.shape], [32, [128, 4, 3, 3]]);
});

test('zeroInitResidual makes each residual branch start as nothing', () => {
  using model = resnet18({ numClasses: 2, zeroInitResidual: true });
  using bottlenecks = resnet50({ numClasses: 2, zeroInitResidual: true });
  const last = [model.layer2.getSubmodule('1.bn2'), bottlenecks.layer3.getSubmodule('2.bn3')];
  for (const norm of last) assert.ok(norm instanceof nn.BatchNorm2d && norm.weight?.abs().max().item() === 0);
  const block = model.layer2.at(1).eval();
  noGrad(() =>
    scope(() => {
      const input = randn([1, 128, 4, 4]);
      assert.deepEqual(block(input).toArray(), input.relu().toArray());
    }),
  );
});

test('another norm layer is used throughout', () => {
  using model = resnet18({ numClasses: 2, normLayer: (channels) => new nn.GroupNorm(8, channels) });
  using mobile = mobilenet_v2({
    numClasses: 2,
    widthMult: 0.5,
    normLayer: (channels) => new nn.GroupNorm(1, channels),
  });
  for (const network of [model, mobile]) {
    assert.ok(!network.modules().some((module) => module instanceof nn.BatchNorm2d));
    assert.deepEqual(outputShape(network, [1, 3, 32, 32]), [1, 2]);
  }
});

test('forward passes leave nothing behind and do not change their input', async () => {
  manualSeed(0);
  using model = resnet18({ numClasses: 2 });
  await expectNoLeaks(() =>
    scope(() => {
      const input = randn([2, 3, 32, 32]);
      const copy = input.clone();
      model.train()(input).sum().backward();
      assert.deepEqual(input.toArray(), copy.toArray());
      model.zeroGrad();
    }),
  );
});

test('an inverted residual adds its input where shapes allow', () => {
  using same = new InvertedResidual(8, 8, 1, 6);
  using wider = new InvertedResidual(8, 16, 1, 6);
  using strided = new InvertedResidual(8, 8, 2, 1);
  assert.deepEqual(
    [same, wider, strided].map((block) => block.useResConnect),
    [true, false, false],
  );
  assert.deepEqual(outputShape(strided, [1, 8, 6, 6]), [1, 8, 3, 3]);
  assert.equal(strided.conv.size, 3, 'no widening convolution at ratio 1');
  assert.throws(() => new InvertedResidual(8, 8, 3, 6), /stride/);
  noGrad(() =>
    scope(() => {
      const input = randn([1, 8, 4, 4]);
      const sum: Tensor = input.add(same.eval().conv(input));
      assert.deepEqual(same(input).toArray(), sum.toArray());
    }),
  );
});

test('the width multiplier scales all layers, but never the last one down', () => {
  using narrow = mobilenet_v2({ numClasses: 2, widthMult: 0.35 });
  assert.equal(narrow.lastChannel, 1280);
  assert.equal(
    narrow.features.getSubmodule('0.0') instanceof nn.Conv2d && narrow.stateDict()['features.0.0.weight']?.size(0),
    16,
  );
  using wide = mobilenet_v2({
    numClasses: 2,
    widthMult: 1.4,
    invertedResidualSetting: [
      [1, 16, 1, 1],
      [6, 24, 2, 2],
    ],
    dropout: 0,
  });
  assert.equal(wide.lastChannel, 1792);
  assert.equal(wide.features.size, 5);
  assert.deepEqual(outputShape(wide, [1, 3, 32, 32]), [1, 2]);
});
