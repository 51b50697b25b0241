/** @file Blocks have torchvision's layers, defaults and state-dict keys, and compute what they say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, keep, manualSeed, nn, ones, randn, scope, type Tensor } from '@edgeai/torch';
import {
  Conv2dNormActivation,
  Conv3dNormActivation,
  MLP,
  makeLayer,
  Permute,
  pipe,
  SqueezeExcitation,
} from './index.ts';

const kinds = (block: nn.Module) => block.children().map((child) => child.constructor.name);

function convOf(block: nn.Sequential): nn.Conv2d {
  const conv = block.at(0);
  assert.ok(conv instanceof nn.Conv2d);
  return conv;
}

test('convolution, norm, activation: defaults', () => {
  using block = new Conv2dNormActivation(4, 8);
  assert.deepEqual(kinds(block), ['Conv2d', 'BatchNorm2d', 'ReLU']);
  assert.equal(convOf(block).bias, null, 'a norm layer makes the bias superfluous');
  assert.equal(block.outChannels, 8);
  assert.deepEqual(Object.keys(block.stateDict()).slice(0, 3), ['0.weight', '1.weight', '1.bias']);
});

test('without a norm layer there is a bias, unless it is refused', () => {
  using plain = new Conv2dNormActivation(4, 8, { normLayer: null, activationLayer: null });
  assert.deepEqual(kinds(plain), ['Conv2d']);
  assert.notEqual(convOf(plain).bias, null);
  using refused = new Conv2dNormActivation(4, 8, { normLayer: null, bias: false });
  assert.equal(convOf(refused).bias, null);
});

test('padding keeps the size, whatever kernel and dilation', () => {
  const padding = (options: object) => {
    using block = new Conv2dNormActivation(1, 1, options);
    return convOf(block).padding;
  };
  assert.deepEqual(padding({}), [1, 1]);
  assert.deepEqual(padding({ kernelSize: 5, dilation: 2 }), [4, 4]);
  assert.deepEqual(padding({ kernelSize: [3, 5] }), [1, 2]);
  assert.deepEqual(padding({ kernelSize: 3, dilation: [1, 3] }), [1, 3]);
  assert.deepEqual(padding({ kernelSize: 1, padding: 2 }), [2, 2]);
  assert.equal(padding({ padding: 'same' }), 'same');
});

test('layers come from classes and from functions', () => {
  const normLayer = (channels: number) => new nn.BatchNorm2d(channels, { eps: 1e-3 });
  using block = new Conv2dNormActivation(1, 2, { normLayer, activationLayer: nn.Hardswish });
  assert.deepEqual(kinds(block), ['Conv2d', 'BatchNorm2d', 'Hardswish']);
  const norm = block.at(1);
  assert.ok(norm instanceof nn.BatchNorm2d && norm.eps === 1e-3);
  assert.ok(makeLayer(() => new nn.Sigmoid()) instanceof nn.Sigmoid);
});

test('inplace reaches the activation, and null keeps it away', () => {
  const seen: unknown[] = [];
  const activationLayer = (options?: { inplace?: boolean }) => {
    seen.push(options);
    return new nn.ReLU(options);
  };
  for (const inplace of [undefined, false, null])
    new Conv2dNormActivation(1, 1, { activationLayer, inplace }).dispose();
  assert.deepEqual(seen, [{ inplace: true }, { inplace: false }, undefined]);
});

test('three dimensions', () => {
  using block = new Conv3dNormActivation(1, 2, { kernelSize: [1, 3, 3] });
  assert.deepEqual(kinds(block), ['Conv3d', 'BatchNorm3d', 'ReLU']);
  scope(() => assert.deepEqual(block(ones([1, 1, 4, 5, 6])).shape, [1, 2, 4, 5, 6]));
});

test('squeeze and excitation gates each channel', async () => {
  manualSeed(0);
  await expectNoLeaks(() => {
    using block = new SqueezeExcitation(4, 2, { scaleActivation: nn.Hardsigmoid });
    assert.deepEqual(Object.keys(block.stateDict()), ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']);
    scope(() => {
      const input = randn([2, 4, 3, 3]);
      const gate = nn.functional.hardsigmoid(block.fc2(block.fc1(input.mean([2, 3], { keepdim: true })).relu()));
      assert.ok(block(input).sub(gate.mul(input)).abs().max().item() < 1e-6);
    });
  });
});

test('an MLP has dropouts after every layer and activations between', () => {
  using block = new MLP(4, [8, 2], {
    normLayer: (channels) => new nn.LayerNorm([channels]),
    activationLayer: () => new nn.GELU(),
    inplace: null,
    dropout: 0.5,
  });
  assert.deepEqual(kinds(block), ['Linear', 'LayerNorm', 'GELU', 'Dropout', 'Linear', 'Dropout']);
  assert.deepEqual(Object.keys(block.stateDict()), ['0.weight', '0.bias', '1.weight', '1.bias', '4.weight', '4.bias']);
  assert.throws(() => new MLP(4, []), /hiddenChannels/);
});

test('permute is a view', () => {
  scope(() => {
    const input = ones([1, 2, 3]);
    const output = new Permute([2, 0, 1])(input);
    assert.deepEqual(output.shape, [3, 1, 2]);
    assert.ok(output.sharesStorageWith(input));
  });
});

test('pipe releases what lies between, but not the input, the result, or what is kept', async () => {
  await expectNoLeaks(() => {
    scope(() => {
      const input = ones([2]);
      const seen: Tensor[] = [];
      const watch = (step: (x: Tensor) => Tensor) => (x: Tensor) => {
        seen.push(x);
        return step(x);
      };
      const result = pipe(
        input,
        watch((x) => x.add(1)),
        watch((x) => x.mul_(3)),
        watch((x) => keep(x.add(4))),
        watch((x) => x.neg()),
      );
      assert.deepEqual(result.toArray(), [-10, -10]);
      assert.deepEqual(
        seen.map((x) => x.isAlive),
        [true, false, false, true],
      );
      seen[3]?.dispose();
      assert.equal(pipe(input), input);
    });
  });
});
