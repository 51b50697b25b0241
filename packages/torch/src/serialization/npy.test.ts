/** @file numpy's files: arrays that numpy wrote, round trips, refusals, and damage. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DType, dtypes } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { halfToNumber } from './elements.ts';
import { decodeNpy, encodeNpy, readNpy, readNpz, writeNpy, writeNpz } from './npy.ts';
import { contiguousBytes, TensorRecord } from './records.ts';
import { expected, fixture, hex, withFolder } from './testing.ts';

fc.configureGlobal({ seed: 1 });

function plain(record: TensorRecord | undefined): unknown {
  if (record === undefined) return undefined;
  return { dtype: record.dtype, shape: record.shape, hex: hex(contiguousBytes(record)) };
}

test('each type and byte order as numpy wrote it; wide unsigned integers are widened', () => {
  const arrays = readNpz(fixture('arrays.npz'));
  assert.deepEqual([...arrays.keys()], Object.keys(expected.arrays));
  for (const [name, array] of arrays) assert.deepEqual(plain(array), expected.arrays[name], name);
  assert.deepEqual(arrays.get('fortran')?.strides, [1, 2]);
});

test('compressed archives and format versions 1 to 3', () => {
  for (const [name, array] of readNpz(fixture('compressed.npz'))) assert.deepEqual(plain(array), expected.arrays[name]);
  for (const name of ['float32.npy', 'version2.npy', 'version3.npy']) {
    assert.deepEqual(plain(readNpy(fixture(name))), expected.arrays.float32, name);
  }
});

test('a row-major array is written byte for byte as numpy writes it', () => {
  const [header, data] = encodeNpy(readNpy(fixture('float32.npy')));
  assert.deepEqual(Buffer.concat([header, data]), readFileSync(fixture('float32.npy')));
});

test('every element type survives, views become row-major, bfloat16 becomes float32', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.npy');
    for (const dtype of dtypes.filter((name) => !name.startsWith('q'))) {
      const sizes: Partial<Record<DType, number>> = {
        complex128: 16,
        complex64: 8,
        float64: 8,
        int64: 8,
        float32: 4,
        int32: 4,
      };
      const size = sizes[dtype] ?? (['uint8', 'int8', 'bool'].includes(dtype) ? 1 : 2);
      const bytes = Uint8Array.from({ length: 6 * size }, (_, i) => i % 2);
      const storage = { dtype, bytes, device: 'cpu' };
      const view = new TensorRecord({ dtype, shape: [3, 2], strides: [1, 3], storage });
      writeNpy(path, view);
      const read = readNpy(path);
      assert.deepEqual([read.dtype, read.shape], [dtype === 'bfloat16' ? 'float32' : dtype, [3, 2]]);
      if (dtype !== 'bfloat16') assert.equal(hex(contiguousBytes(read)), hex(contiguousBytes(view)));
    }
    writeNpy(path, TensorRecord.of('bfloat16', [2], new Uint8Array([0x80, 0x3f, 0x20, 0xc1])));
    assert.deepEqual([...new Float32Array(readNpy(path).storage.bytes.buffer)], [1, -10]);
    assert.throws(() => writeNpy(path, TensorRecord.of('qint8', [1], new Uint8Array(1))), { code: 'INVALID_ARGUMENT' });
  });
});

test('archives that are written are read back in order', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.npz');
    const arrays = readNpz(fixture('arrays.npz'));
    writeNpz(path, arrays);
    const again = readNpz(path);
    assert.deepEqual(
      [...again].map(([name, array]) => [name, plain(array)]),
      [...arrays].map(([name, array]) => [name, plain(array)]),
    );
  });
});

/** A version-1 file with this header and 8 bytes of data. */
function file(header: string): Uint8Array {
  const body = Buffer.from(`${header}\n`, 'latin1');
  const length = Buffer.from([body.length & 255, body.length >> 8]);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, body, Buffer.alloc(8)]);
}

test('what cannot be read says why', () => {
  for (const [name, message] of [
    ['text.npy', /numpy type '<U1' \(text\) is not supported/],
    ['objects.npy', /Python objects/],
    ['too-large.npy', /2\^63 or more does not fit into int64/],
    ['arrays.npz', /does not start with/],
  ] as const) {
    assert.throws(
      () => readNpy(fixture(name)),
      (error) => {
        assert.ok(error instanceof FileFormatError && error.path === fixture(name));
        assert.match(error.message, message);
        return true;
      },
    );
  }
  const header = (descr: string, shape: string) =>
    file(`{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`);
  for (const [bytes, message] of [
    [header("'<f4'", '(2, 3)'), /expected 24 bytes of array data .* but 8 are left/],
    [header("'<f4'", '(1152921504606846976,)'), /shape/],
    [header("'<f4'", '(1073741824, 1073741824, 4)'), /invalid array shape/],
    [header("'<f4'", '(-1,)'), /unexpected '-1/],
    [header("'<f16'", '(1,)'), /numpy type '<f16' is not supported/],
    [header("[('a', '<f4')]", '(1,)'), /records/],
    [header("['<f4']", '(1,)'), /records/],
    [file("{'descr': '<f4'}"), /missing/],
    [file('[]'), /expected '\{'/],
    [file("{'descr'"), /expected ':' but found the end/],
    [Buffer.from('\x93NUMPY\x09\x00', 'latin1'), /version 9\.0/],
    [Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1'), /claims 4294967295 bytes/],
  ] as const) {
    assert.throws(() => decodeNpy(bytes, 'x.npy'), { code: 'BAD_FILE', message });
  }
});

test('damaged files give an error of ours or sound arrays', () => {
  withFolder((folder) => {
    const path = join(folder, 'x');
    for (const [name, read] of [
      ['version2.npy', () => [readNpy(path)]],
      ['compressed.npz', () => [...readNpz(path).values()]],
      ['compressed.npz', () => [...readNpz(path, { checkCrc: false }).values()]],
    ] as const) {
      const original = readFileSync(fixture(name));
      fc.assert(
        fc.property(fc.nat(original.length - 1), fc.nat(255), fc.nat(2 * original.length), (at, byte, cut) => {
          const bytes = Uint8Array.from(original);
          bytes[at] = byte;
          writeFileSync(path, bytes.subarray(0, cut));
          try {
            for (const array of read()) contiguousBytes(array);
          } catch (error) {
            assert.ok(error instanceof FileFormatError, String(error));
          }
        }),
        { numRuns: 250 },
      );
    }
  });
});

test('half-precision scalars', () => {
  const cases = [
    [0x3c00, 1],
    [0xc000, -2],
    [0x0001, 2 ** -24],
    [0x7bff, 65504],
    [0xfc00, -Infinity],
    [0x8000, -0],
  ] as const;
  for (const [bits, value] of cases) assert.ok(Object.is(halfToNumber(bits), value), String(value));
  assert.ok(Number.isNaN(halfToNumber(0x7e00)));
});
