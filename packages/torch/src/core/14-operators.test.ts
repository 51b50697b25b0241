/** @file 14 · Calling operators: methods and functions, options by name, results, in-place operators. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError } from '../errors.ts';
import { arange, ones, tensor, zeros } from './creation.ts';
import { callOp, Operator, UnknownOperatorError } from './dispatch.ts';
import * as F from './generated/functions.ts';
import { Tensor } from './tensor.ts';

test('a method and the function of the same name are one operator', () => {
  const x = tensor([1, 2]).float();
  assert.deepEqual(x.add(x).toArray(), F.add(x, x).toArray());
  assert.deepEqual(F.cat([x, x]).toArray(), [1, 2, 1, 2]);
});

test('arguments by position or in an options object at the end', () => {
  const x = arange(6).float().reshape([2, 3]);
  for (const call of [
    () => x.sum([1], true),
    () => x.sum([1], { keepdim: true }),
    () => x.sum(1, { keepdim: true }),
    () => x.sum(1, true, {}),
    () => x.sum([-1], { keepdim: true, dtype: undefined }),
  ]) {
    assert.deepEqual(call().toArray(), [[3], [12]]);
  }
  assert.deepEqual(x.sum(0, { dtype: 'float64' }).dtype, 'float64');
  assert.deepEqual(x.add(x, { alpha: -1 }).toArray(), zeros([2, 3]).toArray());
  assert.deepEqual(x.clamp({ max: 2 }).toArray(), x.clamp(null, 2).toArray());
  assert.deepEqual(x.sum(undefined as never).item(), 15);
});

test('names of options are PyTorch’s in camelCase; unknown ones and those given twice are refused by name', () => {
  const x = ones([2, 2]);
  const refused: [() => unknown, string, RegExp][] = [
    [
      () => x.sum([1], { keepDim: true } as never),
      'keepDim',
      /aten::sum\.dim_IntList: unknown option 'keepDim'; options here: keepdim, dtype/,
    ],
    [() => x.add(x, { beta: 1 } as never), 'beta', /unknown option 'beta'; options here: alpha/],
    [() => x.sum([1], true, { keepdim: false } as never), 'keepdim', /'keepdim' was given twice/],
    [() => (x.relu as (...args: unknown[]) => unknown).call(x, { inplace: true }), 'inplace', /options here: none/],
  ];
  for (const [call, argument, message] of refused) {
    assert.throws(call, (e) => e instanceof ArgumentError && e.argument === argument && message.test(e.message));
  }
});

test('an object of a class, a complex number and an array are values, not options', () => {
  assert.deepEqual(tensor([1]).mul({ real: 2, imag: 0 }).toArray(), [{ real: 2, imag: 0 }]);
  assert.throws(() => tensor([1]).add(new Map() as never), /aten::add/);
});

test('in-place operators return the very object that they changed', () => {
  const x = ones([2]);
  const { version } = x;
  assert.equal(x.add_(1), x);
  assert.equal(x.mul_(3).sub_(1), x);
  assert.deepEqual([x.toArray(), x.version - version], [[5, 5], 3]);
  const out = zeros([2]);
  assert.equal(callOp(new Operator('aten::add', 'out'), x, x, 1, out), out);
  assert.deepEqual(out.toArray(), [10, 10]);
  const [values, indices] = [zeros([0]), zeros([0], { dtype: 'int64' })];
  const result = callOp(
    new Operator('aten::sort', 'values'),
    tensor([2, 1]).float(),
    -1,
    false,
    values,
    indices,
  ) as Tensor[];
  assert.ok(result[0] === values && result[1] === indices);
  assert.deepEqual(
    [values.toArray(), indices.toArray()],
    [
      [1, 2],
      [1, 0],
    ],
  );
});

test('results: a tensor, several, a list, a plain value, nothing', () => {
  const [values, indices] = tensor([3, 1, 2]).sort();
  assert.deepEqual(
    [values.toArray(), indices.toArray()],
    [
      [1, 2, 3],
      [1, 2, 0],
    ],
  );
  assert.deepEqual(
    arange(5)
      .split(2)
      .map((t) => t.toArray()),
    [[0, 1], [2, 3], [4]],
  );
  assert.deepEqual(
    F.broadcastTensors([ones([2, 1]), ones([3])]).map((t) => t.shape),
    [
      [2, 3],
      [2, 3],
    ],
  );
  assert.equal(ones([2]).equal(ones([2])), true);
  assert.equal(ones([2]).isSameSize(ones([3])), false);
  const items = [ones([2]), ones([1])];
  assert.equal(F._foreachAdd_(items, 1), undefined);
  assert.deepEqual(
    items.map((t) => t.toArray()),
    [[2, 2], [2]],
  );
  const [output, mean] = callOp(
    new Operator('aten::native_layer_norm'),
    ones([2, 2]),
    [2],
    undefined,
    undefined,
    1e-5,
  ) as Tensor[];
  assert.ok(output instanceof Tensor && mean instanceof Tensor);
  // Results that libtorch leaves undefined are null.
  const gradients = callOp(
    new Operator('aten::convolution_backward'),
    ones([1, 1, 2, 2]),
    ones([1, 1, 3, 3]),
    ones([1, 1, 2, 2]),
    [1],
    [1, 1],
    [0, 0],
    [1, 1],
    false,
    [0, 0],
    1,
    [true, false, true],
  ) as (Tensor | null)[];
  assert.deepEqual(
    gradients.map((g) => g?.shape ?? null),
    [[1, 1, 3, 3], null, [1]],
  );
});

test('a view shares memory with its base; a copy does not', () => {
  const x = zeros([4]);
  assert.ok(x.view([2, 2]).sharesStorageWith(x));
  x.view([2, 2]).index(1).add_(5);
  assert.deepEqual(x.toArray(), [0, 0, 5, 5]);
  assert.ok(!x.clone().sharesStorageWith(x));
});

test('an operator is looked up when it is first used, and an unknown one says so', () => {
  const unknown = new Operator('aten::no_such_thing', 'Tensor');
  assert.throws(
    () => callOp(unknown),
    (e) => e instanceof UnknownOperatorError && /aten::no_such_thing\.Tensor; a library/.test(e.message),
  );
  assert.throws(() => callOp(new Operator('aten::add')), /no operator aten::add; its overloads here are .*Tensor/);
  const { schema } = new Operator('aten::conv2d');
  const stride = schema.arguments.find(({ name }) => name === 'stride');
  assert.deepEqual([stride?.type, stride?.size, stride?.default, stride?.optional], ['int[]', 2, [1, 1], false]);
  const written = new Operator('aten::add_', 'Tensor').schema;
  assert.deepEqual(
    [written.arguments[0]?.written, written.arguments[1]?.written, written.returns[0]?.argument],
    [true, false, 0],
  );
  assert.ok(written.arguments[2]?.kwargOnly);
});
