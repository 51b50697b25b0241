/** @file Downloads arrive whole and checked, or leave nothing in place, whatever the server does. Served by a local server. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { breakOff, serveFile, testServer } from './download/testing.ts';
import { DownloadError, type DownloadOptions, downloadFile } from './download.ts';

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 256));
const sha256 = createHash('sha256').update(content).digest('hex');
const md5 = createHash('md5').update(content).digest('hex');
/** Without the pauses, and whatever proxy this machine uses. */
const quick = { retryDelay: 1, env: {} };

const root = mkdtempSync(join(tmpdir(), 'download-'));
after(() => rmSync(root, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(root, 'test-'));

const server = await testServer();
const { base, requests } = server;

const fetchTo = (path: string, options: DownloadOptions = {}, urls: string | string[] = `${base}/file`) =>
  downloadFile(urls, path, { ...quick, ...options });

test('a file arrives whole, in new folders, with progress; one that is right already is left alone', async () => {
  server.answer((request, response) => serveFile(content, request, response));
  const folder = newFolder();
  const path = join(folder, 'a', 'b', 'file.bin');
  const seen: (number | undefined)[][] = [];
  await fetchTo(path, {
    sha256: sha256.slice(0, 8).toUpperCase(),
    onProgress: ({ received, total }) => seen.push([received, total]),
  });
  assert.deepEqual(readFileSync(path), content);
  assert.deepEqual(seen.at(-1), [content.length, content.length]);
  assert.deepEqual(readdirSync(join(folder, 'a', 'b')), ['file.bin']);
  await fetchTo(path, { sha256 });
  await fetchTo(path, { md5 });
  assert.deepEqual(requests, ['/file whole']);
  writeFileSync(path, 'damaged');
  await fetchTo(path, { md5 });
  assert.deepEqual(readFileSync(path), content);
});

test('it resumes where the connection broke: with a hash, or where the server vouches for the version', async () => {
  for (const [options, headers] of [
    [{ md5 }, {}],
    [{}, { etag: '"v1"' }],
    [{}, { 'last-modified': 'Tue, 24 Nov 2020 08:00:00 GMT' }],
  ] as const) {
    const path = join(newFolder(), 'file.bin');
    const conditions: unknown[] = [];
    server.answer((request, response, count) => {
      conditions.push(request.headers['if-range']);
      if (count === 1) breakOff(content, 100_000, response, headers);
      else serveFile(content, request, response, headers);
    });
    await fetchTo(path, options);
    assert.deepEqual(readFileSync(path), content);
    assert.deepEqual(requests, ['/file whole', '/file 100000-']);
    assert.deepEqual(conditions, [undefined, Object.values(headers)[0]]);
  }
});

test('without a hash, half a file is worth nothing unless the server vouches for it', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'file.bin.part'), content.subarray(0, 1000));
  server.answer((request, response, count) => {
    if (count === 1) breakOff(content, 100_000, response, { etag: 'W/"weak"' });
    else serveFile(content, request, response);
  });
  await fetchTo(join(folder, 'file.bin'));
  assert.deepEqual(readFileSync(join(folder, 'file.bin')), content);
  assert.deepEqual(requests, ['/file whole', '/file whole']);
  assert.deepEqual(readdirSync(folder), ['file.bin']);
});

test('a file that changed on the server meanwhile comes whole', async () => {
  const changed = Buffer.from('a new version of the file');
  server.answer((request, response, count) => {
    if (count === 1) breakOff(content, 100_000, response, { etag: '"v1"' });
    else if (request.headers['if-range'] === '"v1"')
      response.writeHead(200, { etag: '"v2"', 'content-length': changed.length }).end(changed);
    else response.writeHead(500).end();
  });
  const path = join(newFolder(), 'file.bin');
  await fetchTo(path);
  assert.deepEqual(readFileSync(path), changed);
});

test('it takes up what an earlier process left, finished or not, and notices what is wrong', async () => {
  server.answer((request, response) => serveFile(content, request, response));
  const folder = newFolder();
  const path = join(folder, 'file.bin');
  writeFileSync(`${path}.part`, content);
  await fetchTo(path, { sha256 });
  writeFileSync(path, 'an old version');
  writeFileSync(`${path}.part`, Buffer.alloc(50_000));
  await fetchTo(path, { sha256 });
  assert.deepEqual(requests, ['/file 300000-', '/file 50000-', '/file whole']);

  // No process has such a number. A part of a living process is its own, unless nothing has happened to it for long.
  const host = hostname().replaceAll(/[^A-Za-z0-9]/g, '') || 'host';
  const dead = `${path}.${host}-999999999-0123abcd.part`;
  const living = `${path}.${host}-${process.pid}-0123abcd.part`;
  rmSync(path);
  writeFileSync(dead, content.subarray(0, 200_000));
  writeFileSync(living, content.subarray(0, 100));
  requests.length = 0;
  await fetchTo(path, { sha256 });
  assert.deepEqual(requests, ['/file 200000-']);
  assert.ok(existsSync(living) && !existsSync(dead));
  rmSync(path);
  utimesSync(living, 1000, 1000);
  await fetchTo(path, { sha256 });
  assert.equal(requests.at(-1), '/file 100-');
  assert.deepEqual(readdirSync(folder), ['file.bin']);
});

test('servers that cannot resume, or answer with another range', async () => {
  const path = join(newFolder(), 'file.bin');
  writeFileSync(`${path}.part`, content.subarray(0, 1000));
  server.answer((_, response) => response.writeHead(200, { 'content-length': content.length }).end(content));
  await fetchTo(path, { md5 });
  assert.deepEqual(readFileSync(path), content);
  assert.deepEqual(requests, ['/file 1000-']);

  rmSync(path);
  writeFileSync(`${path}.part`, content.subarray(0, 1000));
  server.answer((request, response) => {
    if (request.headers.range === undefined) return serveFile(content, request, response);
    const range = `bytes 0-${content.length - 1}/${content.length}`;
    response.writeHead(206, { 'content-length': content.length, 'content-range': range }).end(content);
  });
  await fetchTo(path, { md5 });
  assert.deepEqual(readFileSync(path), content);
  assert.deepEqual(requests, ['/file 1000-', '/file whole']);
});

test('a line that breaks again and again is not given up as long as the file grows', async () => {
  const path = join(newFolder(), 'file.bin');
  server.answer((request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const end = Math.min(start + 40_000, content.length);
    if (start === 0) return breakOff(content, end, response);
    const range = `bytes ${start}-${content.length - 1}/${content.length}`;
    response.writeHead(206, { 'content-length': content.length - start, 'content-range': range });
    // A busy machine needs a while to read what a broken connection would take along.
    response.write(content.subarray(start, end), () => setTimeout(() => response.destroy(), 150));
  });
  await fetchTo(path, { sha256, retries: 1 });
  assert.deepEqual(readFileSync(path), content);
  assert.ok(requests.length >= Math.ceil(content.length / 40_000), `${requests.length} requests`);
});

test('it goes on to the next address, and asks one that refuses only once', async () => {
  server.answer((request, response, count) => {
    if (request.url === '/gone') response.writeHead(404).end();
    else if (count < 4) response.writeHead(503).end();
    else serveFile(content, request, response);
  });
  await fetchTo(join(newFolder(), 'file.bin'), { md5 }, [`${base}/gone`, `${base}/busy`]);
  assert.deepEqual(requests, ['/gone whole', '/busy whole', '/busy whole', '/busy whole']);
});

test('redirects are followed, but not for ever', async () => {
  server.answer((request, response) => {
    if (request.url === '/file') response.writeHead(302, { location: '/moved?to=here' }).end();
    else if (request.url === '/circle') response.writeHead(301, { location: '/circle' }).end();
    else serveFile(content, request, response);
  });
  const path = join(newFolder(), 'file.bin');
  await fetchTo(path, { sha256 });
  assert.deepEqual(readFileSync(path), content);
  await assert.rejects(fetchTo(`${path}2`, { retries: 0 }, `${base}/circle`), /redirected more than 10 times/);
});

test('wrong content is deleted, named, and leaves what was there', async () => {
  const folder = newFolder();
  const path = join(folder, 'file.bin');
  writeFileSync(path, 'old');
  server.answer((_, response) => response.end('<!DOCTYPE html><title>Please log in</title>'));
  await assert.rejects(fetchTo(path, { sha256: '0123abcd' }), (error: unknown) => {
    assert.ok(error instanceof DownloadError);
    assert.equal(error.code, 'HASH_MISMATCH');
    assert.equal(error.url, `${base}/file`);
    assert.match(error.message, /\/file: expected a file with SHA-256 0123abcd… but received one with [0-9a-f]{64}/);
    assert.match(error.message, /deleted.*begins like a web page/);
    return true;
  });
  assert.equal(requests.length, 2, 'a second try, no third');
  assert.equal(readFileSync(path, 'utf8'), 'old');
  assert.deepEqual(readdirSync(folder), ['file.bin']);
});

test('truncated bodies, refusals and broken connections are told apart, and leave what was there', async () => {
  const folder = newFolder();
  const path = join(folder, 'file.bin');
  writeFileSync(path, 'old');
  server.answer((request, response) => {
    if (request.url === '/truncated') breakOff(content, 1000, response);
    else if (request.url === '/dropped') response.destroy();
    else response.writeHead(request.url === '/forbidden' ? 403 : 500).end();
  });
  const fails = (route: string, message: RegExp) =>
    assert.rejects(fetchTo(path, { retries: 1 }, base + route), (error: unknown) => {
      assert.ok(error instanceof DownloadError);
      assert.equal(error.code, 'DOWNLOAD_FAILED');
      assert.ok(error.message.startsWith(`${base}${route}: `), error.message);
      assert.match(error.message, message);
      assert.ok(error.message.includes(`put it at ${path}`), 'says what to do by hand');
      return true;
    });
  await fails('/truncated', /the connection broke after 1000 bytes/);
  await fails('/dropped', /no answer \(socket hang up\)/);
  await fails('/broken', /the server answered 500 Internal Server Error/);
  assert.equal(requests.length, 6);
  await fails('/forbidden', /the server answered 403 Forbidden/);
  assert.equal(requests.length, 7, 'a refusal is final');
  assert.equal(readFileSync(path, 'utf8'), 'old');
  assert.deepEqual(readdirSync(folder), ['file.bin']);
});

test('every address is in the message', async () => {
  server.answer((_, response) => response.writeHead(404).end());
  const path = join(newFolder(), 'file.bin');
  await assert.rejects(
    fetchTo(path, { retries: 0 }, [`${base}/a`, 'http://127.0.0.1:1/b', 'ftp://127.0.0.1/c']),
    /none of 3 addresses worked:[\s\S]*\/a: the server answered 404[\s\S]*:1\/b: no answer \(connect ECONNREFUSED[\s\S]*\/c: no answer \(expected an http/,
  );
  await assert.rejects(fetchTo(path, {}, []), /at least one address/);
});

test('it gives up on a silent server, and when told to; what came stays for the next attempt', async () => {
  const folder = newFolder();
  const path = join(folder, 'file.bin');
  server.answer((request, response) => {
    if (request.url === '/mute') return;
    response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 5));
  });
  const silent = { md5, retries: 0, timeout: 50 };
  await assert.rejects(fetchTo(path, silent, `${base}/mute`), /no answer \(the server is silent\)/);
  await assert.rejects(fetchTo(path, silent), /the server fell silent after 5 bytes/);
  assert.deepEqual(readdirSync(folder), ['file.bin.part']);
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('enough')), 30);
  await assert.rejects(fetchTo(path, { md5, signal: stop.signal }), /enough/);
  assert.deepEqual(readdirSync(folder), ['file.bin.part']);
});

test('two processes, and two calls in one, fetch the same file at once', async () => {
  const folder = newFolder();
  const path = join(folder, 'file.bin');
  server.answer((request, response) => setTimeout(() => serveFile(content, request, response), 50));
  const script = `import { downloadFile } from ${JSON.stringify(fileURLToPath(new URL('./download.ts', import.meta.url)))};
    await downloadFile(${JSON.stringify(`${base}/file`)}, ${JSON.stringify(path)}, { sha256: '${sha256}', env: {} });`;
  const child = () => {
    const args = ['--import', 'tsx', '--conditions=source', '--input-type=module', '-e', script];
    const { NODE_TEST_CONTEXT, ...env } = process.env;
    return new Promise<number | null>((resolve) =>
      spawn(process.execPath, args, { stdio: 'inherit', env }).on('close', resolve),
    );
  };
  const results = await Promise.all([child(), child(), fetchTo(path, { sha256 }), fetchTo(path, { sha256 })]);
  assert.deepEqual(results, [0, 0, undefined, undefined]);
  assert.deepEqual(readFileSync(path), content);
  assert.deepEqual(readdirSync(folder), ['file.bin']);
});
