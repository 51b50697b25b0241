/** @file The promises of the load-failure message: each cause that the loader can mean is told apart and comes with a cure. */

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { builtAgainst, diagnoseLoadFailure, explainLoadFailure } from './load-failure.ts';

const record = { libtorch: { version: '2.5.1', libDir: tmpdir() }, builtAt: 'x' };
const attempt = { path: '/repo/build/edgeai_torch.node', built: true, record };

const code = (message: string, given = attempt) => diagnoseLoadFailure(new Error(message), given).code;

test('an addon that was never built points to the set-up', () => {
  const text = explainLoadFailure(new Error('Cannot find module'), {
    path: '/repo/x.node',
    built: false,
    record: undefined,
  });
  assert.match(text, /has not been built \(\/repo\/x\.node is not there\)/);
  assert.match(text, /npm run setup/);
  assert.doesNotMatch(text, /Cannot find module/);
});

test('the messages of the loaders of Linux and macOS are told apart', () => {
  const lib = 'cannot open shared object file: No such file or directory';
  assert.equal(code(`libtorch_cpu.so: ${lib}`), 'LIBTORCH_LIBRARY_MISSING');
  assert.equal(code(`libc10.so: ${lib}`), 'LIBTORCH_LIBRARY_MISSING');
  assert.equal(code('dlopen(/x.node, 0x0001): Library not loaded: @rpath/libtorch.dylib'), 'LIBTORCH_LIBRARY_MISSING');
  assert.equal(code(`libgomp.so.1: ${lib}`), 'LIBRARY_MISSING');
  assert.equal(code('/x.node: undefined symbol: _ZN3c105ErrorC1E'), 'LIBTORCH_MISMATCH');
  assert.equal(code("dlopen(/x.node): symbol not found in flat namespace '_ZN3c105ErrorC1E'"), 'LIBTORCH_MISMATCH');
  assert.equal(code('/x.node: wrong ELF class: ELFCLASS32'), 'WRONG_ARCHITECTURE');
  assert.equal(code('/x.node: invalid ELF header'), 'WRONG_ARCHITECTURE');
  assert.equal(
    code("(mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))"),
    'WRONG_ARCHITECTURE',
  );
  assert.equal(code("/lib/libm.so.6: version `GLIBC_2.38' not found (required by /x.node)"), 'SYSTEM_TOO_OLD');
  assert.equal(code('something never seen'), 'ADDON_LOAD_FAILED');
});

test('a libtorch that is gone is named with its version and place', () => {
  const gone = { ...attempt, record: { libtorch: { version: '2.4.0', libDir: '/nowhere/torch/lib' } } };
  const said = new Error('libtorch.so: cannot open shared object file');
  assert.equal(diagnoseLoadFailure(said, gone).code, 'LIBTORCH_GONE');
  assert.match(explainLoadFailure(said, gone), /libtorch 2\.4\.0 in \/nowhere\/torch\/lib, which is no longer there/);
});

test('the message keeps what the loader said and which file it was', () => {
  const text = explainLoadFailure(new Error('/x.node: undefined symbol: _ZN3c10\nRequire stack:\n- y'), attempt);
  assert.match(text, /lacks the symbol _ZN3c10: /);
  assert.match(text, /Loader: \/x\.node: undefined symbol: _ZN3c10/);
  assert.match(text, /Addon: \/repo\/build\/edgeai_torch\.node/);
});

test('a missing system library comes with the package that brings it', () => {
  const cure = (library: string) =>
    diagnoseLoadFailure(new Error(`${library}: cannot open shared object file: No such file`), attempt).cure;
  if (process.platform === 'darwin') return;
  assert.match(cure('libblas.so.3'), /libopenblas0-pthread/);
  assert.match(cure('libgomp.so.1'), /libgomp1/);
  assert.match(cure('libcudart.so.12'), /NVIDIA/);
});

test('a record of any shape is read without trust', () => {
  for (const record of [undefined, null, 3, {}, { libtorch: null }, { libtorch: { version: 1, libDir: 'x' } }]) {
    assert.equal(builtAgainst(record), undefined);
  }
  assert.deepEqual(builtAgainst({ libtorch: { version: '1.13.0', libDir: '/l' } }), {
    version: '1.13.0',
    libDir: '/l',
  });
});
