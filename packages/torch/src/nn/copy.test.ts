/** @file Copies of modules are callable, alike, and independent. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noGrad } from '../autograd/modes.ts';
import { ones, tensor, zeros } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { memory } from '../runtime/memory.ts';
import { Sequential } from './containers.ts';
import { cloneModule } from './copy.ts';
import { Module } from './module.ts';
import { Buffer, Parameter } from './parameter.ts';

class Scale extends Module {
  readonly weight: Parameter;
  readonly table: Buffer;
  readonly bias: null;
  sizes: { list: number[]; same: number[] };
  activation: (x: Tensor) => Tensor;

  constructor(value: number) {
    super();
    this.weight = scope(() => new Parameter(tensor([value], { dtype: 'float32' })));
    this.table = Buffer.from(zeros([2]), { persistent: false });
    this.bias = null;
    const list = [1, 2];
    this.sizes = { list, same: list };
    this.activation = (x) => x.relu();
  }

  get twice(): Tensor {
    return this.weight.mul(2);
  }

  forward(x: Tensor): Tensor {
    return this.activation(x.mul(this.weight));
  }
}

test('a copy computes the same, and keeps class, mode and flags', () => {
  const model = new Scale(3);
  model.eval();
  model.weight.requiresGrad = false;
  const copy = cloneModule(model);
  assert.ok(copy instanceof Scale);
  assert.equal(copy.constructor, Scale);
  assert.equal(copy.training, false);
  assert.equal(copy.weight.requiresGrad, false);
  assert.equal(copy.table.persistent, false);
  assert.equal(copy.bias, null);
  assert.equal(copy.activation, model.activation);
  assert.equal(copy.toString(), model.toString());
  assert.deepEqual(Object.keys(copy), Object.keys(model));
  scope(() => {
    assert.equal(copy(ones([1])).item(), 3);
    assert.equal(copy.twice.item(), 6);
  });
});

test('a change of either does not show in the other', () => {
  const model = new Scale(3);
  const copy = cloneModule(model);
  noGrad(() => copy.weight.fill_(5));
  copy.sizes.list.push(3);
  copy.train(false);
  scope(() => assert.deepEqual([model(ones([1])).item(), copy(ones([1])).item()], [3, 5]));
  assert.deepEqual(model.sizes.list, [1, 2]);
  assert.equal(model.training, true);
  assert.equal(model.weight.sharesStorageWith(copy.weight), false);
});

test('what is shared inside is shared in the copy', () => {
  const shared = new Scale(2);
  const other = new Scale(4);
  Object.assign(other, { weight: shared.weight });
  const model = new Sequential(shared, other, shared);
  const copy = cloneModule(model);
  const [a, b, c] = copy.children() as Scale[];
  assert.equal(a, c);
  assert.equal(a?.weight, b?.weight);
  assert.equal(a?.sizes.list, a?.sizes.same);
  assert.notEqual(a, shared);
  assert.deepEqual(Object.keys(copy.stateDict()), Object.keys(model.stateDict()));
});

test('hooks and gradients stay with the original', () => {
  const model = new Scale(2);
  let calls = 0;
  model.registerForwardHook(() => {
    calls += 1;
  });
  scope(() =>
    model(ones([1]))
      .sum()
      .backward(),
  );
  const copy = cloneModule(model);
  scope(() => copy(ones([1])));
  assert.equal(calls, 1);
  assert.equal(copy.weight.grad, null);
  assert.equal(copy.weight.isLeaf, true);
  assert.equal(copy.weight.requiresGrad, true);
});

test('copying leaves only the copy’s own tensors', () => {
  const model = new Scale(2);
  const before = memory().tensors;
  const copy = scope(() => cloneModule(model));
  assert.equal(memory().tensors, before + 2);
  copy.dispose();
  assert.equal(memory().tensors, before);
});
