import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { DownloadError } from '../download.ts';
import { downloadUrl } from './download.ts';
import { temporaryFolder } from './testing.ts';

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 256));
const md5 = createHash('md5').update(content).digest('hex');
const quick = { retryDelay: 1 };

/** Requests as the server saw them: the path and the range asked for. */
let requests: string[] = [];
let answer: (request: IncomingMessage, response: ServerResponse, count: number) => void;
const server = createServer((request, response) => {
  requests.push(`${request.url} ${request.headers.range ?? 'whole'}`);
  answer(request, response, requests.length);
});
let base: string;

/** Answers with the file, or with its rest where a range is asked for. */
function serve(request: IncomingMessage, response: ServerResponse, body = content): void {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start >= body.length) response.writeHead(416).end();
  else if (start > 0)
    response
      .writeHead(206, {
        'content-length': body.length - start,
        'content-range': `bytes ${start}-${body.length - 1}/${body.length}`,
      })
      .end(body.subarray(start));
  else response.writeHead(200, { 'content-length': body.length }).end(body);
}

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
  answer = (request, response) => serve(request, response);
});

describe('downloadUrl', () => {
  it('fetches a file, reports progress, and leaves one alone that is right already', async () => {
    const path = join(temporaryFolder(), 'deep/file.gz');
    const progress: [number, number | undefined][] = [];
    await downloadUrl(`${base}/file.gz`, path, {
      md5,
      onProgress: ({ received, total }) => progress.push([received, total]),
    });
    assert.deepEqual(readFileSync(path), content);
    assert.deepEqual(progress.at(-1), [content.length, content.length]);
    assert.ok(!existsSync(`${path}.part`));
    await downloadUrl(`${base}/file.gz`, path, { md5 });
    assert.deepEqual(requests, ['/file.gz whole']);
  });

  it('resumes where the connection broke', async () => {
    const path = join(temporaryFolder(), 'file.gz');
    answer = (request, response, count) => {
      if (count > 1) return serve(request, response);
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    };
    await downloadUrl(`${base}/file.gz`, path, { md5, ...quick });
    assert.deepEqual(readFileSync(path), content);
    assert.deepEqual(requests, ['/file.gz whole', '/file.gz bytes=100000-']);
  });

  it('resumes a part that an earlier program left, finished or not, and notices a wrong one', async () => {
    const path = join(temporaryFolder(), 'file.gz');
    writeFileSync(`${path}.part`, content);
    await downloadUrl(`${base}/file.gz`, path, { md5, ...quick });
    assert.deepEqual(readFileSync(path), content);
    writeFileSync(path, 'an old version');
    writeFileSync(`${path}.part`, Buffer.alloc(50_000));
    await downloadUrl(`${base}/file.gz`, path, { md5, ...quick });
    assert.deepEqual(readFileSync(path), content);
    assert.deepEqual(requests, ['/file.gz bytes=300000-', '/file.gz bytes=50000-', '/file.gz whole']);
  });

  it('starts afresh where the server does not resume, and where no checksum would tell', async () => {
    const folder = temporaryFolder();
    answer = (_, response) => response.writeHead(200, { 'content-length': content.length }).end(content);
    writeFileSync(join(folder, 'a.part'), content.subarray(0, 1000));
    await downloadUrl(`${base}/a`, join(folder, 'a'), { md5 });
    writeFileSync(join(folder, 'b.part'), content.subarray(0, 1000));
    await downloadUrl(`${base}/b`, join(folder, 'b'));
    assert.deepEqual([readFileSync(join(folder, 'a')), readFileSync(join(folder, 'b'))], [content, content]);
    assert.deepEqual(requests, ['/a bytes=1000-', '/b whole']);
  });

  it('goes on to the next mirror, and asks one that refuses only once', async () => {
    const path = join(temporaryFolder(), 'file.gz');
    answer = (request, response, count) => {
      if (request.url === '/gone') response.writeHead(404).end();
      else if (count < 4) response.writeHead(503).end();
      else serve(request, response);
    };
    await downloadUrl([`${base}/gone`, `${base}/busy`], path, { md5, ...quick });
    assert.deepEqual(requests, ['/gone whole', '/busy whole', '/busy whole', '/busy whole']);
  });

  it('never puts a wrong file in place', async () => {
    const path = join(temporaryFolder(), 'file.gz');
    answer = (request, response) => serve(request, response, Buffer.from('something else'));
    await assert.rejects(downloadUrl(`${base}/file.gz`, path, { md5, retries: 1, ...quick }), (error) => {
      assert.ok(error instanceof DownloadError);
      assert.equal(error.code, 'HASH_MISMATCH');
      assert.match(error.message, new RegExp(`expected a file with MD5 ${md5}`));
      return true;
    });
    assert.ok(!existsSync(path) && !existsSync(`${path}.part`));
    assert.equal(requests.length, 2);
  });

  it('tells what every address said', async () => {
    const path = join(temporaryFolder(), 'file.gz');
    answer = (_, response) => response.writeHead(404).end();
    await assert.rejects(
      downloadUrl([`${base}/a`, 'http://127.0.0.1:1/b'], path, { retries: 0 }),
      /none of 2 addresses worked:[\s\S]*404 Not Found[\s\S]*no answer/,
    );
    await assert.rejects(downloadUrl([], path), /at least one address/);
  });

  it('gives up on a silent server, and when told to', async () => {
    const path = join(temporaryFolder(), 'file.gz');
    answer = (_, response) =>
      response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 5));
    await assert.rejects(
      downloadUrl(`${base}/file.gz`, path, { retries: 0, timeout: 50 }),
      /fell silent after 5 bytes/,
    );
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 30);
    await assert.rejects(downloadUrl(`${base}/file.gz`, path, { signal: stop.signal }), /enough/);
    assert.ok(!existsSync(path));
  });
});
