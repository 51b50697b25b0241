/** @file State dicts: keys and their order, loading, and what is reported when the two sides differ. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nn, ones, scope, type Tensor, tensor } from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';

class Net extends nn.Module {
  readonly features = new nn.Sequential(new nn.Conv2d(1, 2, 3, { bias: false }), new nn.BatchNorm2d(2));
  readonly scale: nn.Parameter = new nn.Parameter(ones([]));
  readonly table: nn.Buffer = nn.Buffer.from(ones([2]));
  readonly scratch: nn.Buffer = nn.Buffer.from(ones([2]), { persistent: false });
  readonly head = new nn.Linear(2, 2);

  forward(input: Tensor): Tensor {
    return this.head(this.features(input).mean([2, 3]).mul(this.scale));
  }
}

const KEYS = [
  'scale',
  'table',
  'features.0.weight',
  'features.1.weight',
  'features.1.bias',
  'features.1.running_mean',
  'features.1.running_var',
  'features.1.num_batches_tracked',
  'head.weight',
  'head.bias',
];

/** A state with every element 3. */
function threes(net: nn.Module): nn.StateDict {
  return Object.fromEntries(Object.entries(net.stateDict()).map(([key, value]) => [key, ones(value.shape).mul(3)]));
}

describe('state dicts', () => {
  it('list parameters, buffers, then children, as PyTorch does', () => {
    using net = new Net();
    assert.deepEqual(Object.keys(net.stateDict()), KEYS);
    assert.equal(net.stateDict()['head.weight'], net.head.weight);
  });

  it('copy into the module, whatever the dtype', () =>
    scope(() => {
      using net = new Net();
      const { weight } = net.head;
      const report = net.loadStateDict(threes(net));
      assert.deepEqual(report, { missing: [], unexpected: [], mismatched: [] });
      assert.equal(net.head.weight, weight);
      assert.equal(weight.requiresGrad && weight.isLeaf, true);
      assert.deepEqual(weight.toArray(), [
        [3, 3],
        [3, 3],
      ]);
      const bn = net.features.at(1) as nn.BatchNorm2d;
      assert.equal(bn.num_batches_tracked?.item(), 3);
      assert.equal(bn.num_batches_tracked?.dtype, 'int64');
    }));

  it('load into a module from itself', () => {
    using net = new Net();
    const report = net.loadStateDict(net.stateDict());
    assert.equal(report.missing.length, 0);
  });

  it('leave nothing behind', async () => {
    using net = new Net();
    const state = scope(() => threes(net));
    await expectNoLeaks(() => void net.loadStateDict(state));
    for (const value of Object.values(state)) value.dispose();
  });

  it('that do not fit change nothing, and the error lists every difference', () =>
    scope(() => {
      using net = new Net();
      const { 'head.bias': _, ...state } = threes(net);
      state['head.weight'] = ones([3, 2]);
      state['extra.weight'] = ones([1]);
      assert.throws(
        () => net.loadStateDict(state),
        (error) => {
          assert.ok(error instanceof nn.StateDictError);
          assert.equal(error.code, 'STATE_DICT');
          assert.deepEqual(error.missing, ['head.bias']);
          assert.deepEqual(error.unexpected, ['extra.weight']);
          assert.deepEqual(error.mismatched, [{ key: 'head.weight', expected: [2, 2], received: [3, 2] }]);
          assert.match(
            error.message,
            /does not fit Net:\n {2}missing keys: head.bias\n {2}unexpected keys: extra.weight\n {2}other shapes: head.weight \(expected \[2, 2\], received \[3, 2\]\)/,
          );
          return true;
        },
      );
      assert.equal(net.scale.item(), 1);
    }));

  it('load in part when asked to', () =>
    scope(() => {
      using net = new Net();
      const { 'head.bias': _, ...state } = threes(net);
      state['extra.weight'] = ones([1]);
      assert.deepEqual(net.loadStateDict(state, { strict: false }).missing, ['head.bias']);
      assert.equal(net.scale.item(), 3);

      state['head.weight'] = ones([3, 2]);
      assert.throws(() => net.loadStateDict(state, { strict: false }), nn.StateDictError);
      const report = net.loadStateDict(state, { strict: false, ignoreMismatched: true });
      assert.deepEqual(
        report.mismatched.map(({ key }) => key),
        ['head.weight'],
      );
    }));

  it('from before PyTorch 0.4.1 lack the count of batches, which starts over', () =>
    scope(() => {
      using net = new Net();
      const { 'features.1.num_batches_tracked': _, ...state } = threes(net);
      const bn = net.features.at(1) as nn.BatchNorm2d;
      bn.num_batches_tracked?.add_(7);
      assert.deepEqual(net.loadStateDict(state).missing, []);
      assert.equal(bn.num_batches_tracked?.item(), 0);
    }));

  it('from before PyTorch 0.4 have scalars as vectors of one element', () =>
    scope(() => {
      using net = new Net();
      net.loadStateDict({ ...threes(net), scale: tensor([5.5]) });
      assert.equal(net.scale.item(), 5.5);
    }));

  it('with many differences are reported in short', () =>
    scope(() => {
      using net = new nn.Sequential(...Array.from({ length: 12 }, () => new nn.Linear(1, 1, { bias: false })));
      assert.throws(() => net.loadStateDict({}), /9\.weight and 2 more/);
    }));
});

class Renamed extends nn.Module {
  readonly weight: nn.Parameter = new nn.Parameter(ones([2]));

  override adaptState(state: nn.StateDict, prefix: string): void {
    nn.renameStateKeys(state, prefix, (key) => key.replace(/^gain$/, 'weight'));
    delete state[`${prefix}count`];
  }

  forward(input: Tensor): Tensor {
    return input.mul(this.weight);
  }
}

describe('modules whose keys have changed', () => {
  it('adapt old state dicts, wherever they are in a network, and leave what was given alone', () => {
    scope(() => {
      using net = new nn.Sequential(new nn.Linear(2, 2), new nn.Sequential(new Renamed()));
      const { '1.0.weight': weight, ...rest } = net.stateDict();
      assert.ok(weight !== undefined);
      const old = { ...rest, '1.0.gain': tensor([3, 4]), '1.0.count': tensor(7) };
      assert.deepEqual(net.loadStateDict(old), { missing: [], unexpected: [], mismatched: [] });
      assert.deepEqual(weight.toArray(), [3, 4]);
      assert.ok('1.0.gain' in old && '1.0.count' in old);
      assert.throws(() => net.loadStateDict({ ...old, gain: weight }), /unexpected keys: gain/);
    });
  });
});
