/** @file The promises of the build: when it is due, that it happens once, that a failure leaves the old addon and says why. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { explainBuildFailure } from './build-failure.mjs';
import { withLock } from './build-lock.mjs';
import { buildNative, libtorchToUse, nativeStatus } from './build-native.mjs';
import { fakeLibtorchFiles, writeFiles } from './fake-libtorch.mjs';
import { inspectLibtorch } from './libtorch-folder.mjs';

// A stand-in for the addon that needs no compiler: CMake copies a source to where the library would be.
const CMAKE = [
  'cmake_minimum_required(VERSION 3.18)',
  'project(stand_in NONE)',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: CMake's own variables
  'add_custom_command(OUTPUT edgeai_torch.node COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/addon.cc edgeai_torch.node DEPENDS addon.cc)',
  'add_custom_target(addon ALL DEPENDS edgeai_torch.node)',
].join('\n');

let base = '';
let folder = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'build-native-'));
  folder = join(base, 'native');
  writeFiles(folder, { 'CMakeLists.txt': CMAKE, 'addon.cc': 'one' });
  writeFiles(join(base, 'a'), fakeLibtorchFiles({ version: '2.5.1' }));
  writeFiles(join(base, 'b'), fakeLibtorchFiles({ version: '2.6.0' }));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** @param {string} name */
function libtorchIn(name) {
  const root = join(base, name);
  return inspectLibtorch({
    source: 'LIBTORCH',
    include: join(root, 'include'),
    libDir: join(root, 'lib'),
    platform: 'linux',
  });
}
const addon = () => readFileSync(join(folder, 'build/edgeai_torch.node'), 'utf8');
const onLinux = { skip: process.platform === 'linux' ? false : 'the stand-in libtorch has Linux file names' };

test('it builds what is missing, skips what is current and rebuilds what is stale', onLinux, async () => {
  const libtorch = libtorchIn('a');
  assert.equal(nativeStatus({ folder }).state, 'missing');
  assert.equal((await buildNative({ libtorch, folder })).built, true);
  assert.equal(addon(), 'one');
  assert.equal(nativeStatus({ folder, libtorch }).state, 'current');
  assert.equal((await buildNative({ libtorch, folder })).built, false);

  writeFileSync(join(folder, 'addon.cc'), 'two');
  assert.match(nativeStatus({ folder }).reason, /sources have changed/);
  await buildNative({ libtorch, folder });
  assert.equal(addon(), 'two');

  const other = nativeStatus({ folder, libtorch: libtorchIn('b') });
  assert.equal(other.state, 'stale');
  assert.match(other.reason, /against libtorch 2\.5\.1 in .*a\/lib, not 2\.6\.0 in .*b\/lib/);
});

test('a libtorch that was replaced or removed makes the addon stale', onLinux, async () => {
  await buildNative({ libtorch: libtorchIn('a'), folder });
  writeFiles(join(base, 'a'), fakeLibtorchFiles({ version: '2.7.0' }));
  assert.match(nativeStatus({ folder }).reason, /was 2\.5\.1 and is now 2\.7\.0/);
  rmSync(join(base, 'a'), { recursive: true });
  assert.match(nativeStatus({ folder }).reason, /no longer there/);
});

test('the choice made once holds until LIBTORCH names another', onLinux, async () => {
  const env = { PATH: '', HOME: base };
  const options = { folder, root: join(base, 'b'), platform: 'linux', env };
  assert.equal(libtorchToUse(options).found, undefined);
  await buildNative({ libtorch: libtorchIn('a'), folder });
  assert.equal(libtorchToUse(options).found?.version, '2.5.1');
  assert.equal(libtorchToUse({ ...options, env: { ...env, LIBTORCH: join(base, 'b') } }).found?.version, '2.6.0');
  rmSync(join(base, 'a'), { recursive: true });
  assert.equal(libtorchToUse(options).found, undefined);
});

test('a failed build says so and leaves the addon that was there', onLinux, async () => {
  const libtorch = libtorchIn('a');
  await buildNative({ libtorch, folder });
  writeFileSync(join(folder, 'CMakeLists.txt'), `${CMAKE}\nmessage(FATAL_ERROR "no such thing")`);
  await assert.rejects(buildNative({ libtorch, folder }), {
    code: 'BUILD_FAILED',
    message: /no such thing[\s\S]*build\.log/,
  });
  assert.equal(addon(), 'one');
  assert.equal(nativeStatus({ folder }).state, 'stale');
  assert.equal(existsSync(join(folder, 'build/lock')), false);
});

test('two builds at once do the work once', onLinux, async () => {
  const libtorch = libtorchIn('a');
  const lines = /** @type {string[]} */ ([]);
  const log = (/** @type {string} */ line) => lines.push(line);
  const results = await Promise.all([buildNative({ libtorch, folder, log }), buildNative({ libtorch, folder, log })]);
  assert.deepEqual(results.map((result) => result.built).sort(), [false, true]);
  assert.ok(lines.some((line) => line.includes('waiting')));
});

test('the lock lets one in at a time and is taken over from a dead process', async () => {
  const path = join(base, 'lock');
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(20);
    inside -= 1;
  };
  // No process has this id: it is above the largest that Linux and macOS give out.
  writeFileSync(path, `99999999 ${hostname()}`);
  await Promise.all([1, 2, 3].map(() => withLock(path, work, { pollMs: 2 })));
  assert.equal(most, 1);
  assert.equal(existsSync(path), false);
  await assert.rejects(
    withLock(path, () => Promise.reject(new Error('x'))),
    /x/,
  );
  assert.equal(existsSync(path), false);
});

test('a compiler failure shows its errors, the likely cure and where the rest is', () => {
  mkdirSync(folder, { recursive: true });
  const noise = Array.from({ length: 200 }, (_, index) => `[${index}/200] Building`).join('\n');
  const say = (/** @type {string} */ output) => explainBuildFailure(`${noise}\n${output}`, '/x/build.log');
  const missing = say('call.cc:3:10: fatal error: ATen/ATen.h: No such file or directory\n 3 | #include\n   | ^');
  assert.match(missing, /fatal error: ATen/);
  assert.match(missing, /LIBTORCH=/);
  assert.match(missing, /\/x\/build\.log/);
  assert.ok(missing.split('\n').length < 10);
  assert.match(say('g++: fatal error: Killed signal terminated program cc1plus'), /EDGEAI_BUILD_JOBS=1/);
  assert.match(say("g++: error: unrecognized command line option '-std=gnu++20'"), /too old/);
  assert.match(say('No CMAKE_CXX_COMPILER could be found.'), /install g\+\+/);
});
