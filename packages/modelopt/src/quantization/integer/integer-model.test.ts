/** @file Quantised networks in integers: the values of fake quantisation but for neighbours of ties, and whole numbers of steps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
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

test('a bias that lies between two integers goes to the one that the layer takes', () =>
  expectNoLeaks(() => {
    const net = new nn.Sequential(new nn.Conv2d(1, 1, 1)).eval();
    const x = wave([1, 1, 2, 2], 1);
    const model = prepareQuantization(net, [x], { target: 'tidl-pow2' }).eval();
    calibrateWith(model, [x]);
    noGrad(() =>
      scope(() => {
        const layer = model.quantizedLayers().get('0');
        const result = [...model.quantizers('activation').values()].at(-1);
        const input = layer?.input?.scale;
        assert.ok(
          layer !== undefined && layer.weight_fake_quant !== null && result !== undefined && input !== undefined,
        );
        const step = layer.weight_fake_quant.scale.mul(input);
        layer.weight.zero_();
        layer.setBias(step.mul(2.5));
        result.setParameters({ scale: step, zeroPoint: result.zero_point });
        using integers = new IntegerModel(model);
        for (const network of [model, integers]) assert.equal(network(x).div(step).max().item(), 2);
      }),
    );
    for (const thing of [model, net, x]) thing.dispose();
  }));
