/** @file Atomic writes: what is left behind by success and by every kind of failure. */

import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileWriteError, writeFileAtomic, writeFully } from './atomic.ts';
import { withFolder } from './testing.ts';

test('the new file replaces the old one, keeps its mode, and nothing else is left', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.pth');
    writeFileSync(path, 'old');
    chmodSync(path, 0o640);
    writeFileAtomic(path, (fd) => {
      writeFully(fd, Buffer.from('new'));
      assert.equal(readFileSync(path, 'utf8'), 'old');
    });
    assert.equal(readFileSync(path, 'utf8'), 'new');
    assert.equal(statSync(path).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(folder), ['a.pth']);
  });
});

test('when filling fails, the old file stays and the temporary one goes', () => {
  withFolder((folder) => {
    const path = join(folder, 'a.pth');
    writeFileSync(path, 'old');
    const failing = (fd: number): void => {
      writeSync(fd, 'half');
      throw new RangeError('no');
    };
    assert.throws(() => writeFileAtomic(path, failing), RangeError);
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.deepEqual(readdirSync(folder), ['a.pth']);
  });
});

test('a full disk is reported with the name of the file and leaves the old one', {
  skip: process.platform !== 'linux',
}, () => {
  withFolder((folder) => {
    const path = join(folder, 'a.pth');
    writeFileSync(path, 'old');
    const full = openSync('/dev/full', 'w');
    const action = () => writeFileAtomic(path, () => writeFully(full, Buffer.from('x')));
    assert.throws(action, (error: unknown) => {
      assert.ok(error instanceof FileWriteError);
      assert.equal(error.code, 'WRITE_FAILED');
      assert.match(error.message, /a\.pth: cannot be written, .* unchanged \(ENOSPC: no space left on device\)/);
      return true;
    });
    closeSync(full);
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.deepEqual(readdirSync(folder), ['a.pth']);
  });
});

test('a missing folder and a folder in place of the file are errors that name the path', () => {
  withFolder((folder) => {
    assert.throws(() => writeFileAtomic(join(folder, 'no', 'a'), () => {}), {
      code: 'WRITE_FAILED',
      message: /no\/a: .*ENOENT/,
    });
    assert.throws(() => writeFileAtomic(folder, () => {}), { code: 'WRITE_FAILED', message: /is a folder/ });
  });
});

test('a symbolic link stays one, and a device is written to', { skip: process.platform === 'win32' }, () => {
  withFolder((folder) => {
    const link = join(folder, 'link');
    writeFileSync(join(folder, 'real'), 'old');
    symlinkSync('real', link);
    writeFileAtomic(link, (fd) => writeFully(fd, Buffer.from('new')));
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.equal(readFileSync(join(folder, 'real'), 'utf8'), 'new');
    writeFileAtomic('/dev/null', (fd) => writeFully(fd, Buffer.from('x')));
    assert.ok(statSync('/dev/null').isCharacterDevice());
  });
});
