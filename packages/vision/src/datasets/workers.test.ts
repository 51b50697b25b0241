/** @file Data sets and transforms of this package in a loader's worker threads. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { data, expectNoLeaks, manualSeed, randint, type Tensor } from '@edgeai/torch';
import { writeJpeg } from '../io/index.ts';
import * as transforms from '../transforms/index.ts';
import * as datasets from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-vision-workers-'));
const photos = join(root, 'photos');
after(() => rmSync(root, { recursive: true, force: true }));

before(async () => {
  manualSeed(0);
  for (const name of ['cat/a', 'cat/b', 'dog/a', 'dog/b', 'dog/c']) {
    mkdirSync(join(photos, name.slice(0, 3)), { recursive: true });
    await writeJpeg(randint(0, 256, [3, 40, 50], { dtype: 'uint8' }), join(photos, `${name}.jpg`));
  }
});

const pipeline = () =>
  new transforms.Compose([
    new transforms.Resize(36),
    new transforms.ColorJitter({ brightness: 0.5 }),
    new transforms.RandomGrayscale(0.5),
    new transforms.ToTensor(),
    new transforms.Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD),
    new transforms.CenterCrop(32),
  ]);

type Batch = [images: Tensor, labels: Tensor];

async function batches(folder: datasets.ImageFolder<Tensor>, workers: number, onError?: 'skip') {
  manualSeed(4);
  const loader = new data.DataLoader<[Tensor, number], Batch>(folder, {
    batchSize: 2,
    shuffle: true,
    seeding: 'batch',
    workers,
    onError,
    collateFn: data.defaultCollate as unknown as (samples: [Tensor, number][]) => Batch,
  });
  const found: unknown[] = [];
  for await (const [images, labels] of loader) found.push([images.toArray(), labels.toArray()]);
  return { found, skipped: loader.skipped };
}

test('a folder with a pipeline of transforms gives the same batches in workers', () =>
  expectNoLeaks(async () => {
    const folder = new datasets.ImageFolder(photos, { transform: pipeline() });
    assert.deepEqual((await batches(folder, 2)).found, (await batches(folder, 0)).found);
  }));

test('broken files are left out and listed, in workers as without; loops of links lead nowhere', async () => {
  const odd = join(root, 'odd');
  mkdirSync(join(odd, 'one'), { recursive: true });
  const good = randint(0, 256, [3, 40, 50], { dtype: 'uint8' });
  await writeJpeg(good, join(odd, 'one', 'b-good.jpg'));
  await writeJpeg(good.narrow(1, 0, 1).narrow(2, 0, 1), join(odd, 'one', 'c-tiny.jpg'));
  writeFileSync(join(odd, 'one', 'a-empty.jpg'), '');
  writeFileSync(join(odd, 'one', 'd-text.jpg'), 'this is no image');
  symlinkSync(join(odd, 'one'), join(odd, 'one', 'loop'));
  const folder = new datasets.ImageFolder(odd, { transform: pipeline() });
  assert.equal(folder.length, 4);
  for (const workers of [0, 1]) {
    const { found, skipped } = await batches(folder, workers, 'skip');
    assert.equal(found.flatMap((batch) => (batch as [unknown[], number[]])[1]).length, 2);
    assert.deepEqual(skipped.map(({ description }) => description?.slice(odd.length + 1)).sort(), [
      'one/a-empty.jpg',
      'one/d-text.jpg',
    ]);
    for (const { error } of skipped) assert.match(error.message, /is empty \(0 bytes\)|format is unknown/);
  }
});

test('a closure as a transform is refused with its name', async () => {
  const folder = new datasets.ImageFolder(photos, { transform: (image: Tensor) => image.float() });
  await assert.rejects(batches(folder as datasets.ImageFolder<Tensor>, 1), /transform is a function \(transform\)/);
});

test('every data set and every transform is one that workers can make', () => {
  const bases = ['VisionDataset', 'FileDataset', 'PublishedDataset', 'IdxDataset', 'Transform'];
  const isClass = (value: unknown): value is { name: string; prototype: object } =>
    typeof value === 'function' && /^class\b/.test(String(value)) && !(value.prototype instanceof Error);
  const missing = [...Object.entries(transforms), ...Object.entries(datasets)].flatMap(([name, value]) =>
    isClass(value) && !bases.includes(name) && !data.isPortable(value) ? [name] : [],
  );
  assert.deepEqual(missing, []);
});
