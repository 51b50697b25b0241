/** @file Containers: names of children, access by position and name, and the early release of intermediate results. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memory, nn, ones, scope, type Tensor } from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';

/** Adds one, and notes how many tensors are alive. */
class Probe extends nn.Module {
  readonly counts: number[];

  constructor(counts: number[]) {
    super();
    this.counts = counts;
  }

  forward(input: Tensor): Tensor {
    this.counts.push(memory().tensors);
    return input.add(1);
  }
}

describe('Sequential', () => {
  it('names children by position or by key', () => {
    const byPosition = new nn.Sequential(new nn.ReLU(), new nn.Identity()).append(new nn.Tanh());
    assert.deepEqual(
      Array.from(byPosition.namedChildren(), ([name]) => name),
      ['0', '1', '2'],
    );
    const byKey = new nn.Sequential({ first: new nn.ReLU(), second: new nn.Tanh() });
    assert.deepEqual(
      Array.from(byKey.namedChildren(), ([name]) => name),
      ['first', 'second'],
    );
    assert.equal(byPosition.size, 3);
    assert.ok(byPosition.at(-1) instanceof nn.Tanh);
    assert.throws(() => byPosition.at(3), /below 3/);
    assert.deepEqual(
      [...byKey].map((child) => child.constructor.name),
      ['ReLU', 'Tanh'],
    );
  });

  it('releases each intermediate result as soon as the next layer has used it', async () => {
    const counts: number[] = [];
    const net = new nn.Sequential(...Array.from({ length: 6 }, () => new Probe(counts)));
    const input = ones([1]);
    await expectNoLeaks(() => {
      const output = net(input);
      assert.equal(output.item(), 7);
      output.dispose();
    });
    // From the third layer on, the count does not grow: one result comes, one goes.
    assert.deepEqual(new Set(counts.slice(1)).size, 1, `live tensors: ${counts}`);
    assert.ok(input.isAlive);
    input.dispose();
  });

  it('survives layers that return their input, or change it in place', () =>
    scope(() => {
      const net = new nn.Sequential(
        new nn.Identity(),
        new nn.ReLU({ inplace: true }),
        new nn.Flatten(0),
        new nn.Identity(),
        new nn.Tanh(),
      );
      const input = ones([2, 2]).neg();
      assert.deepEqual(net(input).toArray(), [0, 0, 0, 0]);
      assert.ok(input.isAlive);
    }));

  it('keeps gradients right', () =>
    scope(() => {
      using net = new nn.Sequential(
        new nn.Linear(2, 2, { bias: false }),
        new nn.ReLU(),
        new nn.Linear(2, 1, { bias: false }),
      );
      for (const parameter of net.parameters()) nn.init.ones_(parameter);
      net(ones([1, 2]))
        .sum()
        .backward();
      assert.deepEqual(
        Array.from(net.parameters(), ({ grad }) => grad?.toArray()),
        [
          [
            [1, 1],
            [1, 1],
          ],
          [[2, 2]],
        ],
      );
    }));
});

describe('ModuleList, ModuleDict and ParameterList', () => {
  it('hold modules by position', () => {
    using list = new nn.ModuleList([new nn.Linear(1, 1)]).append(new nn.Linear(1, 2));
    assert.deepEqual(Object.keys(list.stateDict()), ['0.weight', '0.bias', '1.weight', '1.bias']);
    assert.equal(list.at(-1).outFeatures, 2);
    assert.equal([...list].length, 2);
    assert.throws(() => list.at(2), /below 2/);
    assert.throws(() => list.forward(), /cannot be called/);
  });

  it('hold modules by name', () => {
    using dict = new nn.ModuleDict({ a: new nn.Linear(1, 1) }).set('b', new nn.Linear(1, 2));
    assert.deepEqual(
      dict.entries().map(([name]) => name),
      ['a', 'b'],
    );
    assert.equal(dict.get('b').outFeatures, 2);
    assert.equal(dict.has('c'), false);
    assert.throws(() => dict.get('c'), /No module 'c'/);
  });

  it('hold parameters', () => {
    using list = new nn.ParameterList([nn.Parameter.empty([2]), nn.Parameter.empty([3])]);
    assert.deepEqual(list.at(1).shape, [3]);
    assert.deepEqual(Object.keys(list.stateDict()), ['0', '1']);
    assert.throws(() => list.at(2), /no parameter 2/);
  });
});
