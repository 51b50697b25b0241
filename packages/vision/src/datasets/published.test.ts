import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { zeros } from '@edgeai/torch';
import { md5Of } from './archives/integrity.ts';
import { published } from './published.ts';
import { fromTensor, values } from './samples.ts';
import { fixture, put, temporaryFolder } from './testing.ts';

let requests: string[] = [];
const server = createServer((request, response) => {
  requests.push(request.url ?? '');
  if (request.url === '/good.tar.gz') response.end(fixture('good.tar.gz'));
  else response.writeHead(404).end();
});
before(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
after(() => server.close());

/** A data set of one archive, and something to be done when it is unpacked. */
function classFor(md5: string) {
  const { port } = server.address() as AddressInfo;
  return published({
    name: 'Example',
    choices: { split: ['train', 'val'] },
    needs: () => ['set/a.txt', 'arranged'],
    md5: () => ({ 'set/deep/b.txt': '987bcab01b929eb2c07877b224215c92' }),
    downloads: () => [{ url: `http://127.0.0.1:${port}/good.tar.gz`, file: 'good.tar.gz', md5, unpack: '' }],
    arrange: (root) => writeFileSync(join(root, 'arranged'), 'yes'),
    read: (root, { split }) => ({
      samples: fromTensor(zeros([2, 1, 1, 1], { dtype: 'uint8' }), values([split, split]), root),
    }),
  });
}

it('open fetches, checks, unpacks and arranges what is missing, once', async () => {
  const root = temporaryFolder();
  const Example = classFor(md5Of(put(temporaryFolder(), 'x', fixture('good.tar.gz'))));
  assert.throws(() => new Example(root), /Example was not found: there is no .*set\/a\.txt\. Example\.open/);
  requests = [];
  let received = 0;
  const set = await Example.open(root, {
    download: true,
    split: 'val',
    onProgress: (state) => (received = state.received),
  });
  assert.deepEqual([set.length, (await set.get(1))[1], received], [2, 'val', fixture('good.tar.gz').length]);
  assert.equal(readFileSync(join(root, 'arranged'), 'utf8'), 'yes');
  set.dispose();
  (await Example.open(root, { download: true })).dispose();
  assert.deepEqual(requests, ['/good.tar.gz']);
  put(root, 'set/deep/b.txt', 'changed');
  assert.throws(() => new Example(root), /b\.txt is damaged or not the file of Example/);
  new Example(root, { checkIntegrity: false }).dispose();
});

it('an archive with another sum is refused, and nothing is unpacked', async () => {
  const root = temporaryFolder();
  await assert.rejects(classFor('0'.repeat(32)).open(root, { download: true }), /expected a file with MD5 0{32}/);
  assert.equal(existsSync(join(root, 'set')), false);
});
