/** @file 20 · Every operator by its own name, and libraries that bring more. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ArgumentError, TorchError } from '../errors.ts';
import { ones, tensor } from './creation.ts';
import { UnknownOperatorError } from './dispatch.ts';
import { type OperatorFunction, ops } from './ops.ts';
import type { Tensor } from './tensor.ts';

const aten = ops.aten;

function call(operator: OperatorFunction | undefined, ...args: unknown[]): Tensor {
  assert.ok(operator);
  return operator(...args) as Tensor;
}

test('ops.aten.<name>.<overload>(…) and ops.aten.<name>(…) for the default overload', () => {
  const x = tensor([1, -2]).float();
  assert.deepEqual(call(aten?.add?.Tensor, x, x, { alpha: 3 }).toArray(), [4, -8]);
  assert.deepEqual(call(aten?.relu, x).toArray(), [1, 0]);
  assert.deepEqual(call(aten?.relu?.default, x).toArray(), [1, 0]);
  assert.equal(aten?.relu, aten?.relu);
  assert.equal(aten?.add?.Tensor, aten?.add?.Tensor);
  assert.equal(aten?.add?.Tensor?.operator.qualifiedName, 'aten::add.Tensor');
  const out = ones([2]);
  assert.equal(aten?.add?.out?.(x, x, { out }), out);
});

test('unknown names are refused: operator, overload, namespace', () => {
  const x = ones([1]);
  assert.throws(() => aten?.nope?.(x), UnknownOperatorError);
  assert.throws(() => aten?.add?.(x, x), /no operator aten::add; its overloads here are .*Tensor/);
  assert.throws(() => aten?.add?.Tensro, { code: 'UNKNOWN_OPERATOR' });
  assert.throws(() => ops.nowhere?.thing?.(x), /nowhere::thing; a library that defines it may have to be loaded/);
  assert.throws(() => ops.find('add'), ArgumentError);
  assert.throws(() => ops.find('aten::add.Nope'), UnknownOperatorError);
  assert.equal(ops.find('aten::add.Tensor').schema.arguments.length, 3);
});

test('list names every operator, and each has a schema', () => {
  const names = ops.list();
  assert.ok(names.length > 2000);
  assert.ok(names.some(([name, overload]) => name === 'aten::convolution' && overload === ''));
  for (const [name, overload] of names) assert.ok(ops.find(overload === '' ? name : `${name}.${overload}`).id >= 0);
});

test('the namespaces can be awaited, printed and spread like other objects', async () => {
  assert.equal(await ops, ops);
  assert.equal(await aten, aten);
  assert.equal(typeof String(Object.keys(ops)), 'string');
});

test('loadLibrary says why it cannot', () => {
  assert.throws(
    () => ops.loadLibrary('/no/such/library.so'),
    (e) => e instanceof TorchError && /cannot load \/no\/such\/library\.so: .*No such file/.test(e.message),
  );
  const text = join(tmpdir(), `not-a-library-${process.pid}.so`);
  writeFileSync(text, 'text');
  assert.throws(() => ops.loadLibrary(text), /cannot load .*(file too short|invalid ELF|not a mach-o)/i);
  assert.throws(() => ops.loadLibrary(5 as never), ArgumentError);
});
