/** @file Data for classifiers in every layout, and what becomes of images and batches. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { data, manualSeed, ones, randint, scope, type Tensor, tensor, zeros } from '@edgeai/torch';
import { datasets, io, transforms } from '@edgeai/vision';

import { classMapping } from './class-names.ts';
import { type DataConfig, openEvaluationData, openTrainingData } from './data.ts';
import { ConfusionMeter } from './meter.ts';
import { trainCollate } from './mix.ts';
import { type AugmentationConfig, evaluationTransform, trainTransform } from './transforms.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-data-'));
after(() => rmSync(root, { recursive: true, force: true }));

const identity = (image: Tensor): Tensor => image;

/** An image whose pixels all have this value, so that a sample says which file it is from. */
async function writeGrey(path: string, value: number): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await io.writePng(zeros([3, 4, 4], { dtype: 'uint8' }).fill_(value), path);
}

async function samples(
  dataset: Awaited<ReturnType<typeof openTrainingData>>,
): Promise<[pixel: number, label: number][]> {
  const found: [number, number][] = [];
  for (let i = 0; i < dataset.length; i++) {
    const [image, label] = await dataset.get(i);
    found.push([image.index(0, 0, 0).item(), label]);
  }
  return found;
}

const config = (dataset: DataConfig['dataset'], dataPath: string): DataConfig => ({
  dataset,
  dataPath,
  annotationPrefix: 'instances',
  cacheDataset: false,
});

test('folders: classes in alphabetical order, in that of the network where it has names', async () => {
  const folder = join(root, 'folder');
  for (const [name, value] of [
    ['cat/a', 10],
    ['cat/b', 11],
    ['dog/a', 20],
  ] as const) {
    for (const split of ['train', 'val']) await writeGrey(join(folder, split, `${name}.png`), value);
  }
  const train = await openTrainingData(config('folder', folder), identity);
  assert.deepEqual(train.classes, ['cat', 'dog']);
  assert.deepEqual(await samples(train), [
    [10, 0],
    [11, 0],
    [20, 1],
  ]);
  const mapped = await openEvaluationData(config('folder', folder), identity, ['bird', 'dog', 'cat']);
  assert.deepEqual(mapped.classes, ['bird', 'dog', 'cat']);
  assert.deepEqual(await samples(mapped), [
    [10, 2],
    [11, 2],
    [20, 1],
  ]);
  // An evaluation may be pointed at the class folders.
  const direct = await openEvaluationData(config('folder', join(folder, 'val')), identity, []);
  assert.equal(direct.length, 3);
  await assert.rejects(openEvaluationData(config('folder', folder), identity, ['cat', 'bird']), /knows no class dog/);
});

test('names of another kind altogether are taken in their order', () => {
  assert.equal(classMapping(['n01', 'n02'], ['tench', 'goldfish'], 'x'), null);
  assert.equal(classMapping(['a'], [], 'x'), null);
  assert.deepEqual(classMapping(['b', 'a'], ['a', 'b'], 'x'), [1, 0]);
});

test('lists: train.csv and val.csv, or a list by itself', async () => {
  const folder = join(root, 'lists');
  await writeGrey(join(folder, 'images', 'x.png'), 7);
  await writeGrey(join(folder, 'images', 'y.png'), 8);
  writeFileSync(join(folder, 'train.csv'), 'file,label\nimages/x.png,red\nimages/y.png,blue\n');
  writeFileSync(join(folder, 'val.csv'), 'images/y.png,1\nimages/x.png,0\n');
  const train = await openTrainingData(config('csv', folder), identity);
  assert.deepEqual(
    [train.classes, await samples(train)],
    [
      ['blue', 'red'],
      [
        [7, 1],
        [8, 0],
      ],
    ],
  );
  const evaluation = await openEvaluationData(config('csv', join(folder, 'val.csv')), identity, [
    'blue',
    'red',
    'grey',
  ]);
  assert.deepEqual(
    [evaluation.classes.length, await samples(evaluation)],
    [
      3,
      [
        [8, 1],
        [7, 0],
      ],
    ],
  );
  await assert.rejects(
    openTrainingData(config('csv', join(folder, 'val.csv')), identity),
    /expected a folder with train\.csv/,
  );
});

test('ModelMaker: the class of the first annotation, counted from the smallest category', async () => {
  const folder = join(root, 'modelmaker');
  const content = {
    images: [
      { id: 1, file_name: 'a.png' },
      { id: 2, file_name: 'b.png' },
      { id: 3, file_name: 'unlabelled.png' },
    ],
    annotations: [
      { image_id: 2, category_id: 6 },
      { image_id: 1, category_id: 5 },
      { image_id: 2, category_id: 5 },
    ],
    categories: [
      { id: 6, name: 'wheel' },
      { id: 5, name: 'door' },
    ],
  };
  mkdirSync(join(folder, 'annotations'), { recursive: true });
  const path = join(folder, 'annotations', 'instances_train.json');
  writeFileSync(path, JSON.stringify(content));
  assert.throws(() => datasets.readModelMaker(folder, 'train', 'instances'), /names a\.png, which is in none of/);
  await writeGrey(join(folder, 'train', 'a.png'), 3);
  await writeGrey(join(folder, 'images', 'b.png'), 4);
  const train = await openTrainingData(config('modelmaker', folder), identity);
  assert.deepEqual(
    [train.classes, await samples(train)],
    [
      ['door', 'wheel'],
      [
        [3, 0],
        [4, 1],
      ],
    ],
  );
  writeFileSync(path, JSON.stringify({ ...content, categories: 3 }));
  assert.throws(
    () => datasets.readModelMaker(folder, 'train', 'instances'),
    /instances_train\.json: .*expected a list of objects as categories/,
  );
});

const augmentation = {
  trainCrop: 'resized',
  trainCropPadding: 2,
  trainCropSize: 8,
  interpolation: 'bilinear',
  autoAugment: null,
  raMagnitude: 9,
  augmixSeverity: 3,
  randomErase: 0,
  backend: 'pil',
} as const;

test('training images: a random part at the crop size, normalised, in three channels', () => {
  scope(() => {
    manualSeed(0);
    const grey = ones([1, 10, 12], { dtype: 'uint8' }).mul(255).to('uint8');
    for (const trainCrop of ['resized', 'padded'] as const) {
      const image = trainTransform({ ...augmentation, trainCrop, randomErase: 1 })(grey);
      assert.deepEqual([image.shape, image.dtype], [[3, 8, 8], 'float32']);
    }
    const whole = trainTransform({ ...augmentation, trainCrop: 'padded', trainCropPadding: 0 })(grey);
    // White is (1 − mean) / std in each channel.
    const expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225];
    for (const [channel, value] of expected.entries()) {
      assert.ok(Math.abs(whole.index(channel, 3, 3).item() - value) < 1e-5);
    }
  });
});

test('training images, automatically augmented: other pixels, with either arithmetic', () => {
  scope(() => {
    const image = randint(0, 256, [3, 24, 24], { dtype: 'uint8' });
    const made = (config: Partial<AugmentationConfig>, seed = 0) => {
      manualSeed(seed);
      return trainTransform({ ...augmentation, trainCropSize: 16, ...config })(image);
    };
    for (const backend of ['pil', 'tensor'] as const) {
      for (const autoAugment of ['ra', 'ta_wide', 'augmix', 'imagenet', 'cifar10', 'svhn'] as const) {
        const augmented = [0, 1, 2, 3].map((seed) => made({ backend, autoAugment }, seed));
        assert.ok(augmented.every(({ shape, dtype }) => shape.join() === '3,16,16' && dtype === 'float32'));
        // Some operations leave some images as they are.
        const changed = augmented.filter((one, seed) => !one.equal(made({ backend }, seed)));
        assert.ok(changed.length > 0, `${autoAugment} ${backend}`);
      }
      assert.ok(!made({ backend, autoAugment: 'ra', raMagnitude: 30 }).equal(made({ backend, autoAugment: 'ra' })));
    }
    assert.ok(!made({ backend: 'pil' }).equal(made({ backend: 'tensor' })));
    assert.ok(!made({ autoAugment: 'augmix', augmixSeverity: 10 }).equal(made({ autoAugment: 'augmix' })));
  });
});

test('evaluation images: grey ones in three channels, transparency left out', () => {
  scope(() => {
    const preprocessing = {
      resizeSize: 8,
      cropSize: 6,
      interpolation: 'bilinear',
      mean: [0, 0, 0],
      std: [1, 1, 1],
    } as const;
    assert.deepEqual(evaluationTransform(preprocessing)(zeros([1, 16, 20], { dtype: 'uint8' })).shape, [3, 6, 6]);
    assert.deepEqual(new transforms.RGB()(zeros([4, 2, 2])).shape, [3, 2, 2]);
    assert.deepEqual(new transforms.RGB()(zeros([2, 2, 2])).shape, [3, 2, 2]);
  });
});

test('mixup and CutMix give shares of classes that add up to one', () => {
  scope(() => {
    manualSeed(1);
    const given = (): [Tensor, number][] => [0, 1, 2, 1].map((label) => [ones([3, 4, 4]).mul(label), label]);
    const [images, labels] = trainCollate({ mixupAlpha: 0, cutmixAlpha: 0 }, 3)(given());
    assert.deepEqual(
      [images.shape, labels.toArray()],
      [
        [4, 3, 4, 4],
        [0, 1, 2, 1],
      ],
    );
    for (const alphas of [
      { mixupAlpha: 0.4, cutmixAlpha: 0 },
      { mixupAlpha: 0.4, cutmixAlpha: 1 },
    ]) {
      const [mixed, shares] = trainCollate(alphas, 3)(given());
      assert.deepEqual(
        [mixed.shape, shares.shape],
        [
          [4, 3, 4, 4],
          [4, 3],
        ],
      );
      for (const sum of shares.sum(1).toArray() as number[]) assert.ok(Math.abs(sum - 1) < 1e-6);
    }
  });
});

test('repeated augmentation: each image several times in a row, another order each epoch', () => {
  const sampler = new data.RASampler({ length: 600 }, { repetitions: 3, seed: 0 });
  const first = [...sampler];
  assert.equal(first.length, 512);
  assert.equal(sampler.length, 512);
  for (let i = 0; i + 2 < first.length; i += 3) assert.ok(first[i] === first[i + 1] && first[i] === first[i + 2]);
  assert.equal(new Set(first).size, Math.ceil(512 / 3));
  assert.deepEqual([...sampler], first);
  sampler.setEpoch(1);
  assert.notDeepEqual([...sampler], first);
});

test('class by class: how many were right, and what the others were taken for', () => {
  scope(() => {
    const meter = new ConfusionMeter(['a', 'b', 'c'], 3);
    const scores = tensor([
      [9, 1, 0],
      [1, 9, 0],
      [0, 9, 1],
      [0, 9, 1],
    ]);
    meter.add([zeros([4, 1]), tensor([0, 0, 1, 0])], scores, 0.5);
    assert.equal(meter.figures().acc1, 50);
    assert.deepEqual(meter.classes(), [
      { index: 0, name: 'a', images: 3, acc1: 100 / 3, confusedWith: 'b' },
      { index: 1, name: 'b', images: 1, acc1: 100, confusedWith: null },
    ]);
  });
});
