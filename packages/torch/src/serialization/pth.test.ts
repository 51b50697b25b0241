/** @file PyTorch checkpoints: files that PyTorch wrote, round trips, refusals, and files damaged at random. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { FileFormatError } from '../errors.ts';
import { UnsafePickleError } from './pickle-reader.ts';
import { PyComplex, Size, TorchDevice, TorchDType, Tuple } from './pickle-values.ts';
import { pickle } from './pickle-writer.ts';
import { readTorchFile, writeTorchFile } from './pth.ts';
import { TensorRecord } from './records.ts';
import { type Described, describe, expected, fixture, withFolder } from './testing.ts';

fc.configureGlobal({ seed: 1 });

type Tensors = Record<string, TensorRecord>;

function described(tensors: Tensors): Record<string, Described> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, describe(tensor)]));
}

for (const name of ['tensors.pth', 'tensors-legacy.pth']) {
  test(`${name}: each dtype and view as PyTorch saved it`, () => {
    const tensors = readTorchFile(fixture(name)) as Tensors;
    assert.deepEqual(described(tensors), expected.tensors);
    const storages = new Set(expected.shared.map((key) => tensors[key]?.storage));
    assert.equal(storages.size, 1);
    const owned = Object.values(tensors).map(({ storage }) => storage.bytes);
    assert.ok(owned.every((bytes) => bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength));
  });
}

function checkTraining(read: unknown): void {
  const state = read as Record<string, unknown>;
  assert.deepEqual(described(state.model as Tensors), expected.model);
  const { state: moments, param_groups: groups } = state.optimizer as {
    state: Map<number, Tensors>;
    param_groups: Record<string, unknown>[];
  };
  assert.deepEqual([...moments.keys()], [0, 1, 2, 3]);
  assert.deepEqual(describe(moments.get(0)?.exp_avg as TensorRecord), expected.expAvg);
  assert.deepEqual(groups[0]?.betas, Tuple.fromItems([0.9, 0.999]));
  assert.deepEqual(groups[0]?.params, [0, 1, 2, 3]);
  const scheduler = state.scheduler as Record<string, unknown>;
  assert.deepEqual(
    scheduler.milestones,
    new Map([
      [3, 1],
      [5, 1],
    ]),
  );
  assert.equal(state.epoch, 3);
  assert.deepEqual(state.args, { lr: 0.5, names: ['a', 'b'], device: null, resume: false });
  assert.equal(state.best, 93.25);
  const confusion = state.confusion as TensorRecord;
  assert.deepEqual([confusion.dtype, confusion.shape], ['int64', [2, 2]]);
  assert.deepEqual([...new BigInt64Array(confusion.storage.bytes.slice().buffer)], [1n, 2n, 3n, 4n]);
  const byId = [...(state.by_id as Map<unknown, unknown>)];
  assert.deepEqual(byId, [
    [1, 'one'],
    [-2, 'minus two'],
    [Tuple.fromItems([1, 'x']), 3.5],
  ]);
  assert.equal(state.big, 2n ** 70n);
  assert.equal(state.negative, -(2 ** 40));
  assert.deepEqual(state.bytes, new Uint8Array([0, 255, 97, 98]));
  assert.deepEqual(state.size, Size.fromItems([2, 3]));
  assert.deepEqual(state.dtype, new TorchDType('float16'));
  assert.deepEqual(state.device, new TorchDevice('cuda:1'));
  assert.deepEqual(state.labels, new Set([3]));
  assert.deepEqual(state.complex, new PyComplex(1, -2));
  assert.equal(state.text, 'grüße 😀');
}

test('a training state: model, optimiser, scheduler, arguments, numpy values, and it survives being written', () => {
  const state = readTorchFile(fixture('training.pth'));
  checkTraining(state);
  withFolder((folder) => {
    const path = join(folder, 'again.pth');
    writeTorchFile(path, state);
    checkTraining(readTorchFile(path));
    assert.deepEqual(readdirSync(folder), ['again.pth']);
  });
});

test('writing is deterministic and keeps shared storages shared', () => {
  withFolder((folder) => {
    const [a, b] = [join(folder, 'a.pth'), join(folder, 'b.pth')];
    writeTorchFile(a, readTorchFile(fixture('tensors.pth')));
    const tensors = readTorchFile(a) as Tensors;
    assert.deepEqual(described(tensors), expected.tensors);
    assert.equal(new Set(expected.shared.map((key) => tensors[key]?.storage)).size, 1);
    writeTorchFile(b, tensors);
    assert.deepEqual(readFileSync(a), readFileSync(b));
  });
});

test('a checkpoint that would run code is refused by name, in both formats', () => {
  for (const name of ['malicious.pth', 'malicious-legacy.pth']) {
    assert.throws(
      () => readTorchFile(fixture(name)),
      (error) =>
        error instanceof UnsafePickleError &&
        error.global === 'posix.system' &&
        error.message.includes(`${name}: refused`),
    );
  }
});

test('a bare pickle that would run code is refused by name too', () => {
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    writeFileSync(path, "cposix\nsystem\n(S'echo'\ntR.");
    assert.throws(() => readTorchFile(path), { code: 'UNSAFE_PICKLE', message: /posix\.system/ });
  });
});

test('a value that cannot be written leaves the old file', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.pth');
    writeTorchFile(path, { a: 1 });
    assert.throws(() => writeTorchFile(path, { a: () => 1 }), { code: 'INVALID_ARGUMENT' });
    assert.deepEqual(readTorchFile(path), { a: 1 });
    assert.deepEqual(readdirSync(folder), ['a.pth']);
  });
});

test('other files are told apart by what they are', () => {
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    const tar = Buffer.alloc(1024);
    tar.write('ustar', 257);
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /is empty/],
      [tar, /tar format/],
      [Buffer.from('<!DOCTYPE html><html>'), /is a web page/],
      [Buffer.from('not a pickle'), /not a PyTorch checkpoint/],
      [Buffer.from('class,label\ncat,1\n'), /not a PyTorch checkpoint/],
      [Buffer.from('8002 4b01 2e'.replaceAll(' ', ''), 'hex'), /not a PyTorch checkpoint/],
      [zipSync({ 'a/b': new Uint8Array(1) }), /no <name>\/data\.pkl/],
      [zipSync({ 'a/data.pkl': new Uint8Array(1), 'a/constants.pkl': new Uint8Array(1) }), /TorchScript/],
      [zipSync({ 'a/data.pkl': pickle(1).bytes, 'a/version': Buffer.from('99') }), /version '99'/],
    ];
    for (const [bytes, message] of cases) {
      writeFileSync(path, bytes);
      assert.throws(
        () => readTorchFile(path),
        (error) => {
          assert.ok(error instanceof FileFormatError);
          assert.match(error.message, message);
          return error.path === path;
        },
      );
    }
  });
});

test('big-endian files are turned round; a missing or short storage is an error', () => {
  const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
  const data = pickle(TensorRecord.of('float32', [2], bytes)).bytes;
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    const write = (files: Record<string, Uint8Array>): void =>
      writeFileSync(path, zipSync({ 'm/data.pkl': data, ...files }));
    write({ 'm/byteorder': Buffer.from('big'), 'm/data/0': bytes.slice().reverse() });
    assert.deepEqual([...new Float32Array((readTorchFile(path) as TensorRecord).storage.bytes.buffer)], [2, 1]);
    write({});
    assert.throws(() => readTorchFile(path), /no entry 'm\/data\/0'/);
    write({ 'm/data/0': bytes.subarray(4) });
    assert.throws(() => readTorchFile(path), /storage '0' should hold 2 elements of float32 but has 4 bytes/);
  });
});

test('quantised, sparse and conjugated tensors are named, not misread', () => {
  const call = (module: string, name: string, args = ')') => Buffer.from(`c${module}\n${name}\n${args}R.`, 'latin1');
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    const cases: [Buffer, RegExp][] = [
      [call('torch._utils', '_rebuild_qtensor'), /quantised tensor/],
      [call('torch._utils', '_rebuild_sparse_tensor'), /sparse tensor/],
      [call('torch.storage', '_load_from_bytes', '(C\x01xt'), /storage pickled outside torch\.save/],
      [call('torch._utils', '_rebuild_tensor_v2', "(NK\x00))NN}S'conj'\nI01\nst"), /conjugated/],
      [call('torch._utils', '_rebuild_tensor_v3', '(NK\x00))NNctorch\nuint16\nt'), /torch\.uint16, an element type/],
    ];
    for (const [data, message] of cases) {
      writeFileSync(path, zipSync({ 'm/data.pkl': data }));
      assert.throws(() => readTorchFile(path), { code: 'BAD_FILE', message });
    }
  });
});

test('a damaged zip checkpoint gives an error of ours or the right tensors', () => {
  const original = readFileSync(fixture('tensors.pth'));
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    const change = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 3 }),
        fc.option(fc.nat(original.length - 1), { freq: 3 }),
        (changes, cut) => {
          const bytes = Uint8Array.from(original);
          for (const [at, byte] of changes) bytes[at] = byte;
          writeFileSync(path, cut === null ? bytes : bytes.subarray(0, cut));
          try {
            const tensors = readTorchFile(path) as Tensors;
            assert.deepEqual(described(tensors), expected.tensors);
          } catch (error) {
            if (error instanceof FileFormatError) assert.equal(error.path, path);
            else assert.ok(error instanceof UnsafePickleError, String(error));
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

test('a damaged legacy checkpoint gives an error of ours or sound tensors', () => {
  const original = readFileSync(fixture('tensors-legacy.pth'));
  withFolder((folder) => {
    const path = join(folder, 'x.pth');
    for (let cut = 0; cut < original.length; cut += 29) {
      writeFileSync(path, original.subarray(0, cut));
      assert.throws(() => readTorchFile(path), { code: 'BAD_FILE' });
    }
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Uint8Array.from(original);
        bytes[at] = byte;
        writeFileSync(path, bytes);
        try {
          const value = readTorchFile(path);
          const tensors = value instanceof Map ? [...value.values()] : Object.values(value as object);
          for (const tensor of tensors) if (tensor instanceof TensorRecord) describe(tensor);
        } catch (error) {
          assert.ok(error instanceof FileFormatError || error instanceof UnsafePickleError, String(error));
        }
      }),
      { numRuns: 400 },
    );
  });
});
