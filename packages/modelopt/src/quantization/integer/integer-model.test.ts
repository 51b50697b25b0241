/** @file Quantised networks in integers: the values of fake quantisation but for neighbours of ties, and whole numbers of steps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, noGrad, scope, type Tensor } from '@edgeai/torch';
import { prepareQuantization } from '../prepare.ts';
import { calibrateWith, SmallNet, wave } from '../testing.ts';
import { IntegerModel } from './integer-model.ts';

const batches = () => [wave([4, 3, 12, 12], 1, 2), wave([4, 3, 12, 12], 2, 2)];

/** Of the layers, additions and the mean, all are kernels; pooling and flattening only move values. */
const KERNELS = { 'generic-int8': 7, 'tidl-pow2': 7 };

for (const [target, kernels] of Object.entries(KERNELS)) {
  test(`${target}: integers give what fake quantisation gives`, () =>
    expectNoLeaks(() => {
      const net = new SmallNet().eval();
      const inputs = batches();
      const model = prepareQuantization(net, [inputs[0]], { target }).eval();
      calibrateWith(model, inputs);
      const integers = new IntegerModel(model);
      assert.equal(integers.kernels, kernels);
      const step = model.quantizers('activation').get('activation_fake_quant.fc')?.scale.item() ?? 0;
      noGrad(() =>
        scope(() => {
          const x = wave([8, 3, 12, 12], 5, 2);
          const found = integers(x) as Tensor;
          const difference = found.sub(model(x)).abs().max().item();
          assert.ok(difference <= 1.01 * step, `${difference} is more than a step of ${step}`);
          const steps = found.div(step);
          assert.ok(steps.sub(steps.round()).abs().max().item() < 1e-3);
        }),
      );
      integers.dispose();
      model.dispose();
      net.dispose();
      for (const input of inputs) input.dispose();
    }));
}
