/** @file Analyses name the layers that lose most, leave the network as it was, and keep to budgets. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, noGrad, scope, type Tensor } from '@edgeai/torch';
import { quantizePTQ } from '../ptq/quantize-ptq.ts';
import { SmallNet, wave } from '../testing.ts';
import { chooseBits, lowerBits } from './mixed-precision.ts';
import { measureNoise } from './noise.ts';
import { compareObservers } from './observers.ts';
import { measureSensitivity } from './sensitivity.ts';

const PLAIN = { adaRound: false, biasCorrection: false } as const;

async function quantized(overrides: readonly object[] = []) {
  const net = new SmallNet().eval();
  const data = [wave([4, 3, 12, 12], 1, 2), wave([4, 3, 12, 12], 2, 2)];
  const { model } = await quantizePTQ(net, data, { config: { overrides }, ...PLAIN });
  const dispose = () => {
    for (const tensor of data) tensor.dispose();
    model.dispose();
    net.dispose();
  };
  return { net, data, model, dispose };
}

const answers = (model: (x: Tensor) => Tensor, x: Tensor) => noGrad(() => scope(() => model(x).toArray()));

test('the layer with few bits is the one with the noise, in every analysis', () =>
  expectNoLeaks(async () => {
    const { data, model, dispose } = await quantized([{ layers: 'conv3', weight: { bits: 3 } }]);
    const before = answers(model, data[0] as Tensor);
    const noise = await measureNoise(model, model, data, { images: 6 });
    assert.deepEqual(
      noise.map(({ name }) => name),
      ['input', 'conv1', 'conv2', 'add', 'conv3', 'add_1', 'fc'],
    );
    const weights = noise.flatMap(({ name, weight }) => (weight === null ? [] : [{ name, ratio: weight.isolated }]));
    assert.deepEqual(
      weights.filter(({ ratio }) => ratio < 25).map(({ name }) => name),
      ['conv3'],
    );
    const [input] = noise;
    // Nothing is rounded before the input.
    assert.equal(input?.activation?.isolated, input?.activation?.cumulative);
    const total = input?.activation?.histogram.counts.reduce((sum, count) => sum + count, 0);
    assert.equal(total, 6 * 3 * 12 * 12);
    const { all, layers } = await measureSensitivity(model, data, { images: 3 });
    const worst = [...layers].sort((a, b) => a.alone - b.alone)[0];
    assert.equal(worst?.name, 'conv3');
    assert.ok((worst?.without ?? 0) > all + 3);
    assert.deepEqual(answers(model, data[0] as Tensor), before);
    dispose();
  }));

test('bits are chosen under a budget, and the choice is a config', () =>
  expectNoLeaks(async () => {
    const { net, data, model, dispose } = await quantized();
    const chosen = await chooseBits(model, data, { budget: { averageBits: 6 }, images: 2 });
    assert.ok(chosen.averageBits <= 6 && chosen.averageBits > 4);
    for (const { ratios } of chosen.layers) assert.ok((ratios[4] ?? 0) < (ratios[8] ?? 0));
    const mixed = await quantizePTQ(net, data, { config: { overrides: chosen.overrides }, ...PLAIN });
    for (const [path, layer] of mixed.model.quantizedLayers()) {
      const wanted = chosen.layers.find(({ name }) => name === path)?.bits;
      assert.equal(layer.weight_fake_quant?.scheme.bits, wanted);
    }
    const exact = await chooseBits(model, data, { budget: { ratio: 1000 }, images: 2 });
    assert.equal(exact.averageBits, 16);
    mixed.model.dispose();
    dispose();
  }));

test('the cheapest noise for a byte goes first', () => {
  const make = (noise: number[], weights: number) => ({ name: '', weights, noise, choice: 0 });
  const [cheap, dear, large] = [make([0, 1], 100), make([0, 50], 100), make([0, 5], 1000)];
  assert.ok(cheap && dear && large);
  // 1200 bytes at 8 bits; 550 are saved by the two that cost little for what they save.
  lowerBits([cheap, dear, large], [8, 4], 1, { bytes: 650 });
  assert.deepEqual([cheap.choice, dear.choice, large.choice], [1, 0, 1]);
});

test('observers are compared, the best first', () =>
  expectNoLeaks(async () => {
    const { net, data, dispose } = await quantized();
    const observers = ['min-max', 'percentile', 'mse'] as const;
    const found = await compareObservers(net, data, { observers, images: 2 });
    assert.deepEqual(found.map(({ observer }) => observer).sort(), [...observers].sort());
    for (const [i, { ratio }] of found.entries()) assert.ok(ratio <= (found[i - 1]?.ratio ?? Infinity) && ratio > 10);
    dispose();
  }));
