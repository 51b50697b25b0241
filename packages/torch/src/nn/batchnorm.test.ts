/** @file Batch norm's bookkeeping, and its conversion for several processes. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArgumentError, nn, ones, randn, scope, tensor } from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';

describe('batch norm', () => {
  it('updates its statistics while training only', () =>
    scope(() => {
      using bn = new nn.BatchNorm1d(1, { momentum: 0.5 });
      bn(tensor([[1], [3]], { dtype: 'float32' }));
      assert.equal(bn.running_mean?.item(), 1);
      assert.equal(bn.running_var?.item(), 1.5);
      assert.equal(bn.num_batches_tracked?.item(), 1);
      bn.eval();
      bn(tensor([[100], [300]], { dtype: 'float32' }));
      assert.equal(bn.running_mean?.item(), 1);
      assert.equal(bn.num_batches_tracked?.item(), 1);
    }));

  it('with a momentum of null averages all batches alike', () =>
    scope(() => {
      using bn = new nn.BatchNorm1d(1, { momentum: null });
      for (const mean of [1, 2, 6]) bn(tensor([[mean - 1], [mean + 1]], { dtype: 'float32' }));
      assert.ok(Math.abs((bn.running_mean?.item() ?? 0) - 3) < 1e-6);
    }));

  it('forgets on request', () =>
    scope(() => {
      using bn = new nn.BatchNorm1d(2);
      bn(randn([4, 2]));
      bn.resetRunningStats();
      assert.deepEqual(bn.running_mean?.toArray(), [0, 0]);
      assert.deepEqual(bn.running_var?.toArray(), [1, 1]);
      assert.equal(bn.num_batches_tracked?.item(), 0);
    }));

  it('takes 20 training steps without leaving a tensor', async () => {
    using bn = new nn.BatchNorm2d(2);
    const input = randn([2, 2, 3, 3]);
    await expectNoLeaks(() => {
      for (let i = 0; i < 20; i++) scope(() => bn(input).sum().backward());
      bn.zeroGrad();
    });
    input.dispose();
  });

  it('refuses single values while training, and other dimensions always', () =>
    scope(() => {
      using bn = new nn.BatchNorm1d(3);
      assert.throws(() => bn(ones([1, 3])), /more than one value per channel/);
      assert.doesNotThrow(() => bn.eval()(ones([1, 3])));
      assert.throws(() => bn(ones([1, 3, 2, 2])), ArgumentError);
      assert.throws(() => new nn.BatchNorm3d(3)(ones([1, 3, 2, 2])), /BatchNorm3d/);
      assert.throws(() => new nn.InstanceNorm2d(3)(ones([3, 2])), /InstanceNorm2d/);
    }));
});

describe('SyncBatchNorm', () => {
  it('takes over the tensors of the batch norms that it replaces', () =>
    scope(() => {
      const inner = new nn.Sequential(new nn.BatchNorm1d(3), new nn.ReLU());
      using net = new nn.Sequential(
        new nn.Linear(2, 3),
        inner,
        new nn.BatchNorm1d(3, { affine: false, momentum: null }),
      );
      const input = randn([4, 2]);
      const keys = Object.keys(net.stateDict());
      const parameters = net.parameters();
      const expected = net.eval()(input);

      assert.equal(nn.SyncBatchNorm.convertSyncBatchNorm(net), net);
      assert.ok(inner.at(0) instanceof nn.SyncBatchNorm);
      const last = net.at(2) as nn.SyncBatchNorm;
      assert.equal(last.momentum, null);
      assert.equal(last.training, false);
      assert.deepEqual(Object.keys(net.stateDict()), keys);
      assert.ok(net.parameters().every((parameter, i) => parameter === parameters[i]));
      assert.equal(net(input).sub(expected).abs().max().item(), 0);
      assert.deepEqual(net.train()(input).shape, [4, 3]);
    }));

  it('replaces a batch norm that stands alone', () => {
    const made = nn.convertSyncBatchNorm(new nn.BatchNorm2d(3));
    assert.ok(made instanceof nn.SyncBatchNorm);
    assert.equal(nn.convertSyncBatchNorm(made), made);
    made.dispose();
  });
});

describe('other norms', () => {
  it('refuse channels that do not split evenly', () => {
    assert.throws(() => new nn.GroupNorm(2, 5), ArgumentError);
  });
});
