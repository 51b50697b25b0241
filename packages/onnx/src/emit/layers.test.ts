/** @file Layers, exported and compared with onnxruntime: a line is a promise that it is computed alike. */

import { nn, rand, randn, scope, type Tensor } from '@edgeai/torch';
import { network } from '../testing.ts';
import { aten, type Families, fn, image, matrix, testExports } from './testing.ts';

const families: Families = {
  convolutions: {
    'plain, strided, dilated, grouped': {
      model: () =>
        new nn.Sequential(
          new nn.Conv2d(4, 6, 3, { stride: 2, padding: [1, 2] }),
          new nn.Conv2d(6, 6, 3, { groups: 3, padding: 2, dilation: 2, bias: false }),
        ),
      inputs: image(),
      emits: ['Conv', 'Conv'],
    },
    'same padding of an even kernel': {
      model: () => new nn.Conv2d(4, 2, 4, { padding: 'same' }),
      inputs: image(),
      emits: ['Conv'],
    },
    'reflected padding': {
      model: () => new nn.Conv2d(4, 2, 3, { padding: 2, paddingMode: 'reflect' }),
      inputs: image(),
      emits: ['Pad', 'Conv'],
    },
    'one and three dimensions': {
      model: () => {
        const [one, three] = [new nn.Conv1d(3, 4, 3), new nn.Conv3d(2, 3, 2)];
        return Object.assign(
          network((x: Tensor, y: Tensor) => [one(x), three(y)]),
          { one, three },
        );
      },
      inputs: () => [randn([2, 3, 8]), randn([1, 2, 4, 4, 4])],
    },
    transposed: {
      model: () =>
        new nn.Sequential(
          new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
          new nn.ConvTranspose2d(6, 3, 2, { dilation: 2, bias: false }),
        ),
      inputs: image(),
      emits: ['ConvTranspose', 'ConvTranspose'],
    },
  },
  pooling: {
    max: { model: () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }), inputs: image(), emits: ['MaxPool'] },
    'max, last window beyond the edge': {
      model: () => new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
      inputs: image(2, 8, 10),
      emits: ['MaxPool'],
    },
    'max, dilated': {
      model: () => new nn.MaxPool2d(2, { stride: 1, dilation: 3 }),
      inputs: image(2, 8, 10),
      emits: ['MaxPool'],
    },
    average: { model: () => new nn.AvgPool2d(3, { stride: 2, padding: 1 }), inputs: image(), emits: ['AveragePool'] },
    'average without padding in the count': {
      model: () => new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
      inputs: image(),
    },
    'average, last window beyond the edge': {
      model: () => new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true }),
      inputs: image(2, 8, 10),
    },
    'average, beyond the edge, not counted': {
      model: () => new nn.AvgPool2d(3, { stride: 2, ceilMode: true, countIncludePad: false }),
      inputs: image(2, 8, 10),
    },
    'average with a divisor': {
      model: () => new nn.AvgPool2d(2, { divisorOverride: 3 }),
      inputs: image(2, 8, 10),
      emits: ['AveragePool', 'Mul'],
    },
    'adaptive to one': { model: () => new nn.AdaptiveAvgPool2d(1), inputs: image(), emits: ['GlobalAveragePool'] },
    'adaptive by whole windows': {
      model: () => new nn.AdaptiveAvgPool2d([2, 3]),
      inputs: image(2, 8, 9),
      emits: ['AveragePool'],
    },
    'adaptive by uneven windows': { model: () => new nn.AdaptiveAvgPool2d([3, 4]), inputs: image(2, 8, 10) },
    'adaptive to more than there is': { model: () => new nn.AdaptiveAvgPool2d(7), inputs: image(3, 2, 2) },
    'adaptive max': { model: () => new nn.AdaptiveMaxPool2d(1), inputs: image(), emits: ['GlobalMaxPool'] },
    'one dimension': {
      model: fn((x) => [new nn.MaxPool1d(2)(x as Tensor), new nn.AvgPool1d(3)(x as Tensor)]),
      inputs: () => [randn([2, 3, 9])],
    },
  },
  activations: Object.fromEntries(
    [
      new nn.ReLU(),
      new nn.ReLU6(),
      new nn.Hardtanh({ minVal: -0.5, maxVal: 2 }),
      new nn.Sigmoid(),
      new nn.Hardsigmoid(),
      new nn.Hardswish(),
      new nn.SiLU(),
      new nn.Tanh(),
      new nn.LeakyReLU(0.2),
      new nn.PReLU({ numParameters: 4 }),
      new nn.ELU(0.7),
      new nn.SELU(),
      new nn.CELU(1.3),
      new nn.GELU(),
      new nn.GELU({ approximate: 'tanh' }),
      new nn.Mish(),
      new nn.Softplus(),
      new nn.Softplus({ beta: 2 }),
      new nn.Softsign(),
      new nn.LogSigmoid(),
      new nn.GLU(1),
      new nn.Softmax(1),
      new nn.LogSoftmax(-1),
      new nn.Threshold(0.1, -2),
    ].map((module) => [`${module}`, { model: () => module, inputs: image() }]),
  ),
  normalisation: {
    'batch norm by itself': {
      model: () => settled(new nn.BatchNorm2d(4)),
      inputs: image(),
      emits: ['BatchNormalization'],
    },
    'batch norm without scale': { model: () => settled(new nn.BatchNorm2d(4, { affine: false })), inputs: image() },
    'batch norm on vectors': { model: () => settled(new nn.BatchNorm1d(6)), inputs: matrix },
    'layer norm': { model: () => new nn.LayerNorm([7, 9]), inputs: image() },
    'layer norm without scale': { model: () => new nn.LayerNorm(9, { elementwiseAffine: false }), inputs: image() },
    'group norm': { model: () => new nn.GroupNorm(2, 4), inputs: image() },
    'instance norm': { model: () => new nn.InstanceNorm2d(4, { affine: true }), inputs: image() },
  },
  resizing: {
    'nearest by a factor': { model: () => new nn.Upsample({ scaleFactor: 2 }), inputs: image(), emits: ['Resize'] },
    'nearest to a size': { model: () => new nn.Upsample({ size: [10, 5] }), inputs: image() },
    'bilinear by a factor': {
      model: () => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: false }),
      inputs: image(),
    },
    'bilinear to a size': {
      model: () => new nn.Upsample({ size: [13, 21], mode: 'bilinear', alignCorners: false }),
      inputs: image(),
    },
    'bilinear, corners aligned': {
      model: () => new nn.Upsample({ size: [13, 21], mode: 'bilinear', alignCorners: true }),
      inputs: image(),
    },
    'bilinear, smaller': {
      model: () => new nn.Upsample({ size: [3, 4], mode: 'bilinear', alignCorners: false }),
      inputs: image(),
    },
    bicubic: {
      model: () => new nn.Upsample({ scaleFactor: 2, mode: 'bicubic', alignCorners: false }),
      inputs: image(),
    },
    'grid sample': {
      model: fn((x, grid) => aten('grid_sampler', x, grid, 0, 0, false)),
      inputs: () => [randn([1, 2, 5, 6]), rand([1, 4, 3, 2]).mul(2.4).sub(1.2)],
      opsets: [16, 17, 20],
    },
  },
};

function settled<M extends nn.BatchNorm>(module: M): M {
  scope(() => {
    for (const value of [module.running_mean, module.running_var]) value?.copy_(rand(value.shape).add(0.5));
  });
  return module;
}

testExports(families);
