import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { data, expectNoLeaks, scope, type Tensor } from '@edgeai/torch';
import { ImageReadError } from '../io/errors.ts';
import { ToTensor } from '../transforms/values.ts';
import { DatasetError } from './errors.ts';
import { DatasetFolder, ImageFolder } from './folder.ts';
import { compareStrings } from './listing.ts';
import { dot, put, temporaryFolder } from './testing.ts';

const refuses = (fn: () => unknown, code: string, message: RegExp) =>
  assert.throws(fn, (error) => error instanceof DatasetError && error.code === code && message.test(error.message));

function animals(): string {
  const root = temporaryFolder();
  put(root, 'dog/b.ppm', dot(20));
  put(root, 'dog/a.PPM', dot(10));
  put(root, 'dog/notes.txt', 'no image');
  put(root, 'dog/far/deep/c.ppm', dot(30));
  put(root, 'dog/far away/d.ppm', dot(40));
  put(root, 'cat/x.ppm', dot(50));
  put(root, 'README', 'not a class');
  return root;
}

describe('ImageFolder', () => {
  it('numbers classes and lists files in torchvision’s order', () => {
    const root = animals();
    const folder = new ImageFolder(root);
    assert.deepEqual(folder.classes, ['cat', 'dog']);
    assert.equal(folder.classToIdx.get('dog'), 1);
    // os.walk's folders are sorted by path, where a space comes before a slash.
    assert.deepEqual(
      folder.samples.map(([path, target]) => `${relative(root, path)} ${target}`),
      ['cat/x.ppm 0', 'dog/a.PPM 1', 'dog/b.ppm 1', 'dog/far away/d.ppm 1', 'dog/far/deep/c.ppm 1'],
    );
    assert.deepEqual(folder.targets, [0, 1, 1, 1, 1]);
    assert.equal(folder.length, 5);
  });

  it('gives uint8 RGB tensors, or what the transforms make of them', async () => {
    const root = animals();
    const [image, target] = await new ImageFolder(root).get(0);
    assert.deepEqual([image.dtype, image.toArray(), target], ['uint8', [[[50, 0]], [[50, 0]], [[50, 0]]], 0]);
    image.dispose();
    const named = new ImageFolder(root, {
      transform: new ToTensor(),
      targetTransform: (target_) => `class ${target_}`,
    });
    const [float, name] = await named.get(1);
    assert.deepEqual([float.dtype, name], ['float32', 'class 1']);
    float.dispose();
    assert.throws(() => named.describe(5), /between 0 and 4/);
  });

  it('feeds a loader without leaving tensors behind', () =>
    expectNoLeaks(async () => {
      const loader = new data.DataLoader(new ImageFolder(animals(), { transform: new ToTensor() }), {
        batchSize: 2,
        shuffle: true,
        prefetch: 3,
      });
      const sums: number[] = [];
      for await (const [images, labels] of loader) {
        assert.deepEqual([images.shape.slice(1), labels.dtype], [[3, 1, 2], 'int64']);
        sums.push(
          ...scope(() => images.select(1, 0).select(1, 0).select(1, 0).mul(255).round().int().toArray() as number[]),
        );
      }
      assert.deepEqual(
        sums.sort((a, b) => a - b),
        [10, 20, 30, 40, 50],
      );
    }));

  it('an unreadable image among good ones is named', async () => {
    const root = animals();
    const broken = put(root, 'cat/y.jpg', 'not a picture');
    put(root, 'cat/z.ppm', dot(1));
    const seen: Tensor[] = [];
    await assert.rejects(
      async () => {
        for await (const [images] of new data.DataLoader(new ImageFolder(root))) seen.push(images);
      },
      (error) => {
        assert.ok(error instanceof data.SampleError && error.cause instanceof ImageReadError);
        assert.equal(error.index, 1);
        assert.equal(
          error.message,
          `Sample 1: ${broken} is not a readable image: its format is unknown or not supported`,
        );
        return true;
      },
    );
    assert.equal(seen.length, 1);
  });

  it('follows links, but not in circles', () => {
    const root = animals();
    symlinkSync(join(root, 'dog'), join(root, 'wolf'));
    symlinkSync(join(root, 'dog'), join(root, 'dog/far/again'));
    symlinkSync(join(root, 'nowhere'), join(root, 'ghost'));
    const folder = new ImageFolder(root);
    assert.deepEqual(folder.classes, ['cat', 'dog', 'wolf']);
    assert.deepEqual(folder.targets.filter((target) => target === 2).length, 4);
  });

  it('says what is missing', () => {
    const root = temporaryFolder();
    refuses(() => new ImageFolder(join(root, 'nowhere')), 'DATASET_NOT_FOUND', /nowhere does not exist/);
    refuses(() => new ImageFolder(root), 'DATASET_EMPTY', /has no class folders; expected one folder a class/);
    put(root, 'loose.ppm', dot(1));
    refuses(() => new ImageFolder(root), 'DATASET_EMPTY', /1 file but no class folders/);
    put(root, 'cat/x.ppm', dot(1));
    mkdirSync(join(root, 'dog'));
    put(root, 'fox/fox.txt', '');
    refuses(
      () => new ImageFolder(root),
      'DATASET_EMPTY',
      /no files in the class folders dog, fox; expected files ending in \.jpg/,
    );
  });
});

it('DatasetFolder reads any kind of file', async () => {
  const root = temporaryFolder();
  put(root, 'a/one.txt', '1');
  put(root, 'b/two.txt', '22');
  const texts = new DatasetFolder(root, (path) => path.length, {
    isValidFile: (path) => path.endsWith('o.txt') || path.endsWith('e.txt'),
    transform: (n) => n > 0,
  });
  assert.deepEqual(await texts.get(1), [true, 1]);
  assert.throws(() => new DatasetFolder(root, (path) => path), /either extensions or isValidFile/);
});

it('strings are ordered by code points, as in Python', () => {
  const names = ['b', 'a', 'B', 'ab', '\u{1F600}', '\uFFFD', 'é', 'a b', 'a/b'];
  // sorted([...]) of Python 3.
  assert.deepEqual(names.sort(compareStrings), ['B', 'a', 'a b', 'a/b', 'ab', 'b', 'é', '\uFFFD', '\u{1F600}']);
});
