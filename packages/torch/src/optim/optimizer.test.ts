/** @file Parameter groups, gradients, and what optimisers refuse. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ones, tensor, zeros } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import { Parameter } from '../nn/parameter.ts';
import { memory } from '../runtime/memory.ts';
import { Adam } from './adam.ts';
import { OptimizerStateError } from './optimizer-state.ts';
import { SGD } from './sgd.ts';

function parameter(value: number[] = [1, 2]): Parameter {
  return scope(() => new Parameter(tensor(value, { dtype: 'float32' })));
}

test('groups take what they leave out from the optimiser, and can be found by name', () => {
  const [a, b, c] = [parameter(), parameter(), parameter()];
  const optimizer = new SGD(
    [
      { params: [a], name: 'body' },
      { params: [b], lr: 0.01, name: 'head' },
    ],
    { lr: 0.1, momentum: 0.9 },
  );
  optimizer.addParamGroup({ params: [c], weightDecay: 1 });
  assert.deepEqual(
    optimizer.paramGroups.map(({ lr, momentum, weightDecay }) => [lr, momentum, weightDecay]),
    [
      [0.1, 0.9, 0],
      [0.01, 0.9, 0],
      [0.1, 0.9, 1],
    ],
  );
  assert.equal(optimizer.group('head'), optimizer.paramGroups[1]);
  assert.throws(() => optimizer.group('neck'), /named groups: body, head/);
});

test('what cannot be trained is refused with the reason', () => {
  const a = parameter();
  assert.throws(() => new SGD([], { lr: 1 }), /at least one parameter/);
  assert.throws(() => new SGD(a as never, { lr: 1 }), /array of Tensors or of parameter groups/);
  assert.throws(() => new SGD((() => 0) as never, { lr: 1 }), /module\.parameters\(\)/);
  assert.throws(() => new SGD([a, { params: [] }] as never, { lr: 1 }), /Tensors alone or parameter groups/);
  assert.throws(() => new SGD([a, a], { lr: 1 }), { code: 'INVALID_ARGUMENT', message: /params\[1\].*already/ });
  assert.throws(() => new SGD([{ params: [a] }, { params: [a] }], { lr: 1 }), /belongs to one group/);
  assert.throws(
    () =>
      new SGD(
        [
          { params: [a], name: 'x' },
          { params: [parameter()], name: 'x' },
        ],
        { lr: 1 },
      ),
    /named 'x'/,
  );
  assert.throws(() => new SGD([a], {} as never), /at least 0 for lr but received NaN/);
  assert.throws(() => new SGD([a], { lr: -1 }), /at least 0 for lr/);
  assert.throws(() => new SGD([a], { lr: 1, nesterov: true }), /nesterov/);
  assert.throws(() => new SGD([a], { lr: 1, wd: 2 } as never), /Unknown option 'wd'; options here: lr, momentum/);
  assert.throws(() => new SGD([{ params: [a], lr: '0.1' }] as never, { lr: 1 }), /a number for lr/);
  assert.throws(() => new Adam([a], { betas: [0.9, 1] }), /below 1 for betas\[1\]/);
  assert.throws(() => new Adam([a], { betas: [0.9] as never }), /an array of 2 numbers/);
  scope(() => assert.throws(() => new SGD([a.mul(2)], { lr: 1 }), /only leaf tensors/));
});

test('zeroGrad drops gradients, or fills them with zeros', () => {
  const [a, b] = [parameter(), parameter()];
  const optimizer = new SGD([a, b], { lr: 1 });
  scope(() => {
    a.mul(3).sum().backward();
    const live = memory().tensors;
    optimizer.zeroGrad({ setToNone: false });
    assert.equal(memory().tensors, live);
    assert.deepEqual(a.grad?.toArray(), [0, 0]);
    assert.equal(b.grad, null);
    optimizer.zeroGrad();
    assert.equal(a.grad, null);
  });
});

test('a step with a closure returns its loss', () => {
  const a = parameter([2]);
  const optimizer = new SGD([a], { lr: 0.25 });
  scope(() => {
    const loss = optimizer.step(() => {
      optimizer.zeroGrad();
      const value = a.mul(a).sum();
      value.backward();
      return value;
    });
    assert.equal(loss.item(), 4);
    assert.deepEqual(a.toArray(), [1]);
  });
});

test('parameters of several element types are stepped apart', () => {
  const single = parameter([1]);
  const double = scope(() => new Parameter(ones([1], { dtype: 'float64' })));
  const optimizer = new SGD([single, double], { lr: 0.5, momentum: 0.9 });
  scope(() => {
    single.grad = ones([1]);
    double.grad = ones([1], { dtype: 'float64' });
    optimizer.step();
    assert.deepEqual([single.item(), double.item()], [0.5, 0.5]);
    assert.deepEqual(
      [...optimizer.state.values()].map((state) => state.momentum_buffer?.dtype),
      ['float32', 'float64'],
    );
  });
});

test('a state that does not fit changes nothing', () => {
  const [a, b] = [parameter(), parameter([1, 2, 3])];
  const optimizer = new SGD([{ params: [a] }, { params: [b] }], { lr: 1, momentum: 0.5 });
  const refuse = (state: unknown, message: RegExp) =>
    assert.throws(
      () => optimizer.loadStateDict(state),
      (error) => error instanceof OptimizerStateError && message.test(error.message),
    );
  scope(() => {
    const group = { lr: 9, momentum: 0.1, dampening: 0, weight_decay: 0, nesterov: false };
    const groups = [
      { ...group, params: [0] },
      { ...group, params: [1] },
    ];
    const before = memory().tensors;
    const good = { momentum_buffer: zeros([2]) };
    refuse(null, /received null/);
    refuse({ state: {}, param_groups: [groups[0]] }, /1 parameter groups, expected 2/);
    refuse(
      { state: {}, param_groups: [groups[0], { ...group, params: [1, 2] }] },
      /group 1 has 2 parameters, expected 1/,
    );
    refuse({ state: {}, param_groups: [groups[0], { lr: 1, params: [1] }] }, /no 'momentum'/);
    refuse(
      {
        state: new Map<number, object>([
          [0, good],
          [7, {}],
        ]),
        param_groups: groups,
      },
      /parameter 7 that belongs to no group/,
    );
    refuse(
      {
        state: new Map<number, object>([
          [0, good],
          [1, { momentum_buffer: good.momentum_buffer }],
        ]),
        param_groups: groups,
      },
      /parameter 1: 'momentum_buffer' has shape \[2\], expected \[3\]/,
    );
    refuse(
      { state: new Map<number, object>([[0, { exp_avg: 1 }]]), param_groups: groups },
      /'exp_avg', which is not part/,
    );
    good.momentum_buffer.dispose();
    assert.equal(memory().tensors, before, 'a refused state leaves no tensors');
    assert.throws(
      () => optimizer.loadStateDict({ state: {}, param_groups: [groups[0], { ...groups[1], lr: -1 }] }),
      /at least 0 for lr/,
    );
    assert.deepEqual(
      optimizer.paramGroups.map(({ lr }) => lr),
      [1, 1],
    );
    assert.equal(optimizer.state.size, 0);
    optimizer.loadStateDict({
      state: {},
      param_groups: [{ ...groups[0], initial_lr: 3, foreach: true, params: [0] }, groups[1]],
    });
    assert.deepEqual(
      optimizer.paramGroups.map(({ lr, initialLr }) => [lr, initialLr]),
      [
        [9, 3],
        [9, undefined],
      ],
    );
    assert.equal('foreach' in (optimizer.paramGroups[0] ?? {}), false);
  });
});

test('a disposed optimiser releases its state and refuses to step', () => {
  const a = parameter();
  const before = memory().tensors;
  const optimizer = new Adam([a]);
  scope(() => {
    a.sum().backward();
    optimizer.step();
  });
  assert.equal(memory().tensors, before + 2);
  optimizer.dispose();
  assert.equal(memory().tensors, before);
  assert.throws(() => optimizer.step(), /Adam has been disposed/);
  assert.match(optimizer.toString(), /^Adam\(\n {2}group 0 \(1 tensors\)\n {4}lr: 0.001/);
});
