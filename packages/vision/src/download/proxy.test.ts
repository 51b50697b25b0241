/** @file Downloads go through the proxy that the environment names, and only where it says so. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { downloadFile } from '../download.ts';
import { httpGet } from './http-get.ts';
import { proxyFor } from './proxy.ts';
import { listen, testServer } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const server = await testServer();
server.answer((_, response) => response.end('content'));

/** What the proxy was asked for. */
const asked: { what: string; auth: string | undefined; own: string | undefined }[] = [];
const note = (what: string, { headers }: IncomingMessage) =>
  asked.push({ what, auth: headers['proxy-authorization'], own: headers.authorization });
const proxyServer = createServer((incoming, outgoing) => {
  note(`GET ${incoming.url}`, incoming);
  const onward = httpRequest(incoming.url ?? '', { agent: false }, (response) => response.pipe(outgoing));
  onward.end();
});
proxyServer.on('connect', (incoming, socket) => {
  note(`CONNECT ${incoming.url}`, incoming);
  const [host, port] = (incoming.url ?? '').split(':');
  if (host !== '127.0.0.1' && host !== 'localhost') return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
  const onward = connect(Number(port), '127.0.0.1');
  socket.pipe(onward).pipe(socket);
  for (const end of [socket, onward]) end.on('error', () => {});
});
const proxy = `127.0.0.1:${await listen(proxyServer)}`;

test('which proxy, for which host', () => {
  const choose = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href ?? null;
  const env = {
    HTTPS_PROXY: 'http://secure:3128',
    http_proxy: 'plain:8080',
    NO_PROXY: 'localhost, .intern.example,10.0.0.1:81',
  };
  assert.equal(choose('https://a.org/x', env), 'http://secure:3128/');
  assert.equal(choose('http://a.org/x', env), 'http://plain:8080/');
  assert.equal(choose('https://localhost/x', env), null);
  assert.equal(choose('https://intern.example/x', env), null);
  assert.equal(choose('https://deep.intern.example/x', env), null);
  assert.equal(choose('https://notintern.example/x', env), 'http://secure:3128/');
  assert.equal(choose('http://10.0.0.1:81/x', env), null);
  assert.equal(choose('http://10.0.0.1:82/x', env), 'http://plain:8080/');
  assert.equal(choose('http://a.org/x', { no_proxy: '*', HTTP_PROXY: 'plain' }), null);
  assert.equal(choose('https://a.org/x', { ALL_PROXY: 'plain' }), 'http://plain/');
  assert.equal(choose('https://a.org/x', { HTTPS_PROXY: '' }), null);
  assert.throws(
    () => choose('https://a.org/x', { all_proxy: 'socks5://me:secret@s:1' }),
    /must be an http.*socks5:\/\/s:1/,
  );
});

test('plain requests are handed to the proxy, with its password and not for others to see', async () => {
  asked.length = 0;
  const path = join(folder, 'plain');
  await downloadFile(`${server.base}/file?x=1`, path, { env: { http_proxy: `http://me:p%40ss@${proxy}` } });
  assert.equal(readFileSync(path, 'utf8'), 'content');
  const auth = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
  assert.deepEqual(asked, [{ what: `GET ${server.base}/file?x=1`, auth, own: undefined }]);
});

test('a proxy that refuses, or is not there, is named', async () => {
  const path = join(folder, 'refused');
  const options = { retries: 0, env: { https_proxy: `http://me:secret@${proxy}` } };
  await assert.rejects(downloadFile('https://elsewhere.example/file', path, options), (error: unknown) => {
    assert.ok(error instanceof Error);
    assert.match(
      error.message,
      /elsewhere\.example\/file: no answer \(the proxy http:\/\/127\.0\.0\.1:\d+ answered 403 Forbidden\)/,
    );
    assert.ok(!error.message.includes('secret'));
    return true;
  });
  const notThere = { retries: 0, env: { https_proxy: 'http://127.0.0.1:1' } };
  await assert.rejects(downloadFile('https://elsewhere.example/file', path, notThere), /ECONNREFUSED 127\.0\.0\.1:1/);
  const noProxy = { retries: 0, env: { https_proxy: server.base } };
  await assert.rejects(
    downloadFile('https://elsewhere.example/file', path, noProxy),
    /the proxy http:.* answered \d+|socket hang up/,
  );
});

/** A key and a certificate for localhost, made for this run; null where there is no openssl. */
function certificate(): { key: string; cert: string } | null {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  try {
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

const pair = certificate();

test('secure requests go through a tunnel, end to end', { skip: pair === null && 'needs openssl' }, async () => {
  if (pair === null) return;
  asked.length = 0;
  const secure = createTlsServer(pair, (_, response) => response.end('secret content'));
  const url = `https://localhost:${await listen(secure)}/file`;
  const env = { HTTPS_PROXY: proxy };
  const response = await httpGet(url, { env, ca: pair.cert });
  assert.equal(response.statusCode, 200);
  let text = '';
  for await (const piece of response) text += String(piece);
  assert.equal(text, 'secret content');
  assert.equal(asked[0]?.what, `CONNECT ${new URL(url).host}`);
  // The certificate is checked through the tunnel too.
  await assert.rejects(httpGet(url, { env }), /self.signed certificate/);
  await assert.rejects(
    httpGet(url.replace('localhost', '127.0.0.1'), { env, ca: pair.cert }),
    /altnames|does not match/,
  );
});
