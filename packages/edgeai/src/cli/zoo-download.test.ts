/** @file Fetching weights: each file once, hashes checked, failures named and no obstacle to the rest. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { models } from '@edgeai/vision';

import { type FetchedWeights, fetchEntries } from './zoo-download.ts';

const folder = mkdtempSync(join(tmpdir(), 'zoo-download-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const content = Buffer.alloc(3 * 2 ** 20, 'weights');
const hash = createHash('sha256').update(content).digest('hex').slice(0, 8);
let requests = 0;
const server = createServer((request, response) => {
  requests++;
  if (request.url?.startsWith('/good') === true) response.setHeader('content-length', content.length).end(content);
  else response.writeHead(404).end();
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
after(() => server.close());
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const entry = (name: string): models.Weights => ({
  ...models.getWeight('ResNet18_Weights.IMAGENET1K_V1'),
  name: `Test_Weights.${name}`,
  url: `${base}/${name}-${hash}.pth`,
});

async function fetch(...entries: models.Weights[]) {
  let shown = '';
  const reported: FetchedWeights[] = [];
  const errors: string[] = [];
  const { failures } = await fetchEntries(entries, {
    stream: { write: (text: string) => (shown += text) },
    report: (fetched) => reported.push(fetched),
    fail: ({ message }) => errors.push(message),
    folder,
    env: {},
    retries: 0,
  });
  return { shown, reported, errors, failures };
}

test('what is missing is fetched, what is there is checked, what is damaged is fetched anew', async () => {
  const path = join(folder, `good-${hash}.pth`);
  const first = await fetch(entry('good'));
  assert.deepEqual(first.reported, [{ weights: 'Test_Weights.good', path, downloaded: true }]);
  assert.deepEqual(readFileSync(path), content);
  assert.match(first.shown, /^Test_Weights\.good {2}3\/3 {2}100 % .* MB\/s/m);
  const second = await fetch(entry('good'));
  assert.deepEqual(second.reported, [{ weights: 'Test_Weights.good', path, downloaded: false }]);
  assert.equal(second.shown, '');
  assert.equal(requests, 1);
  writeFileSync(path, 'damaged');
  assert.equal((await fetch(entry('good'))).reported[0]?.downloaded, true);
  assert.deepEqual(readFileSync(path), content);
});

test('one that fails is named, with what to do, and the next is fetched', async () => {
  const { reported, errors, failures } = await fetch(entry('bad'), entry('good'));
  assert.equal(failures, 1);
  assert.deepEqual(
    reported.map(({ weights }) => weights),
    ['Test_Weights.good'],
  );
  assert.match(errors[0] ?? '', /\/bad-.*the server answered 404/);
  assert.ok(errors[0]?.includes(`put it at ${join(folder, `bad-${hash}.pth`)}`));
});
