/** @file Stochastic depth drops whole samples and keeps the mean; checkpoints give the gradients of a plain pass. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cat, manualSeed, nn, noGrad, ones, randn, scope, type Tensor } from '@edgeai/torch';
import { checkpoint, LayerNorm2d, StochasticDepth, stochasticDepth } from './index.ts';

test('rows are dropped one by one, a batch as a whole', () => {
  scope(() => {
    manualSeed(0);
    const rows = stochasticDepth(ones([64, 2, 3]), 0.25, 'row').toArray() as number[][][];
    const kept = rows.filter((row) => row.flat().every((value) => Math.abs(value - 1 / 0.75) < 1e-6)).length;
    const dropped = rows.filter((row) => row.flat().every((value) => value === 0)).length;
    assert.equal(kept + dropped, 64);
    assert.ok(dropped > 4 && dropped < 32, `${dropped} of 64 dropped`);
    const batches = Array.from({ length: 16 }, () =>
      stochasticDepth(ones([4, 2]), 0.5, 'batch')
        .sum()
        .item(),
    );
    assert.deepEqual([...new Set(batches)].sort(), [0, 16]);
    assert.equal(
      stochasticDepth(ones([2, 2]), 1, 'row')
        .sum()
        .item(),
      0,
    );
  });
});

test('nothing is drawn in evaluation, nor at probability zero', () => {
  scope(() => {
    const input = ones([2, 2]);
    assert.equal(stochasticDepth(input, 0.5, 'row', false), input);
    assert.equal(stochasticDepth(input, 0, 'row'), input);
    assert.equal(new StochasticDepth(0.5, 'row').eval()(input), input);
    assert.equal(new StochasticDepth(0.5, 'row').toString(), 'StochasticDepth(p=0.5, mode=row)');
  });
});

test('wrong probabilities and modes are refused', () => {
  scope(() => {
    assert.throws(() => stochasticDepth(ones([1]), 1.5, 'row'), /probability/);
    assert.throws(() => new StochasticDepth(0.5, 'column' as 'row'), /'row' or 'batch'/);
  });
});

test('LayerNorm2d normalises over channels', () => {
  noGrad(() =>
    scope(() => {
      using norm = new LayerNorm2d(3);
      using plain = new nn.LayerNorm(3);
      const input = randn([2, 3, 4, 5]);
      assert.deepEqual(norm(input).shape, [2, 3, 4, 5]);
      const expected = plain(input.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
      assert.equal(norm(input).sub(expected).abs().max().item(), 0);
    }),
  );
});

test('a checkpoint gives the same result and the same gradients', () => {
  scope(() => {
    using layer = new nn.Sequential(new nn.Linear(8, 8), new nn.Tanh(), new nn.Linear(8, 2));
    const inputs = [randn([3, 4]), randn([3, 4])];
    const compute = (given: readonly Tensor[]) => layer(cat(given, 1));
    const gradients = (run: () => Tensor) => {
      layer.zeroGrad();
      for (const input of inputs) {
        input.requiresGrad = true;
        input.grad = null;
      }
      const output = run();
      output.square().sum().backward();
      const found = [...inputs, ...layer.parameters()].map(({ grad }) => grad?.toArray());
      return [output.detach().toArray(), ...found];
    };
    const plain = gradients(() => compute(inputs));
    assert.deepEqual(
      gradients(() => checkpoint(compute, inputs, layer.parameters())),
      plain,
    );
    layer.zeroGrad();
  });
});
