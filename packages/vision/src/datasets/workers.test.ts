/** @file Data sets and transforms of this package in a loader's worker threads. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { data, expectNoLeaks, manualSeed, randint, type Tensor } from '@edgeai/torch';
import { encodeImage, writeJpeg } from '../io/index.ts';
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

async function batches(folder: data.Dataset<[Tensor, number]>, workers: number, onError?: 'skip') {
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

/** Decodes a JPEG only where it looks, in a worker. */
const crops = () => new transforms.Compose([new transforms.RandomResizedCrop(32), new transforms.ToTensor()]);

const noise = (height: number, width: number) => randint(0, 256, [3, height, width], { dtype: 'uint8' });

test('broken files are left out and listed, in workers as without; loops of links lead nowhere', async () => {
  const odd = join(root, 'odd');
  const put = (name: string, bytes: string | Uint8Array) => writeFileSync(join(odd, 'one', name), bytes);
  mkdirSync(join(odd, 'one'), { recursive: true });
  const jpeg = await encodeImage(noise(160, 120), 'jpeg');
  const middle = jpeg.length >> 1;
  const broken = {
    'a-empty.jpg': '',
    'd-text.jpg': 'this is no image',
    'e-cut.jpg': jpeg.subarray(0, middle),
    'f-cut-with-an-end.jpg': Buffer.concat([jpeg.subarray(0, middle), Uint8Array.of(0xff, 0xd9)]),
    'g-hole.jpg': Buffer.concat([jpeg.subarray(0, middle), jpeg.subarray(middle + 1000)]),
    'h-other-bytes.jpg': Buffer.from(jpeg).fill('ff00', middle, middle + 1000, 'hex'),
  };
  for (const [name, bytes] of Object.entries(broken)) put(name, bytes);
  put('b-good.jpg', jpeg);
  put('c-tiny.jpg', await encodeImage(noise(1, 1), 'jpeg'));
  put('i-called-jpeg.jpg', await encodeImage(noise(40, 50), 'png'));
  put('j-more-behind-its-end.jpg', Buffer.concat([jpeg, Buffer.alloc(99)]));
  symlinkSync(join(odd, 'one'), join(odd, 'one', 'loop'));
  for (const transform of [pipeline(), crops()]) {
    const folder = new datasets.ImageFolder(odd, { transform });
    assert.equal(folder.length, 10);
    const outcomes: unknown[] = [];
    for (const workers of [0, 1]) {
      const { found, skipped } = await batches(folder, workers, 'skip');
      const why = skipped
        .map(({ description, error }) => `${description?.slice(odd.length + 5)}: ${error.message}`)
        .sort();
      assert.deepEqual(
        why.map((text) => text.split(':')[0]),
        Object.keys(broken),
      );
      for (const text of why)
        assert.match(text, /is empty \(0 bytes\)|format is unknown|Premature end|Corrupt JPEG data/);
      assert.equal(found.flatMap((batch) => (batch as [unknown[], unknown[]])[1]).length, 4);
      outcomes.push({ found, why });
    }
    assert.deepEqual(outcomes[0], outcomes[1]);
  }
});

test('a file that was damaged, deleted or replaced since the folder was listed', async () => {
  const changing = join(root, 'changing');
  const path = join(changing, 'one', 'a.jpg');
  mkdirSync(join(changing, 'one'), { recursive: true });
  const before = await encodeImage(noise(160, 120), 'jpeg');
  writeFileSync(path, before);
  const folder = new datasets.ImageFolder(changing, { transform: crops() });
  for (const workers of [0, 1]) {
    await using loader = new data.DataLoader<[Tensor, number], Batch>(folder, { workers, persistentWorkers: true });
    const pass = async () => {
      manualSeed(4);
      for await (const [images] of loader) return images.toArray();
      throw new Error('no batch');
    };
    const first = await pass();
    writeFileSync(path, before.subarray(0, 900));
    await assert.rejects(pass(), /Sample 0: .*one\/a\.jpg is not a readable image: Premature end/);
    rmSync(path);
    await assert.rejects(pass(), /a\.jpg: there is no such file/);
    writeFileSync(path, await encodeImage(noise(90, 70), 'png'));
    assert.notDeepEqual(await pass(), first);
    writeFileSync(path, before);
    assert.deepEqual(await pass(), first);
  }
});

test('lists and packed photographs decode only what is looked at, to the same batches', () =>
  expectNoLeaks(async () => {
    const list = join(photos, 'list.csv');
    writeFileSync(list, 'cat/a.jpg,0\ndog/b.jpg,1\ndog/c.jpg,1\n');
    const pack = join(root, 'photos.pack');
    await datasets.packDataset(new datasets.ImageFolder(photos), pack, { format: 'jpeg' });
    const packed = new datasets.PackedDataset(pack, { transform: crops() });
    const sources = [new datasets.CsvList(list, { transform: crops() }), packed];
    for (const source of sources) {
      const outcomes = [];
      for (const workers of [0, 1]) outcomes.push((await batches(source, workers)).found);
      assert.deepEqual(outcomes[0], outcomes[1]);
    }
    packed.dispose();
  }));

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
