/** @file Balanced channels: the float network stays as it is, rounding harms it less, and channels that others look at are left alone. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import { prepareQuantization } from '../prepare.ts';
import { SmallNet, UnevenNet, wave } from '../testing.ts';
import { balanceChannels } from './balance.ts';
import { calibrate } from './calibrate.ts';
import { findChannelSpaces } from './channel-spaces.ts';

const batches = () => [wave([4, 3, 12, 12], 10, 2), wave([4, 3, 12, 12], 11, 2)];

/** Signal-to-noise ratio in dB. */
function snr(exact: Tensor, found: Tensor): number {
  return scope(() => 10 * Math.log10(exact.square().sum().item() / found.sub(exact).square().sum().item()));
}

/** Decibels that it brings, by target: most where weights have one scale. */
const GAINS = { 'generic-int8': 1, 'tidl-pow2': 3 };

for (const [target, gain] of Object.entries(GAINS)) {
  test(`${target}: the network stays the same and is harmed less by rounding`, () =>
    expectNoLeaks(async () => {
      const net = new UnevenNet();
      const data = batches();
      const x = wave([8, 3, 12, 12], 5, 2);
      const exact = noGrad(() => net(x));
      const noise: number[] = [];
      for (const balanced of [false, true]) {
        const model = prepareQuantization(net, [data[0]], { target }).eval();
        if (balanced) {
          const { spaces, before, after } = await balanceChannels(model, data);
          assert.equal(spaces, 3);
          assert.ok(after < 0.8 * before, `${before} to ${after}`);
          noGrad(() =>
            scope(() => {
              const same = model.asFloat(() => model(x));
              assert.ok(snr(exact, same) > 90);
            }),
          );
        }
        await calibrate(model, data);
        noise.push(noGrad(() => scope(() => snr(exact, model(x)))));
        model.dispose();
      }
      const [plain = 0, better = 0] = noise;
      assert.ok(better > plain + gain, `${plain} dB to ${better} dB`);
      for (const tensor of [...data, x, exact]) tensor.dispose();
      net.dispose();
    }));
}

test('an addition ties the channels of all that it adds; layers after pooling read them too', () => {
  scope(() => {
    const net = new SmallNet();
    const model = prepareQuantization(net, [wave([1, 3, 12, 12], 0)]).eval();
    // Norms inside keep layers as they are.
    assert.deepEqual(findChannelSpaces(model), []);
    model.foldNorms();
    const [space, ...others] = findChannelSpaces(model);
    const layers = model.quantizedLayers();
    assert.equal(others.length, 0);
    assert.deepEqual(
      [...(space?.writers ?? [])],
      ['conv1', 'conv2', 'conv3'].map((path) => layers.get(path)),
    );
    assert.deepEqual(
      [...(space?.readers ?? [])],
      ['conv2', 'conv3', 'fc'].map((path) => layers.get(path)),
    );
    model.dispose();
    net.dispose();
  });
});

/** Channels go through a function that does not scale, in another branch. */
class Branching extends nn.Module {
  readonly first = new nn.Conv2d(3, 4, 1);
  readonly second = new nn.Conv2d(4, 4, 1);

  forward(x: Tensor): Tensor {
    const y = this.first(x).relu();
    return this.second(y).add(y.sigmoid());
  }
}

test('channels that something else than layers reads keep their size', () => {
  scope(() => {
    const net = new Branching();
    const model = prepareQuantization(net, [wave([1, 3, 6, 6], 0)]).eval();
    assert.deepEqual(findChannelSpaces(model), []);
    model.dispose();
    net.dispose();
  });
});
