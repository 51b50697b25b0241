/** @file Every activation against PyTorch. */

import { nn } from '../index.ts';
import { type Case, describeCases, R } from './testing.ts';

const CASES: readonly Case[] = [
  ['relu', () => new nn.ReLU(), [R(4, 6)]],
  ['relu6', () => new nn.ReLU6({ inplace: false }), [R(4, 6)]],
  ['leakyRelu', () => new nn.LeakyReLU(0.2), [R(4, 6)]],
  ['prelu', () => new nn.PReLU({ numParameters: 6, init: 0.1 }), [R(4, 6)]],
  ['rrelu', () => new nn.RReLU({ lower: 0.1, upper: 0.3 }), [R(4, 6)]],
  ['elu', () => new nn.ELU(1.5), [R(4, 6)]],
  ['celu', () => new nn.CELU(1.5), [R(4, 6)]],
  ['selu', () => new nn.SELU(), [R(4, 6)]],
  ['gelu', () => new nn.GELU(), [R(4, 6)]],
  ['gelu tanh', () => new nn.GELU({ approximate: 'tanh' }), [R(4, 6)]],
  ['silu', () => new nn.SiLU(), [R(4, 6)]],
  ['mish', () => new nn.Mish(), [R(4, 6)]],
  ['hardswish', () => new nn.Hardswish(), [R(4, 6)]],
  ['hardsigmoid', () => new nn.Hardsigmoid(), [R(4, 6)]],
  ['hardtanh', () => new nn.Hardtanh({ minVal: -0.5, maxVal: 0.75 }), [R(4, 6)]],
  ['sigmoid', () => new nn.Sigmoid(), [R(4, 6)]],
  ['tanh', () => new nn.Tanh(), [R(4, 6)]],
  ['softplus', () => new nn.Softplus({ beta: 2, threshold: 3 }), [R(4, 6)]],
  ['softsign', () => new nn.Softsign(), [R(4, 6)]],
  ['softmax', () => new nn.Softmax(1), [R(4, 6)]],
  ['softmax2d', () => new nn.Softmax2d(), [R(2, 3, 4, 4)]],
  ['logSoftmax', () => new nn.LogSoftmax(1), [R(4, 6)]],
  ['softmin', () => new nn.Softmin(1), [R(4, 6)]],
  ['threshold', () => new nn.Threshold(0.1, -2), [R(4, 6)]],
  ['glu', () => new nn.GLU(1), [R(4, 6)]],
  ['tanhshrink', () => new nn.Tanhshrink(), [R(4, 6)]],
  ['softshrink', () => new nn.Softshrink(0.4), [R(4, 6)]],
  ['hardshrink', () => new nn.Hardshrink(0.4), [R(4, 6)]],
  ['logSigmoid', () => new nn.LogSigmoid(), [R(4, 6)]],
];

describeCases('activations', CASES);
