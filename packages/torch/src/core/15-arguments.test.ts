/** @file 15 · How each kind of argument in a schema is converted, and what is refused with which words. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError, TensorDisposedError, TorchError } from '../errors.ts';
import { arange, ones, rand, tensor, zeros } from './creation.ts';
import { callOp, Operator } from './dispatch.ts';
import { Generator } from './generator.ts';
import type { Tensor } from './tensor.ts';

/** Calls `aten::name.overload` with arguments in schema order. */
function call(qualified: string, ...args: unknown[]): Tensor {
  const [name = '', overload = ''] = qualified.split('.');
  return callOp(new Operator(`aten::${name}`, overload), ...args) as Tensor;
}

function refuses(qualified: string, args: unknown[], argument: string, message: RegExp): void {
  assert.throws(
    () => call(qualified, ...args),
    (e) =>
      e instanceof ArgumentError &&
      e.argument === argument &&
      message.test(e.message) &&
      e.message.includes(`aten::${qualified}`),
    `${qualified}(${args.map(String).join(', ')})`,
  );
}

const x = arange(6).float().reshape([2, 3]);
const NEITHER = [5, '5', true, {}, () => 0, Symbol('s')];

test('Tensor: only tensors, never numbers', () => {
  for (const wrong of [...NEITHER, [x], 3n, Number.NaN])
    refuses('relu', [wrong], 'self', /expected a Tensor for self but received/);
  for (const wrong of [null, undefined])
    refuses('relu', [wrong], 'self', /Expected (a )?Tensor for self but received (null|undefined)/);
  refuses('relu', [], 'self', /Expected Tensor for self but received undefined/);
  refuses('add.Tensor', [x, 1], 'other', /expected a Tensor for other but received 1 of type number/);
});

test('Tensor?: a tensor or null', () => {
  const image = rand([1, 1, 3, 3]);
  const kernel = ones([1, 1, 3, 3]);
  assert.ok(call('conv2d', image, kernel, null).allclose(call('conv2d', image, kernel)));
  assert.ok(
    call('conv2d', image, kernel, tensor([1]).float()).allclose(call('conv2d', image, kernel, undefined).add(1)),
  );
  refuses('conv2d', [image, kernel, 1], 'bias', /expected a Tensor for bias/);
});

test('Tensor[]: an array of tensors without holes', () => {
  assert.deepEqual(call('cat', [x, x], 0).shape, [4, 3]);
  for (const wrong of NEITHER) refuses('cat', [wrong], 'tensors', /expected an array of Tensors for tensors/);
  refuses('cat', [x], 'tensors', /an array of Tensors/);
  refuses('cat', [[x, 3]], 'tensors', /received 3 of type number/);
  refuses('cat', [[x, null]], 'tensors', /an array of Tensors for tensors but received null/);
  assert.throws(() => call('cat', [[]]), ArgumentError);
  assert.throws(() => call('cat', []), TorchError);
});

test('Tensor?[]: null stands for a whole dimension', () => {
  const index = tensor([2, 0]);
  assert.deepEqual(call('index.Tensor', x, [null, index]).toArray(), [
    [2, 0],
    [5, 3],
  ]);
  assert.deepEqual(call('index.Tensor', x, [undefined, index]).shape, [2, 2]);
  refuses('index.Tensor', [x, [index, 1]], 'indices', /an array of Tensors/);
});

test('int: whole numbers, bigints, booleans; nothing fractional', () => {
  assert.deepEqual(call('select.int', x, 0, 1).toArray(), [3, 4, 5]);
  assert.deepEqual(call('select.int', x, 0n, 1n).toArray(), [3, 4, 5]);
  assert.deepEqual(call('select.int', x, 0, true).toArray(), [3, 4, 5]);
  refuses('select.int', [x, 0, 0.5], 'index', /an integer \(a bigint beyond 2\^53\) for index but received 0\.5/);
  refuses('select.int', [x, 0, Number.NaN], 'index', /received NaN/);
  refuses('select.int', [x, 0, Infinity], 'index', /received Infinity/);
  refuses('select.int', [x, 0, 2 ** 53], 'index', /a bigint beyond 2\^53/);
  refuses('select.int', [x, 0, 2n ** 63n], 'index', /an integer of 64 bits/);
  refuses('select.int', [x, 0, '1'], 'index', /received "1" of type string/);
  refuses('select.int', [x, 0, null], 'index', /Expected int for index but received null/);
  refuses('select.int', [x, 0, [1]], 'index', /received an array of length 1/);
  refuses('select.int', [x, 0, Symbol('s')], 'index', /received a symbol/);
  assert.deepEqual(call('full', [1], 2n ** 62n).item(), 2n ** 62n);
});

test('int[]: arrays of integers; one number stands for one element', () => {
  assert.deepEqual(call('permute', x, [1, 0]).shape, [3, 2]);
  assert.deepEqual(call('permute', x, [1n, 0n]).shape, [3, 2]);
  assert.deepEqual(call('sum.dim_IntList', x, 1).toArray(), [3, 12]);
  refuses('permute', [x, [1, 'a']], 'dims', /an integer for dims but received "a"/);
  refuses('permute', [x, [1, 0.5]], 'dims', /received 0\.5/);
  refuses('permute', [x, {}], 'dims', /an array of integers for dims but received an object/);
  refuses('permute', [x, new Int32Array([1, 0])], 'dims', /an array of integers/);
  refuses('permute', [x, '10'], 'dims', /an integer/);
  // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
  refuses('permute', [x, [1, ,]], 'dims', /received undefined/);
});

test('int[2]: one number, or an array of one, stands for both; other lengths are refused', () => {
  const image = rand([1, 1, 6, 6]);
  const shapes = [2, [2], [2, 2]].map((kernel) => call('max_pool2d', image, kernel).shape);
  assert.deepEqual(shapes, [
    [1, 1, 3, 3],
    [1, 1, 3, 3],
    [1, 1, 3, 3],
  ]);
  assert.deepEqual(call('max_pool2d', image, 2, []).shape, [1, 1, 3, 3]);
  refuses(
    'max_pool2d',
    [image, []],
    'kernel_size',
    /Expected 2 integers for kernel_size but received an array of length 0/,
  );
  refuses('max_pool2d', [image, [2, 2, 2]], 'kernel_size', /Expected 2 integers/);
  refuses('conv2d', [image, image, null, []], 'stride', /Expected 2 integers for stride/);
});

test('int?, int[]?: null is a value of its own', () => {
  assert.deepEqual(call('slice.Tensor', x, 1, null, null, 2).shape, [2, 2]);
  assert.deepEqual(call('sum.dim_IntList', x, null).item(), 15);
  assert.equal(call('argmax', x, null).item(), 5);
});

test('float: numbers only, every one of them', () => {
  assert.deepEqual(call('leaky_relu', tensor([-2]).float(), 0.5).toArray(), [-1]);
  assert.ok(
    Number.isNaN(
      call('dropout', ones([1]), 0, false)
        .mul(Number.NaN)
        .item(),
    ),
  );
  for (const wrong of ['0.5', true, 1n, {}, [0.5], null])
    refuses('dropout', [x, wrong, false], 'p', /for p but received/);
});

test('float[]: for example scale factors', () => {
  assert.deepEqual(call('upsample_nearest2d.vec', ones([1, 1, 2, 2]), null, [2, 1.5]).shape, [1, 1, 4, 3]);
  refuses(
    'upsample_nearest2d.vec',
    [ones([1, 1, 2, 2]), null, [2, '2']],
    'scale_factors',
    /a number for scale_factors/,
  );
  refuses('upsample_nearest2d.vec', [ones([1, 1, 2, 2]), null, 2], 'scale_factors', /an array of numbers/);
});

test('Scalar: whole numbers are integers, others floats; bigint, boolean, complex', () => {
  const whole = tensor([3]);
  const dtypes = [2, 2.5, true, 2n, { real: 1, imag: 1 }, Number.NaN].map((s) => call('add.Scalar', whole, s).dtype);
  assert.deepEqual(dtypes, ['int64', 'float32', 'int64', 'int64', 'complex64', 'float32']);
  assert.ok(Object.is(call('mul.Scalar', ones([1]), -0).item(), -0));
  assert.equal(call('add.Scalar', tensor([0]), 2n ** 62n).item(), 2n ** 62n);
  for (const wrong of ['1', null, undefined, {}, { real: 1 }, [1], () => 1]) {
    refuses('add.Scalar', [whole, wrong], 'other', /Expected .* for other but received/);
  }
  refuses('add.Scalar', [whole, 2n ** 64n], 'other', /64 bits/);
});

test('Scalar[]: one scalar a tensor', () => {
  const result = call('_foreach_mul.ScalarList', [ones([1]), ones([1])], [2, 0.5]) as unknown as Tensor[];
  assert.deepEqual(
    result.map((t) => t.item()),
    [2, 0.5],
  );
  refuses('_foreach_mul.ScalarList', [[ones([1])], ['2']], 'scalars', /a number, bigint, boolean/);
});

test('bool and bool[3]', () => {
  assert.deepEqual(call('sum.dim_IntList', x, [0], true).shape, [1, 3]);
  for (const wrong of [0, 1, 'true', null, {}])
    refuses('sum.dim_IntList', [x, [0], wrong], 'keepdim', /for keepdim but received/);
  const g = ones([1, 1, 1, 1]);
  const backward = (mask: unknown) =>
    call('convolution_backward', g, g, g, null, [1, 1], [0, 0], [1, 1], false, [0, 0], 1, mask);
  assert.equal((backward([true, true, false]) as unknown as unknown[])[2], null);
  assert.throws(() => backward([true]), /Expected 3 booleans for output_mask but received an array of length 1/);
  assert.throws(() => backward([true, true, 1]), /a boolean for output_mask but received 1/);
});

test('str: strings, checked by libtorch', () => {
  assert.deepEqual(call('div.Tensor_mode', tensor([7]), tensor([2]), 'floor').toArray(), [3]);
  assert.throws(() => call('div.Tensor_mode', x, x, 'up'), /rounding_mode/);
  assert.deepEqual(call('einsum', 'ij,kj->ik', [x, x]).shape, [2, 2]);
  for (const wrong of [1, {}, ['floor']])
    refuses('div.Tensor_mode', [x, x, wrong], 'rounding_mode', /a string for rounding_mode/);
});

test('dtype, layout, device and memory format by name', () => {
  assert.equal(call('sum', x, 'float64').dtype, 'float64');
  assert.deepEqual(
    call('empty.memory_format', [1, 2, 3, 3], 'float16', 'strided', 'cpu', false, 'channels_last').stride(),
    [18, 1, 6, 2],
  );
  assert.equal(call('empty.memory_format', [2], undefined, undefined, 'meta').device, 'meta');
  for (const wrong of ['float', 'torch.float32', '', 6, null, {}]) {
    if (wrong === null) continue; // dtype is optional
    refuses('sum', [x, wrong], 'dtype', /a dtype \(float32, int64, .*\) for dtype but received/);
  }
  refuses('empty.memory_format', [[1], null, 'sparse'], 'layout', /a layout \(strided, sparse_coo/);
  refuses('empty.memory_format', [[1], null, null, 'tpu0'], 'device', /a device \(cpu, cuda, cuda:0/);
  refuses('empty.memory_format', [[1], null, null, 3], 'device', /a string for device/);
  refuses(
    'empty.memory_format',
    [[1], null, null, null, null, 'NHWC'],
    'memory_format',
    /a memory format \(contiguous_format,/,
  );
});

test('Generator: one of ours or null', () => {
  const draw = (g: unknown) => call('rand.generator', [2], g).toArray();
  assert.deepEqual(draw(new Generator({ seed: 3 })), draw(new Generator({ seed: 3 })));
  assert.ok(draw(null));
  for (const wrong of [0, 5, 'cpu', {}, { _generator: 'x' }])
    refuses('rand.generator', [[2], wrong], 'generator', /expected a Generator/);
  for (const wrong of [Number.NaN, -1, 1e9, 0.5]) {
    // A forged one is found out by the addon, or names a generator that exists.
    try {
      draw({ _generator: wrong });
    } catch (error) {
      assert.ok(error instanceof ArgumentError);
    }
  }
});

test('too many arguments, and arguments whose reading throws', () => {
  refuses('relu', [x, 1, 2], 'arguments', /takes 1 arguments but received 3/);
  const trap = [1, 0];
  Object.defineProperty(trap, 0, {
    get() {
      throw new RangeError('trap');
    },
  });
  assert.throws(
    () => call('permute', x, trap),
    (e) => e instanceof RangeError && e.message === 'trap',
  );
  const hostile = {
    get real() {
      throw new RangeError('trap');
    },
    imag: 0,
  };
  assert.throws(() => call('add.Scalar', x, hostile), /trap/);
});

test('released tensors and tensors of another kind of object are exceptions that name the maker', () => {
  const gone = zeros([2]);
  gone.dispose();
  const message = /made by aten::zeros.* has been released/;
  for (const use of [
    () => gone.add(1),
    () => x.add(gone),
    () => call('cat', [x, gone]),
    () => gone.shape,
    () => gone.toArray(),
    () => gone.backward(),
    () => gone.item(),
    () => gone.requiresGrad,
    () => gone.registerHook(() => undefined),
  ]) {
    assert.throws(use, (e) => e instanceof TensorDisposedError && message.test(e.message));
  }
  gone.dispose();
  const impostor = { _handle: 1e9, _scope: null };
  refuses('relu', [impostor], 'self', /expected a Tensor for self but received an object/);
  refuses('relu', [structuredClone({ ...x })], 'self', /expected a Tensor/);
});

test('a handle that never was, or that was released, is found out by the addon itself', async () => {
  const { native } = await import('../native.ts');
  const { id } = new Operator('aten::relu').schema;
  const live = zeros([1]);
  const stale = live._handle;
  live.dispose();
  for (const handle of [0, -1, 1, 0.5, Number.NaN, Infinity, 2 ** 31, 2 ** 40, stale, 4194304 + 4000000]) {
    assert.throws(() => native.call(id, handle), TensorDisposedError, String(handle));
    assert.throws(() => native.sizes(handle), TensorDisposedError);
    native.release(handle);
  }
  for (const wrong of [-1, 1e6, 'x', undefined]) {
    assert.throws(() => native.call(wrong as never, 1), /without a valid operator id/);
  }
});
