/** @file 19 · What an error tells: operator, shapes and dtypes of what went in, libtorch's first line, a JavaScript stack. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdgeAIError, TorchError } from '../errors.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { ones, tensor, zeros } from './creation.ts';
import * as F from './generated/functions.ts';
import { scope } from './scope.ts';

function caught(fn: () => unknown): TorchError {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof TorchError, String(error));
    return error;
  }
  throw new Error('nothing was thrown');
}

test('operator, arguments and reason', () => {
  const table: [() => unknown, string, string[], RegExp][] = [
    [
      () => ones([2, 3]).matmul(ones([2, 3])),
      'aten::matmul',
      ['self: float32[2, 3]', 'other: float32[2, 3]'],
      /2x3 and 2x3/,
    ],
    [
      () => F.conv2d(ones([1, 3, 8, 8]), ones([4, 2, 3, 3]), null, 2, [1, 1]),
      'aten::conv2d',
      ['input: float32[1, 3, 8, 8]', 'weight: float32[4, 2, 3, 3]', 'stride: [2, 2]', 'padding: [1, 1]'],
      /to have 2 channels, but got 3 channels/,
    ],
    [
      () => F.cat([ones([1, 2]), tensor([[1n]]), zeros([3, 3], { dtype: 'bool' })]),
      'aten::cat',
      ['tensors[0]: float32[1, 2]', 'tensors[1]: int64[1, 1]', 'tensors[2]: bool[3, 3]'],
      /Sizes of tensors must match/,
    ],
    [
      () => tensor([1.5]).bitwiseAnd(tensor([1.5])),
      'aten::bitwise_and.Tensor',
      ['self: float32[1]', 'other: float32[1]'],
      /not implemented for 'Float'/,
    ],
    [() => ones([3]).view([2, -1]), 'aten::view', ['self: float32[3]', 'size: [2, -1]'], /invalid for input of size 3/],
    [() => ones([2]).item(), '', [], /item\(\) takes a tensor with one element; this one is float32\[2\]/],
  ];
  for (const [call, operator, args, reason] of table) {
    const error = caught(call);
    assert.match(error.message, reason);
    if (operator === '') continue;
    assert.equal(error.operator, operator);
    assert.deepEqual(error.arguments.slice(0, args.length), args);
    assert.ok(error.message.startsWith(`${operator}: `) && args.every((line) => error.message.includes(`\n  ${line}`)));
  }
});

test('class, code, name and the stack of the caller', () => {
  const error = caught(function theCaller() {
    ones([2]).add(ones([3]));
  });
  assert.ok(error instanceof EdgeAIError && error instanceof Error);
  assert.deepEqual([error.name, error.code], ['TorchError', 'TORCH_ERROR']);
  assert.match(String(error.stack), /theCaller/);
  assert.doesNotMatch(error.message, /Exception raised from|frame #|\.cpp:\d/);
});

test('a failing in-place operator leaves its tensor usable, and failures leak nothing', () =>
  expectNoLeaks(() =>
    scope(() => {
      const x = ones([2]);
      for (let i = 0; i < 100; i++) caught(() => x.add_(ones([3])));
      assert.deepEqual(x.add_(1).toArray(), [2, 2]);
      const many = Array.from({ length: 20 }, () => ones([1]));
      assert.equal(caught(() => F.cat([...many, ones([1, 1])])).arguments.length, 8);
    }),
  ));

test('tensors that cannot be described do not spoil the error', async () => {
  const { ops } = await import('./ops.ts');
  const nested = ops.aten?._nested_tensor_from_tensor_list?.([ones([1, 2]), ones([2, 2])]);
  assert.throws(() => ops.aten?.conv2d?.(nested, ones([1, 1, 1, 1])), TorchError);
});
