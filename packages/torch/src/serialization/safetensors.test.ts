/** @file safetensors: the layout on disk, round trips, the checks that the format asks for, and damage. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { dtypes } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { readTorchFile } from './pth.ts';
import { contiguousBytes, TensorRecord } from './records.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { fixture, hex, withFolder } from './testing.ts';

fc.configureGlobal({ seed: 1 });

function plain(tensors: ReadonlyMap<string, TensorRecord>): unknown {
  return [...tensors].map(([name, record]) => [name, record.dtype, record.shape, hex(contiguousBytes(record))]);
}

/** A file with this header and `size` bytes of data. */
function file(header: unknown, size: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Uint8Array.from({ length: size }, (_, i) => i)]);
}

test('tensors of every type, in order, with metadata; views become row-major', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.safetensors');
    const all = Object.entries(readTorchFile(fixture('tensors.pth')) as Record<string, TensorRecord>);
    const tensors = new Map(all.filter(([, { dtype }]) => dtype !== 'complex128'));
    tensors.set('7', TensorRecord.of('uint8', [1], new Uint8Array([7])));
    const metadata = new Map([
      ['format', 'pt'],
      ['größe', '"1"'],
    ]);
    writeSafetensors(path, tensors, metadata);
    const read = readSafetensors(path);
    assert.deepEqual(plain(new Map([...read.tensors].sort())), plain(new Map([...tensors].sort())));
    assert.deepEqual(
      [...read.tensors.keys()].filter((name) => name !== '7'),
      [...tensors.keys()].filter((name) => name !== '7'),
    );
    assert.deepEqual(read.metadata, metadata);
  });
});

test('the header is padded to 8 bytes and each tensor is aligned to its elements', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.safetensors');
    const tensors = new Map([
      ['b', TensorRecord.of('uint8', [1], new Uint8Array([7]))],
      ['f', TensorRecord.of('float32', [1], new Uint8Array(4))],
      ['d', TensorRecord.of('float64', [1], new Uint8Array(8))],
    ]);
    writeSafetensors(path, tensors);
    const bytes = readFileSync(path);
    const length = Number(bytes.readBigUInt64LE());
    assert.equal(length % 8, 0);
    assert.deepEqual(JSON.parse(bytes.subarray(8, 8 + length).toString()), {
      b: { dtype: 'U8', shape: [1], data_offsets: [12, 13] },
      f: { dtype: 'F32', shape: [1], data_offsets: [8, 12] },
      d: { dtype: 'F64', shape: [1], data_offsets: [0, 8] },
    });
    assert.equal(bytes.length, 8 + length + 13);
  });
});

test('unsigned types that libtorch lacks are widened', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.safetensors');
    writeFileSync(
      path,
      file(
        {
          a: { dtype: 'U16', shape: [2], data_offsets: [0, 4] },
          b: { dtype: 'U32', shape: [1], data_offsets: [4, 8] },
        },
        8,
      ),
    );
    const { tensors } = readSafetensors(path);
    assert.deepEqual(plain(tensors), [
      ['a', 'int32', [2], '0001000002030000'],
      ['b', 'int64', [1], '0405060700000000'],
    ]);
  });
});

test('headers that break the rules say which', () => {
  const one = (changes: object, size = 8) =>
    file({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...changes } }, size);
  const two = (begin: number, end: number, size: number) =>
    file(
      {
        a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] },
        b: { dtype: 'U8', shape: [end - begin], data_offsets: [begin, end] },
      },
      size,
    );
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(3), /truncated .* the length of the header/],
    [Buffer.from('ffffffffffffff7f', 'hex'), /header would be 9223372036854775807 bytes/],
    [file('{"a":', 0), /is not JSON/],
    [file(' {}', 0), /is not a JSON object/],
    [file('[]', 0), /is not a JSON object/],
    [file({ __metadata__: { a: 1 } }, 0), /__metadata__ 'a' is not a string/],
    [one({ dtype: 'F8_E4M3' }), /dtype F8_E4M3, which is not supported/],
    [one({ dtype: 'constructor' }), /not supported/],
    [one({ shape: [2 ** 60, 2 ** 60] }), /lacks a valid dtype, shape|should have/],
    [one({ shape: [2 ** 40] }), /should have 4398046511104 bytes but has 8/],
    [one({ shape: [-2] }), /lacks a valid/],
    [one({ data_offsets: [8, 0] }), /should have 8 bytes but has -8/],
    [one({ data_offsets: [0] }), /lacks a valid/],
    [one({}, 7), /take 8 bytes but the file has 7/],
    [one({}, 9), /take 8 bytes but the file has 9/],
    [two(3, 6, 6), /'b' at bytes 3 to 6 overlaps/],
    [two(5, 6, 6), /'b' at bytes 5 to 6 leaves a hole/],
  ];
  withFolder((folder) => {
    const path = join(folder, 'a.safetensors');
    for (const [bytes, message] of cases) {
      writeFileSync(path, bytes);
      assert.throws(
        () => readSafetensors(path),
        (error) => {
          assert.ok(error instanceof FileFormatError && error.path === path);
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });
});

test('names and types that the format lacks are refused before anything is written', () => {
  const write = (name: string, record: TensorRecord) => () => writeSafetensors('/nowhere/a', new Map([[name, record]]));
  assert.throws(write('__metadata__', TensorRecord.of('uint8', [0], new Uint8Array(0))), { code: 'INVALID_ARGUMENT' });
  for (const dtype of dtypes.filter((name) => name.startsWith('q') || name === 'complex128')) {
    assert.throws(write('a', TensorRecord.of(dtype, [0], new Uint8Array(0))), {
      code: 'INVALID_ARGUMENT',
      message: new RegExp(dtype),
    });
  }
});

test('damaged files give an error of ours or sound tensors', () => {
  const original = file(
    { a: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] }, b: { dtype: 'I64', shape: [], data_offsets: [8, 16] } },
    16,
  );
  withFolder((folder) => {
    const path = join(folder, 'x');
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.nat(255), fc.nat(2 * original.length), (at, byte, cut) => {
        const bytes = Uint8Array.from(original);
        bytes[at] = byte;
        writeFileSync(path, bytes.subarray(0, cut));
        try {
          for (const record of readSafetensors(path).tensors.values()) contiguousBytes(record);
        } catch (error) {
          assert.ok(error instanceof FileFormatError, String(error));
        }
      }),
      { numRuns: 400 },
    );
  });
});
