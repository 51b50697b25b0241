import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { data, expectNoLeaks, manualSeed, randint, scope, type Tensor } from '@edgeai/torch';
import { writeJpeg, writePng } from '../../io/index.ts';
import * as F from '../../transforms/functional/index.ts';
import { CenterCrop } from '../../transforms/geometry.ts';
import { DatasetError } from '../errors.ts';
import { ImageFolder } from '../folder.ts';
import { isPackedFile, PackedDataset, packDataset, packedSplits } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-pack-'));
const folder = join(root, 'photos');
const pack = join(root, 'photos.pack');
after(() => rmSync(root, { recursive: true, force: true }));

before(async () => {
  manualSeed(0);
  for (const [name, size] of [
    ['cat/a.jpg', [40, 50]],
    ['cat/b.png', [70, 30]],
    ['dog/a.jpg', [1, 1]],
  ] as const) {
    mkdirSync(join(folder, name.slice(0, 3)), { recursive: true });
    const image = randint(0, 256, [3, ...size], { dtype: 'uint8' });
    await (name.endsWith('jpg') ? writeJpeg : writePng)(image, join(folder, name));
  }
  await packDataset({ train: new ImageFolder(folder), val: new ImageFolder(folder) }, pack);
});

async function eachSample(
  a: data.Dataset<[Tensor, number]>,
  b: data.Dataset<[Tensor, number]>,
  compare: (x: Tensor, y: Tensor) => void,
): Promise<void> {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++) {
    const [[x, labelX], [y, labelY]] = [await a.get(i), await b.get(i)];
    assert.equal(labelX, labelY);
    scope(() => compare(x, y));
    x.dispose();
    y.dispose();
  }
}

const same = (x: Tensor, y: Tensor) => {
  assert.deepEqual([x.dtype, x.shape], [y.dtype, y.shape]);
  assert.ok(x.equal(y));
};

describe('a packed data set', () => {
  it('gives the images, classes and names of the folder that it was made of, without a copy', () =>
    expectNoLeaks(async () => {
      const packed = new PackedDataset(pack, { split: 'val' });
      const photos = new ImageFolder(folder);
      assert.deepEqual(
        [packed.classes, packed.targets, packed.splits],
        [photos.classes, photos.targets, ['train', 'val']],
      );
      assert.deepEqual([packed.sizeOf(1), packed.format], [[70, 30], 'decoded']);
      assert.equal(packed.describe(1), `${pack}: cat/b.png`);
      await eachSample(packed, photos, same);
      scope(() => {
        const [[first], [second]] = [packed.finish(undefined, 0), packed.finish(undefined, 0)];
        first.fill_(9);
        assert.ok(second.eq(9).all().item());
      });
      packed.dispose();
      // The file itself stays what it was.
      await scope(() => new PackedDataset(pack, { split: 'val' })).dispose();
    }));

  it('is reduced, or compressed, as wished', async () => {
    const file = join(root, 'small.pack');
    const photos = new ImageFolder(folder);
    await packDataset(photos, file, { resize: 20 });
    const small = new PackedDataset(file);
    await eachSample(small, photos, (x, y) => same(x, Math.min(...y.shape.slice(1)) > 20 ? F.resize(y, 20) : y));
    small.dispose();
    const { bytes } = await packDataset(photos, file, { format: 'jpeg', quality: 95 });
    const jpegs = new PackedDataset(file);
    assert.equal(jpegs.format, 'jpeg');
    // JPEGs are taken as they are; the PNG loses a little.
    await eachSample(jpegs, photos, (x, y) => (x.size(1) === 70 ? assert.deepEqual(x.shape, y.shape) : same(x, y)));
    assert.equal(bytes, readFileSync(file).length);
    jpegs.dispose();
  });

  it('goes through transforms and workers', async () => {
    const packed = new PackedDataset(pack, { split: 'train', transform: new CenterCrop(16) });
    const read = async (workers: number) => {
      const found: unknown[] = [];
      for await (const [images, labels] of new data.DataLoader(packed, { batchSize: 2, workers }))
        found.push([images.toArray(), labels.toArray()]);
      return found;
    };
    assert.deepEqual(await read(1), await read(0));
    packed.dispose();
  });

  it('is told from other files, and knows its splits', () => {
    assert.deepEqual(
      [isPackedFile(pack), isPackedFile(folder), isPackedFile(join(root, 'none'))],
      [true, false, false],
    );
    assert.deepEqual(packedSplits(pack), ['train', 'val']);
    assert.throws(() => new PackedDataset(pack), /has the splits train, val: say which one/);
    assert.throws(() => new PackedDataset(pack, { split: 'test' }), /has no split test; it has train, val/);
  });

  it('leaves no half of a file behind', async () => {
    const file = join(root, 'never.pack');
    const broken = join(root, 'broken');
    mkdirSync(join(broken, 'x'), { recursive: true });
    writeFileSync(join(broken, 'x', 'a.jpg'), 'no image');
    await assert.rejects(packDataset(new ImageFolder(broken), file), /a\.jpg/);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await assert.rejects(packDataset(new ImageFolder(folder), file, { signal: stop.signal }), /enough/);
    assert.deepEqual(
      readdirSync(root).filter((name) => name.includes('never')),
      [],
    );
    await assert.rejects(packDataset(new ImageFolder(folder), join(root, 'no', 'x.pack')), /there is no folder/);
  });
});

describe('a pack that is not what it should be', () => {
  const damaged = (name: string, change: (bytes: Buffer) => void): string => {
    const file = join(root, name);
    const bytes = readFileSync(pack);
    change(bytes);
    writeFileSync(file, bytes);
    return file;
  };
  const refused = (file: string, message: RegExp) =>
    assert.throws(
      () => new PackedDataset(file, { split: 'train' }),
      (error) => error instanceof DatasetError && error.message.includes(file) && message.test(error.message),
    );

  it('is refused, with what is wrong', () => {
    refused(join(root, 'nowhere.pack'), /there is no such file/);
    refused(join(folder, 'cat', 'a.jpg'), /is no packed data set/);
    refused(folder, /is no file/);
    refused(
      damaged('header', (bytes) => bytes.writeUInt8(7, 17)),
      /header was changed/,
    );
    refused(
      damaged('version', (bytes) => bytes.writeUInt8(9, 8)),
      /version 9.*reads version 1/,
    );
    refused(
      damaged('index', (bytes) => bytes.writeUInt8(255, Number(bytes.readBigUInt64LE(24)) + 3)),
      /index was changed/,
    );
    refused(
      damaged('names', (bytes) => bytes.writeUInt8(33, bytes.length - 4)),
      /names and classes was changed/,
    );
    const short = join(root, 'short');
    copyFileSync(pack, short);
    truncateSync(short, readFileSync(pack).length - 10);
    refused(short, /is cut short: it has \d+ of \d+ bytes/);
    truncateSync(short, 30);
    refused(short, /is cut short: it has 30 bytes/);
    truncateSync(short, 0);
    refused(short, /is no packed data set/);
  });

  it('names the image whose pixels were changed, and notices that it is cut short in use', async () => {
    const file = damaged('pixels', (bytes) => bytes.writeUInt8(bytes.readUInt8(70) ^ 1, 70));
    const packed = new PackedDataset(file, { split: 'train' });
    await assert.rejects(packed.get(0), /is damaged: cat\/a\.jpg \(image 0\) was changed/);
    (await packed.get(1))[0].dispose();
    truncateSync(file, 100);
    await assert.rejects(packed.get(1), /was cut short while it was in use/);
    packed.dispose();
    const unchecked = new PackedDataset(
      damaged('unchecked', (bytes) => bytes.writeUInt8(bytes.readUInt8(70) ^ 1, 70)),
      { split: 'train', verify: false },
    );
    (await unchecked.get(0))[0].dispose();
    unchecked.dispose();
  });
});
