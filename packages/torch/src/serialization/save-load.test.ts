/** @file Tensors through files: values, memory layout, sharing, parameters; and what is refused. */

import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { arange, ones, randn, tensor, zeros } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { dtypes } from '../dtype.ts';
import { Parameter } from '../nn/parameter.ts';
import { expectNoLeaks, memory } from '../runtime/memory.ts';
import { load, loadNpy, loadNpz, loadSafetensors } from './load.ts';
import { Tuple } from './pickle-values.ts';
import { readTorchFile } from './pth.ts';
import { TensorRecord } from './records.ts';
import { save, saveNpy, saveNpz, saveSafetensors } from './save.ts';
import { expected, fixture, withFolder } from './testing.ts';

function rawHex(value: Tensor): string {
  const array = value.toTypedArray();
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');
}

/** Saves and loads. */
function roundTrip<T>(value: T, options?: { detach?: boolean }): T {
  return withFolder((folder) => {
    const path = join(folder, 'file.pth');
    save(value, path, options);
    return load(path) as T;
  });
}

for (const name of ['tensors.pth', 'tensors-legacy.pth']) {
  test(`${name}: Python's tensors have their values, layout and sharing`, () => {
    scope(() => {
      const loaded = load(fixture(name)) as Record<string, Tensor>;
      assert.deepEqual(Object.keys(loaded), Object.keys(expected.tensors));
      for (const [key, want] of Object.entries(expected.tensors)) {
        const got = loaded[key] as Tensor;
        assert.deepEqual(
          [
            got.dtype,
            got.shape,
            got.stride(),
            got.storageOffset(),
            got.requiresGrad,
            got instanceof Parameter,
            rawHex(got),
          ],
          [want.dtype, want.shape, want.strides, want.offset, want.requiresGrad, want.isParameter, want.hex],
          key,
        );
      }
      const [base, ...views] = expected.shared.map((key) => loaded[key] as Tensor);
      base?.fill_(7);
      for (const view of views) assert.ok(view.eq(7).all().item());
    });
  });
}

test('what is saved here loads equal: nested values, keys of any type, every element type', () => {
  scope(() => {
    const types = dtypes.filter((dtype) => !dtype.startsWith('q'));
    const value = {
      types: Object.fromEntries(types.map((dtype) => [dtype, tensor([0, 1, 2]).to(dtype)])),
      nested: [
        { a: ones([2]) },
        new Map<unknown, unknown>([
          [3, zeros([1])],
          ['x', null],
        ]),
        Tuple.fromItems([1, 'two', arange(2)]),
      ],
      scalar: tensor(1.5),
      empty: zeros([0, 3]),
      epoch: 7,
      rate: 0.1,
      bytes: new Uint8Array([1, 2]),
    };
    const loaded = roundTrip(value);
    assert.deepEqual(Object.keys(loaded), Object.keys(value));
    for (const dtype of types) {
      assert.equal(loaded.types[dtype]?.dtype, dtype);
      assert.equal(rawHex(loaded.types[dtype] as Tensor), rawHex(value.types[dtype] as Tensor));
    }
    const [first, map, tuple] = loaded.nested as [{ a: Tensor }, Map<unknown, unknown>, Tuple];
    assert.deepEqual(first.a.toArray(), [1, 1]);
    assert.deepEqual([...map.keys()], [3, 'x']);
    assert.ok(tuple instanceof Tuple && tuple[2] instanceof Tensor);
    assert.deepEqual(loaded.empty.shape, [0, 3]);
    assert.deepEqual(
      [loaded.scalar.item(), loaded.epoch, loaded.rate, loaded.bytes],
      [1.5, 7, 0.1, new Uint8Array([1, 2])],
    );
  });
});

test('views keep their strides, and share memory exactly where they did', () => {
  scope(() => {
    const base = arange(12, undefined, 1, { dtype: 'float32' }).reshape([3, 4]);
    const alone = randn([2, 3, 4, 4]).contiguous({ memoryFormat: 'channels_last' });
    const gaps = randn([4, 4]).slice(1, 0, 4, 2);
    const value = { base, transposed: base.t(), row: base.select(0, 1), same: base, alone, gaps };
    const loaded = roundTrip(value);
    for (const [key, original] of Object.entries(value)) {
      const got = loaded[key as keyof typeof value];
      assert.deepEqual(
        [got.shape, got.stride(), rawHex(got)],
        [original.shape, original.stride(), rawHex(original)],
        key,
      );
    }
    assert.equal(loaded.same, loaded.base);
    loaded.base.fill_(9);
    assert.ok(loaded.transposed.eq(9).all().item() && loaded.row.eq(9).all().item());
    assert.equal(loaded.alone.sharesStorageWith(loaded.base), false);
    assert.ok(loaded.alone.isContiguous({ memoryFormat: 'channels_last' }));
  });
});

test('a part of a large tensor is written without the rest', () => {
  withFolder((folder) => {
    scope(() => {
      const path = join(folder, 'part.pth');
      save(zeros([1000, 1000]).select(0, 3), path);
      assert.ok(statSync(path).size < 20_000);
    });
  });
});

test('conjugated views are written as the numbers that they show', () => {
  scope(() => {
    const value = tensor([1, 2], { dtype: 'complex64' }).mul({ real: 0, imag: 1 });
    const loaded = roundTrip([value.conj(), value]);
    assert.equal(rawHex(loaded[0] as Tensor), rawHex(value.conj()));
    assert.equal(rawHex(loaded[1] as Tensor), rawHex(value));
  });
});

test('parameters stay parameters, or become plain tensors on request', () => {
  scope(() => {
    const parameter = new Parameter(ones([2]));
    const frozen = new Parameter(ones([2]), { requiresGrad: false });
    const kept = roundTrip({ parameter, frozen });
    assert.ok(kept.parameter instanceof Parameter && kept.frozen instanceof Parameter);
    assert.deepEqual([kept.parameter.requiresGrad, kept.frozen.requiresGrad], [true, false]);
    const plain = roundTrip({ parameter }, { detach: true });
    assert.equal(plain.parameter instanceof Parameter, false);
    assert.equal(plain.parameter.requiresGrad, false);
  });
});

test('loaded tensors belong to the scope around, parameters too; saving leaves none', async () => {
  const parameter = scope(() => new Parameter(ones([2])));
  await expectNoLeaks(() => {
    scope(() => {
      const view = parameter.detach();
      const before = memory().tensors;
      withFolder((folder) => {
        const path = join(folder, 'a.pth');
        save({ parameter, view }, path);
        assert.equal(memory().tensors, before);
        load(path);
        assert.equal(memory().tensors, before + 2);
      });
    });
  });
});

test('tensors saved on a GPU need a place to go', () => {
  withFolder((folder) => {
    const path = join(folder, 'cuda.pth');
    const storage = { dtype: 'float32' as const, bytes: new Uint8Array(8), device: 'cuda:1' };
    const seen: string[] = [];
    const map = (device: string) => {
      seen.push(device);
      return 'cpu';
    };
    scope(() => {
      save(new TensorRecord({ dtype: 'float32', shape: [2], storage }), path);
      assert.deepEqual((load(path, { mapLocation: 'cpu' }) as Tensor).toArray(), [0, 0]);
      load(path, { mapLocation: map });
      assert.deepEqual(seen, ['cuda:1']);
      assert.throws(() => load(path, { mapLocation: 'cuda:0' }), {
        code: 'BAD_FILE',
        message: /no CUDA device.*mapLocation: 'cpu'/,
      });
    });
  });
});

test('safetensors and numpy files', () => {
  withFolder((folder) => {
    scope(() => {
      const tensors = { 'a.weight': randn([3, 2]).t(), 'a.bias': tensor([1, 2], { dtype: 'bfloat16' }) };
      saveSafetensors(tensors, join(folder, 'x.safetensors'), { metadata: { format: 'pt' } });
      const loaded = loadSafetensors(join(folder, 'x.safetensors'));
      assert.deepEqual(Object.keys(loaded), Object.keys(tensors));
      assert.deepEqual(loaded['a.weight']?.toArray(), tensors['a.weight'].toArray());
      assert.deepEqual([loaded['a.bias']?.dtype, loaded['a.bias']?.toArray()], ['bfloat16', [1, 2]]);

      saveNpy(tensors['a.weight'], join(folder, 'x.npy'));
      assert.deepEqual(loadNpy(join(folder, 'x.npy')).toArray(), tensors['a.weight'].toArray());
      saveNpz(new Map(Object.entries(tensors)), join(folder, 'x.npz'));
      const arrays = loadNpz(join(folder, 'x.npz'));
      assert.deepEqual([arrays['a.bias']?.dtype, arrays['a.bias']?.toArray()], ['float32', [1, 2]]);
      assert.deepEqual(loadNpy(fixture('float32.npy')).toArray(), [
        [0, 1, 2],
        [3, 4, 5],
      ]);
      assert.throws(() => saveNpy([1] as never, join(folder, 'y.npy')), /a Tensor for tensor/);
    });
  });
});

test('what cannot be saved or loaded says where and why', () => {
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    scope(() => {
      assert.throws(() => save({ a: [() => 1] }, path), /value\.a\[0\] is a function/);
      assert.throws(() => save(() => 1, path), /save its stateDict\(\)/);
      const loop: unknown[] = [];
      loop.push(loop);
      assert.throws(() => save(loop, path), /value\[0\] contains itself/);
      const gone = ones([1]);
      gone.dispose();
      assert.throws(() => save({ state: { gone } }, path), /value\.state\.gone cannot be saved: .*released/);
      assert.throws(() => load(path), {
        code: 'READ_FAILED',
        message: `${path}: cannot be read (ENOENT: no such file or directory)`,
      });
      mkdirSync(path);
      assert.throws(() => load(path), { code: 'BAD_FILE', message: /is a folder/ });
      assert.throws(() => save(1, path), { code: 'WRITE_FAILED' });
      const text = join(folder, 'text.pth');
      writeFileSync(text, 'hello');
      assert.throws(() => load(text), { code: 'BAD_FILE', message: /text\.pth: not a PyTorch checkpoint/ });
      assert.throws(() => load(fixture('malicious.pth')), { code: 'UNSAFE_PICKLE' });
      assert.throws(() => loadNpy(text), { code: 'BAD_FILE' });
      assert.throws(() => loadSafetensors(join(folder, 'none')), { code: 'READ_FAILED' });
    });
  });
});

test('one storage in the file for tensors that share it', () => {
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    scope(() => {
      const base = ones([4]);
      save([base, base.slice(0, 0, 2)], path);
    });
    const [a, b] = readTorchFile(path) as TensorRecord[];
    assert.equal(a?.storage, b?.storage);
  });
});
