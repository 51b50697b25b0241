/**
 * @file Dropout by its properties: what is dropped, how the rest is scaled, when nothing happens. Which elements go depends
 * on the libraries that libtorch was built with, so no numbers are frozen.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArgumentError, manualSeed, nn, ones, randn, scope, type Tensor } from '../index.ts';

const { functional: F } = nn;

/** The different values in a tensor. */
function values(tensor: Tensor): number[] {
  return [...new Set(tensor.flatten().toArray() as number[])].sort((a, b) => a - b);
}

describe('dropout', () => {
  it('zeroes a share p and scales the rest', () =>
    scope(() => {
      manualSeed(0);
      const output = new nn.Dropout(0.25)(ones([10_000]));
      const [zero, kept] = values(output);
      assert.equal(zero, 0);
      assert.ok(Math.abs((kept ?? 0) - 4 / 3) < 1e-6);
      assert.ok(Math.abs(output.mean().item() - 1) < 0.03);
    }));

  it('does nothing in evaluation or with p = 0, everything with p = 1', () =>
    scope(() => {
      const input = randn([20]);
      assert.equal(new nn.Dropout(0.5).eval()(input).sub(input).abs().sum().item(), 0);
      assert.equal(F.dropout(input, 0.5, { training: false }).sub(input).abs().sum().item(), 0);
      assert.deepEqual(values(new nn.Dropout(0)(ones([20]))), [1]);
      assert.deepEqual(values(new nn.Dropout(1)(ones([20]))), [0]);
    }));

  it('gives the same for the same seed', () =>
    scope(() => {
      const draw = () => {
        manualSeed(3);
        return new nn.Dropout()(ones([100])).toArray();
      };
      assert.deepEqual(draw(), draw());
    }));

  it('overwrites its input if told to', () =>
    scope(() => {
      const input = ones([100]);
      assert.equal(new nn.Dropout(0.5, { inplace: true })(input), input);
      assert.deepEqual(values(input), [0, 2]);
      const channels = ones([50, 3]);
      assert.equal(new nn.Dropout1d(0.5, { inplace: true })(channels), channels);
      assert.deepEqual(values(channels), [0, 2]);
    }));

  const channelwise: [nn.Module, number[], number[]][] = [
    [new nn.Dropout1d(), [20, 30, 4], [2]],
    [new nn.Dropout1d(), [600, 4], [1]],
    [new nn.Dropout2d(), [20, 30, 4, 4], [2, 3]],
    [new nn.Dropout3d(), [20, 30, 2, 2, 2], [2, 3, 4]],
    [new nn.Dropout3d(), [600, 2, 2, 2], [1, 2, 3]],
  ];
  for (const [layer, shape, spatial] of channelwise) {
    it(`${layer.constructor.name} drops whole channels of [${shape.join(', ')}]`, () =>
      scope(() => {
        manualSeed(0);
        const means = layer(ones(shape)).mean(spatial);
        assert.deepEqual(values(means), [0, 2]);
        assert.ok(Math.abs(means.mean().item() - 1) < 0.15);
      }));
  }

  it('of alpha kind keeps mean and variance', () =>
    scope(() => {
      manualSeed(0);
      for (const layer of [new nn.AlphaDropout(0.2), new nn.FeatureAlphaDropout(0.2)]) {
        const output = layer(randn([200, 500]));
        assert.ok(Math.abs(output.mean().item()) < 0.05, `mean ${output.mean().item()}`);
        assert.ok(Math.abs(output.pow(2).mean().item() - 1) < 0.1, `variance ${output.pow(2).mean().item()}`);
      }
    }));

  it('refuses what is no probability', () => {
    assert.throws(() => new nn.Dropout(-0.1), ArgumentError);
    assert.throws(() => new nn.Dropout(Number.NaN), /between 0 and 1/);
  });
});

describe('Gumbel softmax', () => {
  it('gives distributions, and one-hot vectors with a gradient if told to', () =>
    scope(() => {
      const logits = randn([6, 5]).requiresGrad_();
      const soft = F.gumbelSoftmax(logits, { tau: 0.5 });
      assert.ok(soft.sum([1]).sub(1).abs().max().item() < 1e-5);
      const hard = F.gumbelSoftmax(logits, { hard: true });
      assert.deepEqual(values(hard.detach().abs().round()), [0, 1]);
      assert.ok(hard.sum([1]).sub(1).abs().max().item() < 1e-5);
      hard
        .mul(randn([6, 5]))
        .sum()
        .backward();
      assert.ok((logits.grad?.abs().sum().item() ?? 0) > 0);
    }));
});
