/** @file The promises of the search: its order, what it reads out of a folder, and that a wrong LIBTORCH is never skipped. */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fakeLibtorchFiles, writeFiles } from './fake-libtorch.mjs';
import { findLibtorch } from './find-libtorch.mjs';
import { compareVersions } from './libtorch-folder.mjs';

let base = '';
const linux = { platform: 'linux', arch: 'x64' };

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'find-libtorch-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** A search that sees only what the test has put under `base`. @param {Record<string, string>} [env] @param {object} [more] */
function search(env = {}, more = {}) {
  return findLibtorch({
    env: { PATH: join(base, 'bin'), HOME: join(base, 'home'), ...env },
    root: base,
    ...linux,
    ...more,
  });
}

/** A python3 that answers as if torch lay in `folder`. @param {string} path @param {string} folder */
function fakePython(path, folder) {
  writeFiles(base, { [path]: `#!/bin/sh\necho '${folder}'\n` });
  chmodSync(join(base, path), 0o755);
}

test('the order is LIBTORCH, system, Python, cache', () => {
  const named = join(base, 'named');
  writeFiles(named, fakeLibtorchFiles({ version: '2.1.0' }));
  writeFiles(join(base, 'usr'), fakeLibtorchFiles({ version: '2.2.0', lib: 'lib/x86_64-linux-gnu' }));
  writeFiles(join(base, 'torch'), fakeLibtorchFiles({ version: '2.3.0' }));
  fakePython('bin/python3', join(base, 'torch'));
  writeFiles(join(base, 'home/.cache/edgeai/libtorch/2.4.0'), fakeLibtorchFiles({ version: '2.4.0' }));

  const chosen = (/** @type {Record<string, string>} */ env) => {
    const { found } = search(env);
    return [found?.source, found?.version];
  };
  assert.deepEqual(chosen({ LIBTORCH: named }), ['LIBTORCH', '2.1.0']);
  assert.deepEqual(chosen({}), ['system', '2.2.0']);
  rmSync(join(base, 'usr'), { recursive: true });
  assert.deepEqual(chosen({}), ['python', '2.3.0']);
  rmSync(join(base, 'bin'), { recursive: true });
  assert.deepEqual(chosen({}), ['cache', '2.4.0']);
  rmSync(join(base, 'home'), { recursive: true });
  const { found, tried } = search();
  assert.equal(found, undefined);
  assert.deepEqual([...new Set(tried.map((attempt) => attempt.source))], ['system', 'python', 'cache']);
});

test('an active virtual environment is asked too, the newest download wins, EDGEAI_CACHE moves the cache', () => {
  writeFiles(join(base, 'site/torch'), fakeLibtorchFiles({ version: '2.6.0' }));
  fakePython('venv/bin/python', join(base, 'site/torch'));
  assert.equal(search({ VIRTUAL_ENV: join(base, 'venv') }).found?.libDir, join(base, 'site/torch/lib'));

  writeFiles(join(base, 'cache/libtorch/2.9.1'), fakeLibtorchFiles({ version: '2.9.1' }));
  writeFiles(join(base, 'cache/libtorch/2.10.0'), fakeLibtorchFiles({ version: '2.10.0' }));
  assert.equal(search({ EDGEAI_CACHE: join(base, 'cache') }).found?.version, '2.10.0');
});

test('ABI, C++ standard and CUDA are read from the folder', () => {
  const folder = join(base, 'named');
  const read = (/** @type {Parameters<typeof fakeLibtorchFiles>[0]} */ options) => {
    rmSync(folder, { recursive: true, force: true });
    writeFiles(folder, fakeLibtorchFiles(options));
    const { found } = search({ LIBTORCH: folder });
    return [found?.abi, found?.cxxStandard, found?.cuda];
  };
  assert.deepEqual(read({}), [1, 17, false]);
  assert.deepEqual(read({ cxx11: false }), [0, 17, false]);
  assert.deepEqual(read({ config: 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")' }), [0, 17, false]);
  assert.deepEqual(read({ config: '    CXX_STANDARD 20\n', cuda: true }), [1, 20, true]);
  assert.deepEqual(read({ config: '    CXX_STANDARD 14\n' }), [1, 17, false]);
});

test('a wrong LIBTORCH is an error that names what is missing, even where the system has one', () => {
  writeFiles(join(base, 'usr'), fakeLibtorchFiles());
  assert.throws(() => search({ LIBTORCH: join(base, 'nowhere') }), {
    code: 'LIBTORCH_INCOMPLETE',
    message: new RegExp(`LIBTORCH=${base}/nowhere: there is no such folder`),
  });
  const folder = join(base, 'half');
  writeFiles(folder, fakeLibtorchFiles());
  rmSync(join(folder, 'lib/libtorch_cpu.so'));
  assert.throws(() => search({ LIBTORCH: folder }), {
    code: 'LIBTORCH_INCOMPLETE',
    message: /half\/lib\/libtorch_cpu\.so missing; the folder must have include\/ and lib\//,
  });
});

test('what is too old or for another processor is refused by name, and passed over elsewhere', () => {
  const old = fakeLibtorchFiles({ version: '1.8.1' });
  writeFiles(join(base, 'usr'), old);
  writeFiles(join(base, 'usr/local'), fakeLibtorchFiles({ machine: 183 }));
  const { found, tried } = search();
  assert.equal(found, undefined);
  assert.match(tried[0]?.outcome ?? '', /version 1\.8\.1 is too old, 1\.13 or newer is needed/);
  assert.match(tried[1]?.outcome ?? '', /another processor than this Node \(x64\)/);
  assert.throws(() => search({ LIBTORCH: join(base, 'usr') }), { code: 'LIBTORCH_TOO_OLD' });
  assert.equal(search({}, { arch: 'arm64' }).found?.libDir, join(base, 'usr/local/lib'));
});

test('versions compare by number, not by letter', () => {
  assert.ok(compareVersions('2.10.0', '2.9.1') > 0);
  assert.ok(compareVersions('1.13.0a0', '1.13') === 0);
  assert.ok(compareVersions('1.12.1', '1.13') < 0);
});
