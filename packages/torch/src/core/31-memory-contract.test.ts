/**
 * @file 31 · The memory contract: how many handles each public act of the engine leaves alive. A change here is a change
 * of the promise that users program against.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customFunction } from '../autograd/function.ts';
import { backward, grad } from '../autograd/grad.ts';
import { gradcheck } from '../autograd/gradcheck.ts';
import { autocast, inferenceMode, noGrad } from '../autograd/modes.ts';
import { Module } from '../nn/module.ts';
import { Buffer, Parameter } from '../nn/parameter.ts';
import { adoptTensor, exportTensor, memory } from '../runtime/memory.ts';
import { arange, fromSharedArray, fromTypedArray, ones, rand, tensor } from './creation.ts';

import { getRngState, setRngState } from './generator.ts';
import { slice } from './indexing.ts';
import { keep, scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

const square = customFunction({
  name: 'Square',
  forward(ctx, x: Tensor) {
    ctx.saveForBackward(x);
    return x.mul(x).add(0);
  },
  backward(ctx, gradient) {
    const [x] = ctx.savedTensors;
    return gradient && x ? gradient.mul(x).mul(2) : null;
  },
});

class Scale extends Module {
  readonly weight: Parameter;
  readonly seen: Buffer;
  constructor() {
    super();
    this.weight = new Parameter(ones([2]));
    this.seen = Buffer.from(ones([1]));
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.weight).add(1).relu();
  }
}

const x = keep(rand([2, 2]));
const w = keep(ones([2], { requiresGrad: true }));
const w64 = keep(ones([2], { dtype: 'float64', requiresGrad: true }));
const model = new Scale();

/** What is done, and the handles that it leaves. Everything is done outside scopes, where nothing is released by itself. */
const CONTRACT: [string, () => unknown, number][] = [
  ['making a tensor', () => ones([2]), 1],
  ['… converted on the way', () => tensor([1, 2], { dtype: 'int8' }), 1],
  ['… from a typed array', () => fromTypedArray(new Float32Array(2), [2]), 1],
  ['… in a shared array', () => fromSharedArray(new Float32Array(2), [2]), 1],
  ['an operator makes one', () => x.add(x), 1],
  ['a view is one', () => x.transpose(0, 1), 1],
  ['each of several results is one', () => x.max(0), 2],
  ['each element of a list is one', () => x.split(1), 2],

  ['an in-place operator makes none', () => x.mul_(1), 0],
  ['metadata makes none', () => [x.shape, x.dtype, x.numel(), x.stride(), x.requiresGrad, x.gradFn], 0],
  ['reading values makes none', () => [x.toArray(), x.toTypedArray(), x.sharedTypedArray()], 0],
  ['printing makes none', () => String(x), 0],
  ['indexing makes one', () => x.index(0, slice(1)), 1],
  ['iterating makes one an element', () => [...x], 2],
  ['to() makes one, also where nothing changes', () => x.to('float32'), 1],
  ['detach makes one', () => x.detach(), 1],
  ['backward makes none', () => scope(() => w.mul(w).sum()).backward(), 1],
  ['reading a gradient makes one', () => w.grad, 1],
  ['dropping a gradient makes none', () => model.zeroGrad(), 0],
  ['grad gives one an input', () => grad([scope(() => w.mul(w).sum())], [w]), 2],
  ['gradcheck leaves none', () => gradcheck((a) => a.mul(a), [w64]), 0],
  ['scope leaves its result', () => scope(() => x.add(1).add(1).add(1)), 1],
  ['noGrad is no scope', () => noGrad(() => x.add(1).add(1)), 2],
  ['nor is inferenceMode', () => inferenceMode(() => x.add(1).add(1)), 2],
  ['nor autocast', () => autocast({}, () => x.add(1).add(1)), 2],
  ['a custom function is a scope', () => square(w), 1],
  ['… and its backward another', () => backward([scope(() => square(w).sum())]), 1],
  ['calling a module is a scope', () => model(x), 1],
  ['making one leaves its parameters and buffers, and what they were made from', () => new Scale(), 3],
  ['a random state is one', () => setRngState(getRngState()), 1],
  ['exporting makes none, adopting one', () => adoptTensor(exportTensor(x)), 1],
  ['an operator that fails makes none', () => assert.throws(() => x.matmul(ones([3, 3]))), 1],
];

for (const [name, act, expected] of CONTRACT) {
  test(`${name}: ${expected}`, () => {
    const before = memory().tensors;
    // Held, so that no collection changes the count.
    const held = act();
    assert.equal(memory().tensors - before, expected);
    void held;
  });
}

test('inside a scope every one of these leaves none', () => {
  const before = memory().tensors;
  scope(() => {
    for (const [, act] of CONTRACT.filter(([name]) => !name.startsWith('making one leaves'))) act();
    // Its parameters belong to the module, not to the scope.
    new Scale().dispose();
    w.grad = null;
  });

  assert.equal(memory().tensors - before, 0);
});

test('memory() counts distinct storages once, and the peak and the total', () => {
  scope(() => {
    const start = memory();
    const base = arange(1000);
    base.view([10, 100]);
    const now = memory();
    assert.deepEqual([now.tensors - start.tensors, now.bytes - start.bytes], [2, 8000]);
    assert.ok(now.created >= start.created + 2 && now.peakTensors >= now.tensors);
  });
});
