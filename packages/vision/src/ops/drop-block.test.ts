/** @file DropBlock drops the blocks that torchvision drops with the same seed; frozen batch normalisation never changes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, manualSeed, nn, noGrad, ones, randn, scope, type Tensor } from '@edgeai/torch';
import { DropBlock2d, DropBlock3d, dropBlock2d, dropBlock3d, FrozenBatchNorm2d } from './index.ts';

/** A slice of 5×5 with a block of 3×3 out of it. */
const HOLE = '#...##...##...###########';

const values = (tensor: Tensor) => tensor.flatten().toArray() as number[];
const picture = (tensor: Tensor) =>
  values(tensor)
    .map((value) => (value === 0 ? '.' : '#'))
    .join('');

test('blocks are drawn as in torchvision, and the rest scaled up', () => {
  scope(() => {
    // torch.manual_seed(5); drop_block2d(torch.ones(1, 2, 5, 6), 0.3, 3)
    manualSeed(5);
    const squares = dropBlock2d(ones([1, 2, 5, 6]), 0.3, 3);
    assert.equal(picture(squares), '############################################...###...###...#');
    assert.ok(Math.abs(Math.max(...values(squares)) - 60 / 51) < 1e-6);
    // torch.manual_seed(6); drop_block3d(torch.ones(1, 2, 4, 5, 5), 0.3, 3)
    manualSeed(6);
    const cubes = dropBlock3d(ones([1, 2, 4, 5, 5]), 0.3, 3);
    const whole = '#'.repeat(25);
    assert.deepEqual(picture(cubes).match(/.{25}/g), [whole, whole, whole, whole, HOLE, HOLE, HOLE, whole]);
  });
});

test('blocks of even size, and larger than the map', () => {
  scope(() => {
    manualSeed(0);
    const dropped = dropBlock2d(ones([8, 4, 6, 6]), 0.2, 2);
    assert.deepEqual(dropped.shape, [8, 4, 6, 6]);
    const share = values(dropped).filter((value) => value === 0).length / dropped.numel();
    assert.ok(share > 0.1 && share < 0.3, `${share} dropped`);
    assert.deepEqual(
      new Set(
        picture(dropBlock2d(ones([64, 1, 2, 3]), 0.5, 9))
          .match(/.{6}/g)
          ?.map((map) => map.slice(0, 2)),
      ).size,
      3,
    );
  });
});

test('in place, in evaluation, as layers', () => {
  scope(() => {
    manualSeed(1);
    const input = ones([1, 1, 8, 8]);
    assert.equal(dropBlock2d(input, 0.5, 3, { inplace: true }), input);
    assert.ok(values(input).includes(0));
    assert.equal(new DropBlock2d(0.5, 3).eval()(input), input);
    assert.equal(dropBlock2d(input, 0, 3), input);
    manualSeed(2);
    const wanted = values(dropBlock3d(ones([1, 1, 4, 4, 4]), 0.4, 2));
    manualSeed(2);
    assert.deepEqual(values(new DropBlock3d(0.4, 2)(ones([1, 1, 4, 4, 4]))), wanted);
    assert.equal(new DropBlock2d(0.3, 3).toString(), 'DropBlock2d(p=0.3, block_size=3, inplace=False)');
    assert.throws(() => dropBlock2d(ones([1, 2, 3]), 0.5, 3), /4 dimensions/);
    assert.throws(() => new DropBlock3d(1.5, 3), /probability/);
    assert.throws(() => new DropBlock2d(0.5, 0), /blockSize/);
  });
});

test('frozen batch normalisation is that of evaluation, without parameters', async () => {
  await expectNoLeaks(() => {
    noGrad(() => {
      using norm = new nn.BatchNorm2d(3);
      using frozen = new FrozenBatchNorm2d(3);
      scope(() => {
        for (const tensor of Object.values(norm.stateDict())) if (tensor.ndim > 0) tensor.copy_(randn([3]).abs());
        // The count of batches, which only the one that trains has, is no surprise.
        assert.deepEqual(frozen.loadStateDict(norm.stateDict()), { missing: [], unexpected: [], mismatched: [] });
        const input = randn([2, 3, 4, 5]);
        const difference = frozen(input).sub(norm.eval()(input)).abs().max().item();
        assert.ok(Number(difference) < 1e-5, String(difference));
      });
      assert.deepEqual(Object.keys(frozen.stateDict()), ['weight', 'bias', 'running_mean', 'running_var']);
      assert.equal(frozen.parameters().length, 0);
      assert.throws(
        () => frozen.loadStateDict({ ...frozen.stateDict(), other: frozen.bias }),
        /unexpected keys: other/,
      );
    });
  });
});

test('inside a network, only their own counts are taken for granted', () => {
  scope(() => {
    const net = (norm: nn.Module) => new nn.Sequential(new nn.Conv2d(3, 4, 1, { bias: false }), norm);
    using from = net(new nn.BatchNorm2d(4));
    using to = net(new FrozenBatchNorm2d(4));
    const state = from.stateDict();
    to.loadStateDict(state);
    assert.ok('1.num_batches_tracked' in state, 'what was given stays as it was');
    const stray = { ...state, '0.num_batches_tracked': from.getSubmodule('1').stateDict().bias as Tensor };
    assert.throws(() => to.loadStateDict(stray), /unexpected keys: 0\.num_batches_tracked/);
  });
});
