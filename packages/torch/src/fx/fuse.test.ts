/** @file The weights of folded batch norms equal PyTorch's bit for bit. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fx, manualSeed, nn, noGrad, scope } from '../index.ts';

/*
 * import torch; from torch import nn; from torch.nn.utils.fusion import fuse_conv_bn_eval
 * torch.manual_seed(0); conv, bn = nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)
 * nn.init.uniform_(bn.weight, 0.5, 2); nn.init.normal_(bn.bias); bn.running_mean.normal_(); bn.running_var.uniform_(0.5, 2)
 * f = fuse_conv_bn_eval(conv.eval(), bn.eval())
 * print(f.weight.view(torch.int32).flatten().tolist(), f.bias.view(torch.int32).tolist())
 */
const WEIGHT = [-1142130889, 1057250905, -1090241511, -1091798324, -1101176150, 1041900237];
const BIAS = [1064246878, 1072610968, -1083580345];

it('folds with the formula and the rounding of PyTorch', () => {
  scope(() => {
    manualSeed(0);
    const conv = new nn.Conv2d(2, 3, 1);
    const norm = new nn.BatchNorm2d(3);
    noGrad(() => {
      nn.init.uniform_(norm.weight as nn.Parameter, 0.5, 2);
      nn.init.normal_(norm.bias as nn.Parameter);
      norm.running_mean?.normal_();
      norm.running_var?.uniform_(0.5, 2);
    });
    const { weight, bias } = fx.fuseConvBnWeights(conv, norm);
    assert.deepEqual(Array.from(new Int32Array(weight.toTypedArray().buffer)), WEIGHT);
    assert.deepEqual(Array.from(new Int32Array(bias.toTypedArray().buffer)), BIAS);
  });
});
