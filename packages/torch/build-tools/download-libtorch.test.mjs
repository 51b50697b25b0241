/** @file The promises of the download, against a local server: checked before unpacking, resumable, nothing half done left in place. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { zipSync } from 'fflate';
import { fetchFile, sha256Of } from './download-file.mjs';
import { downloadLibtorch, officialArchive } from './download-libtorch.mjs';
import { fakeLibtorchFiles } from './fake-libtorch.mjs';

const files = Object.entries(fakeLibtorchFiles({ version: '2.5.1' }));
// An incompressible extra file, so that a truncated archive has something to lack.
const noise = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7919 + (index >> 3) * 31) & 255));
const archive = Buffer.from(
  zipSync(
    Object.fromEntries(
      [...files, ['lib/noise.bin', noise]].map(([path, data]) => [`libtorch/${path}`, Buffer.from(data)]),
    ),
    { level: 0 },
  ),
);
const sha256 = createHash('sha256').update(archive).digest('hex');

let base = '';
let site = '';
/** How many bytes the next answers may send before the connection breaks. */
let breakAfter = Number.POSITIVE_INFINITY;
/** @type {(string | undefined)[]} the Range header of each request */
let ranges = [];

const server = createServer((request, response) => {
  const range = request.headers.range;
  ranges.push(range);
  if (request.url === '/absent.zip') return response.writeHead(404).end();
  const start = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
  if (start >= archive.length) return response.writeHead(416).end();
  const body = archive.subarray(start);
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': body.length,
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${archive.length - 1}/${archive.length}` }),
  });
  if (body.length <= breakAfter) response.end(body);
  else response.write(body.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 20));
});

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  site = `http://127.0.0.1:${address.port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'download-libtorch-'));
  breakAfter = Number.POSITIVE_INFINITY;
  ranges = [];
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** @param {object} [more] */
function download(more = {}) {
  const env = { ...process.env, EDGEAI_CACHE: base, no_proxy: '127.0.0.1' };
  return downloadLibtorch({ url: `${site}/libtorch.zip`, sha256, env, platform: 'linux', arch: 'x64', ...more });
}
const inCache = () => readdirSync(join(base, 'libtorch')).sort();

test('a good archive lands in the cache, once, with nothing left beside it', async () => {
  const found = await download();
  assert.equal(found.source, 'cache');
  assert.equal(found.version, '2.5.1');
  assert.equal(found.libDir, join(base, 'libtorch/2.5.1/lib'));
  assert.deepEqual(inCache(), ['2.5.1']);
  await download();
  assert.equal(ranges.length, 1);
});

test('a wrong checksum unpacks nothing and keeps nothing', async () => {
  const wrong = 'ab'.repeat(32);
  await assert.rejects(download({ sha256: wrong }), (error) => {
    assert.ok(error instanceof Error && 'code' in error);
    assert.equal(error.code, 'CHECKSUM_MISMATCH');
    assert.match(error.message, new RegExp(`has SHA-256 ${sha256}, expected ${wrong}`));
    return true;
  });
  assert.deepEqual(inCache(), []);
});

test('a broken connection is an error, and the next call fetches only the rest', async () => {
  breakAfter = 50_000;
  await assert.rejects(download(), { code: 'TRUNCATED', message: /goes on where it stopped/ });
  assert.equal(existsSync(join(base, 'libtorch/2.5.1')), false);
  breakAfter = Number.POSITIVE_INFINITY;
  await download();
  assert.deepEqual(ranges, [undefined, 'bytes=50000-']);
  assert.deepEqual(inCache(), ['2.5.1']);
});

for (const useCurl of [true, false]) {
  test(`${useCurl ? 'curl' : 'Node'}: whole, broken and resumed, and absent files`, async () => {
    const file = join(base, 'part');
    breakAfter = 1000;
    await assert.rejects(fetchFile({ url: `${site}/x.zip`, file, useCurl }), { code: 'TRUNCATED' });
    breakAfter = Number.POSITIVE_INFINITY;
    await fetchFile({ url: `${site}/x.zip`, file, useCurl });
    assert.equal(await sha256Of(file), sha256);
    // Asking again for a whole file changes nothing.
    await fetchFile({ url: `${site}/x.zip`, file, useCurl });
    assert.equal(await sha256Of(file), sha256);
    await assert.rejects(fetchFile({ url: `${site}/absent.zip`, file: join(base, 'none'), useCurl }), {
      code: 'DOWNLOAD_FAILED',
      message: /404/,
    });
  });
}

test('a version without a published checksum needs one, a platform without an archive is told so', async () => {
  await assert.rejects(download({ sha256: undefined, url: undefined, version: '2.99.0' }), {
    code: 'NO_CHECKSUM',
    message: /--sha256/,
  });
  await assert.rejects(download({ sha256: 'abc' }), { code: 'BAD_CHECKSUM' });
  assert.throws(() => officialArchive('2.5.1', 'sunos', 'x64'), {
    code: 'NO_ARCHIVE',
    message: /linux-x64, darwin-arm64/,
  });
  assert.match(officialArchive('2.5.1', 'linux', 'x64').url, /libtorch-cxx11-abi-shared-with-deps-2\.5\.1%2Bcpu\.zip$/);
  assert.equal(ranges.length, 0);
});
