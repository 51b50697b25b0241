import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { data, expectNoLeaks, FileFormatError, manualSeed, rand, scope } from '@edgeai/torch';
import { DatasetError } from './errors.ts';
import { FakeData } from './fake.ts';
import { parseIdx } from './idx.ts';
import { EMNIST, FashionMNIST, KMNIST, MNIST } from './mnist.ts';
import { idx, put, temporaryFolder } from './testing.ts';

const images = idx(
  [3, 2, 2],
  Array.from({ length: 12 }, (_, i) => i * 20),
);
const labels = idx([3], [9, 0, 5]);

function stored(folder: string, gz: boolean, part = 'train'): string {
  const root = temporaryFolder();
  for (const [name, bytes] of [
    ['images-idx3', images],
    ['labels-idx1', labels],
  ] as const) {
    put(root, `${folder}${part}-${name}-ubyte${gz ? '.gz' : ''}`, gz ? gzipSync(bytes) : bytes);
  }
  return root;
}

describe('the MNIST family', () => {
  it('reads files plain or compressed, in torchvision’s folder or directly in the root', () =>
    expectNoLeaks(() => {
      for (const root of [stored('MNIST/raw/', false), stored('MNIST/raw/', true), stored('', true)]) {
        const digits = new MNIST(root);
        assert.deepEqual([digits.length, digits.targets, digits.classes[9]], [3, [9, 0, 5], '9 - nine']);
        const [image, target] = digits.get(1);
        assert.deepEqual(
          [image.dtype, image.shape, image.toArray(), target],
          [
            'uint8',
            [1, 2, 2],
            [
              [
                [80, 100],
                [120, 140],
              ],
            ],
            0,
          ],
        );
        assert.ok(image.sharesStorageWith(digits.data));
        image.dispose();
        digits.dispose();
      }
    }));

  it('transforms, and lives on beyond the scope it was made in', () =>
    expectNoLeaks(async () => {
      const clothes = scope(
        () =>
          new FashionMNIST(stored('FashionMNIST/raw/', true), {
            transform: (x) => x.float(),
            targetTransform: (y) => y * 2,
          }),
      );
      const seen: unknown[] = [];
      for await (const [batch, targets] of new data.DataLoader(clothes, { batchSize: 2 }))
        seen.push([batch.dtype, batch.shape, targets.toArray()]);
      assert.deepEqual(seen, [
        ['float32', [2, 1, 2, 2], [18, 0]],
        ['float32', [1, 1, 2, 2], [10]],
      ]);
      clothes.dispose();
    }));

  it('knows test files, KMNIST and the splits of EMNIST', () => {
    const sets = [
      new KMNIST(stored('KMNIST/raw/', true, 't10k'), { train: false }),
      new EMNIST(stored('EMNIST/raw/', true, 'emnist-letters-train'), 'letters'),
      new EMNIST(stored('EMNIST/raw/', false, 'emnist-balanced-test'), 'balanced', { train: false }),
    ];
    assert.deepEqual(
      sets.map((set) => [set.train, set.classes.length, set.classes[0]]),
      [
        [false, 10, 'o'],
        [true, 27, 'N/A'],
        [false, 47, '0'],
      ],
    );
    for (const set of sets) set.dispose();
  });

  it('says where it looked and how to get the files', async () => {
    const root = temporaryFolder();
    assert.throws(
      () => new MNIST(root),
      (error) =>
        error instanceof DatasetError &&
        /MNIST was not found: no train-images-idx3-ubyte.*MNIST\/raw.*download: true/.test(error.message),
    );
    assert.throws(() => new EMNIST(root, 'digits'), /unpack .*gzip\.zip/i);
    assert.throws(() => new EMNIST(root, 'words' as 'digits'), /one of byclass/);
    assert.throws(() => new MNIST(root, { download: true } as object), /await MNIST\.open/);
    await assert.rejects(KMNIST.open(root), /KMNIST was not found/);
  });

  it('names a damaged file', () => {
    const cut = temporaryFolder();
    put(cut, 'train-images-idx3-ubyte', images.subarray(0, 20));
    put(cut, 'train-labels-idx1-ubyte', labels);
    assert.throws(
      () => new MNIST(cut),
      (error) =>
        error instanceof FileFormatError &&
        /train-images-idx3-ubyte: has 4 bytes of data, its header \[3, 2, 2\]/.test(error.message),
    );
    put(cut, 'train-images-idx3-ubyte', gzipSync(images).subarray(0, 30));
    assert.throws(() => new MNIST(cut), /cannot be decompressed/);
    put(cut, 'train-images-idx3-ubyte', 'hello');
    assert.throws(() => new MNIST(cut), /is not an IDX file/);
    put(cut, 'train-images-idx3-ubyte', idx([2, 2, 2], Array(8).fill(0)));
    assert.throws(() => new MNIST(cut), /expected uint8 \[3, height, width\], one image for each of the 3 labels/);
  });
});

it('IDX files hold other types too, most significant byte first', () =>
  scope(() => {
    const header = (type: number, count: number) => [0, 0, type, 1, 0, 0, 0, count];
    assert.deepEqual(parseIdx(Buffer.from([...header(11, 2), 1, 2, 255, 254])).toArray(), [258, -2]);
    assert.deepEqual(parseIdx(Buffer.from([...header(12, 1), 0, 1, 0, 0])).toArray(), [65536]);
    assert.deepEqual(parseIdx(Buffer.from([...header(13, 1), 0x3f, 0x80, 0, 0])).toArray(), [1]);
  }));

it('FakeData is torchvision’s noise, and leaves the generator alone', () =>
  expectNoLeaks(() =>
    scope(() => {
      const fake = new FakeData({ size: 5, imageSize: [3, 4, 5], numClasses: 7, randomOffset: 3 });
      manualSeed(1);
      const expected = rand([1]).item();
      manualSeed(1);
      const pairs = [0, 4].map((i) => fake.get(i));
      assert.equal(rand([1]).item(), expected);
      const found = pairs.map(([image, target]) => [
        createHash('sha1').update(image.toTypedArray()).digest('hex').slice(0, 12),
        target,
      ]);
      // FakeData(5, (3, 4, 5), 7, random_offset=3)[i] of torchvision 0.14: SHA-1 of pil_to_tensor(image), target.
      assert.deepEqual(found, [
        ['4c0904544b92', 0],
        ['da24bdc52f84', 5],
      ]);
      assert.throws(() => fake.get(5), /between 0 and 4/);
    }),
  ));
