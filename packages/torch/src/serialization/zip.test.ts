/** @file Zip archives: round trips with and without 64-bit fields, alignment, and what corrupt archives are called. */

import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { zipSync } from 'fflate';
import { FileFormatError } from '../errors.ts';
import { withFolder } from './testing.ts';
import { ZipReader } from './zip.ts';
import { type ZipWriteOptions, ZipWriter } from './zip-writer.ts';

const CONTENT: [string, Uint8Array][] = [
  ['a/first', Buffer.from('hello')],
  ['a/empty', new Uint8Array(0)],
  ['a/größe', Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff)],
];

function write(path: string, options?: ZipWriteOptions): void {
  const fd = openSync(path, 'w');
  const zip = new ZipWriter(fd, options);
  for (const [name, bytes] of CONTENT) zip.add(name, bytes.subarray(0, 2), bytes.subarray(2));
  zip.finish();
  closeSync(fd);
}

function readAll(path: string): [string, Uint8Array][] {
  const zip = new ZipReader(path);
  try {
    return [...zip.entries.keys()].map((name) => [name, zip.read(name)]);
  } finally {
    zip.close();
  }
}

function plain(entries: [string, Uint8Array][]): [string, number[]][] {
  return entries.map(([name, bytes]) => [name, [...bytes]]);
}

for (const forceZip64 of [false, true]) {
  test(`entries come back ${forceZip64 ? 'with' : 'without'} 64-bit fields, each at a multiple of 64`, () => {
    withFolder((folder) => {
      const path = join(folder, 'a.zip');
      write(path, { forceZip64 });
      assert.deepEqual(plain(readAll(path)), plain(CONTENT));
      const bytes = readFileSync(path);
      assert.equal(bytes.indexOf('hello') % 64, 0);
      assert.equal(bytes.indexOf(CONTENT[2]?.[1] ?? '') % 64, 0);
    });
  });
}

test('archives of another writer are read, compressed entries too', () => {
  withFolder((folder) => {
    const path = join(folder, 'b.zip');
    const text = Buffer.from('text '.repeat(500));
    writeFileSync(
      path,
      zipSync({ stored: [text, { level: 0 }], packed: [text, { level: 9 }] }, { comment: 'hi' } as object),
    );
    assert.deepEqual(plain(readAll(path)), [
      ['stored', [...text]],
      ['packed', [...text]],
    ]);
  });
});

test('a name can be written once only', () => {
  withFolder((folder) => {
    const fd = openSync(join(folder, 'c.zip'), 'w');
    const zip = new ZipWriter(fd);
    zip.add('a', new Uint8Array(1));
    assert.throws(() => zip.add('a', new Uint8Array(1)), { code: 'INVALID_ARGUMENT' });
    closeSync(fd);
  });
});

test('every truncation is an error that names the file', () => {
  withFolder((folder) => {
    const path = join(folder, 'd.zip');
    write(path);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      assert.throws(
        () => readAll(path),
        (error) => error instanceof FileFormatError && error.path === path,
      );
    }
  });
});

test('a changed byte of an entry fails its checksum unless that is turned off', () => {
  withFolder((folder) => {
    const path = join(folder, 'e.zip');
    write(path);
    const bytes = readFileSync(path);
    bytes.write('H', bytes.indexOf('hello'));
    writeFileSync(path, bytes);
    assert.throws(() => readAll(path), /entry 'a\/first' does not match its CRC-32/);
    const zip = new ZipReader(path, { checkCrc: false });
    assert.equal(Buffer.from(zip.read('a/first')).toString(), 'Hello');
    assert.throws(() => zip.read('a/none'), /no entry 'a\/none'/);
    zip.close();
  });
});

/** Applies `change` to the first directory record of a zip64 archive and reads it. */
function readChanged(change: (view: DataView, record: number, end64: number) => void): void {
  withFolder((folder) => {
    const path = join(folder, 'f.zip');
    write(path, { forceZip64: true });
    const bytes = readFileSync(path);
    const record = bytes.indexOf('PK\x01\x02', 0, 'latin1');
    const end64 = bytes.indexOf('PK\x06\x06', 0, 'latin1');
    change(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), record, end64);
    writeFileSync(path, bytes);
    readAll(path);
  });
}

test('impossible sizes fail before memory is taken', () => {
  const extra = 46 + 'a/first'.length + 4;
  const cases: [RegExp, (view: DataView, record: number, end64: number) => void][] = [
    [/cannot unpack to/, (view, record) => view.setBigUint64(record + extra, 1n << 60n, true)],
    [
      /reaches beyond offset/,
      (view, record) => {
        view.setBigUint64(record + extra, 1n << 50n, true);
        view.setBigUint64(record + extra + 8, 1n << 50n, true);
      },
    ],
    [
      /cannot unpack to/,
      (view, record) => {
        view.setUint16(record + 10, 8, true);
        view.setBigUint64(record + extra, 1n << 40n, true);
      },
    ],
    [/directory/, (view, _, end64) => view.setBigUint64(end64 + 40, 1n << 60n, true)],
    [/breaks off/, (view, _, end64) => view.setBigUint64(end64 + 32, 1n << 60n, true)],
    [/no header of entry 'a\/first'/, (view, record) => view.setBigUint64(record + extra + 16, 128n, true)],
    // The last entry starts at 192.
    [/'a\/first' .* reaches beyond offset 192/, (view, record) => view.setBigUint64(record + extra + 16, 165n, true)],
    [/encrypted/, (view, record) => view.setUint16(record + 8, 1, true)],
    [/method 99/, (view, record) => view.setUint16(record + 10, 99, true)],
  ];
  for (const [message, change] of cases) assert.throws(() => readChanged(change), { code: 'BAD_FILE', message });
});

test('a folder, an empty file and some text are no archives', () => {
  withFolder((folder) => {
    const path = join(folder, 'g.zip');
    writeFileSync(path, '');
    assert.throws(() => new ZipReader(path), { code: 'BAD_FILE', message: /not a zip archive/ });
    writeFileSync(path, 'text '.repeat(50));
    assert.throws(() => new ZipReader(path), { code: 'BAD_FILE', message: /not a zip archive/ });
    assert.throws(() => new ZipReader(folder), { code: 'BAD_FILE', message: /is a folder/ });
    assert.throws(() => new ZipReader(join(folder, 'none')), { code: 'ENOENT' });
  });
});
