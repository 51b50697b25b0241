/** @file Downloads arrive whole and checked, or leave nothing behind. Served by a local server. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DownloadError, downloadFile } from './download.ts';

const content = Buffer.alloc(300_000, 'edge ');
const sha256 = createHash('sha256').update(content).digest('hex');
const folder = mkdtempSync(join(tmpdir(), 'download-'));
let server: Server;
let base: string;

before(async () => {
  server = createServer((request, response) => {
    if (request.url === '/file') {
      response.setHeader('content-length', content.length);
      response.end(content);
    } else if (request.url === '/broken') {
      response.setHeader('content-length', content.length);
      response.write(content.subarray(0, 1000), () => response.destroy());
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test('a file arrives whole, in new folders, with progress', async () => {
  const path = join(folder, 'a', 'b', 'file.bin');
  const seen: number[] = [];
  await downloadFile(`${base}/file`, path, {
    sha256: sha256.slice(0, 8),
    onProgress: ({ received, total }) => {
      assert.equal(total, content.length);
      seen.push(received);
    },
  });
  assert.ok(readFileSync(path).equals(content));
  assert.equal(seen.at(-1), content.length);
  assert.deepEqual(readdirSync(join(folder, 'a', 'b')), ['file.bin']);
});

test('a wrong hash, a missing file and a broken connection leave what was there', async () => {
  const own = mkdtempSync(join(folder, 'own-'));
  const path = join(own, 'file.bin');
  writeFileSync(path, 'old');
  const fails = (route: string, code: string, options = {}) =>
    assert.rejects(
      downloadFile(`${base}${route}`, path, options),
      (error: unknown) => error instanceof DownloadError && error.code === code && error.message.includes(route),
    );
  await fails('/file', 'HASH_MISMATCH', { sha256: '00000000' });
  await fails('/none', 'DOWNLOAD_FAILED');
  await fails('/broken', 'DOWNLOAD_FAILED');
  assert.equal(readFileSync(path, 'utf8'), 'old');
  assert.deepEqual(readdirSync(own), ['file.bin']);
});

test('a server that does not exist is named', async () => {
  await assert.rejects(downloadFile('http://127.0.0.1:1/x', join(folder, 'x')), /127\.0\.0\.1:1\/x: no answer/);
});
