/** @file Training data in worker threads: the same batches for any number of them. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { data, expectNoLeaks, manualSeed, randint } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import { openTrainingData } from './data.ts';
import { loaderOptions, trainCollateInWorkers, trainTransformInWorkers, workersOf } from './in-workers.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-workers-'));
after(() => rmSync(root, { recursive: true, force: true }));

const config = {
  dataset: 'folder',
  dataPath: root,
  annotationPrefix: 'instances',
  cacheDataset: false,
  trainCrop: 'resized',
  trainCropPadding: 4,
  trainCropSize: 24,
  interpolation: 'bilinear',
  autoAugment: null,
  raMagnitude: 9,
  augmixSeverity: 3,
  backend: 'pil',
  randomErase: 0.5,
  mixupAlpha: 0.2,
  cutmixAlpha: 1,
  device: 'cpu',
  batchSize: 4,
} as unknown as ClassificationConfig;

async function firstBatches(workers: number): Promise<unknown[]> {
  manualSeed(1);
  const train = await openTrainingData(config, trainTransformInWorkers(config));
  await using loader = new data.DataLoader(train, {
    ...loaderOptions({ ...config, workers }),
    shuffle: true,
    collateFn: trainCollateInWorkers(config, 2),
  });
  const found: unknown[] = [];
  for await (const [images, targets] of loader) found.push([images.toArray(), targets.toArray()]);
  return found;
}

test('augmented and mixed batches do not depend on the number of workers', async () => {
  manualSeed(0);
  for (const name of ['cat/a', 'cat/b', 'cat/c', 'dog/a', 'dog/b']) {
    mkdirSync(join(root, 'train', name.slice(0, 3)), { recursive: true });
    await io.writeJpeg(randint(0, 256, [3, 30, 40], { dtype: 'uint8' }), join(root, 'train', `${name}.jpg`));
  }
  await expectNoLeaks(async () => {
    const serial = await firstBatches(0);
    assert.equal(serial.length, 2);
    assert.deepEqual(await firstBatches(2), serial);
  }, 5);
});

test('a broken image is an error that names its file', async () => {
  const broken = join(root, 'train', 'dog', 'c.jpg');
  writeFileSync(broken, '');
  await assert.rejects(firstBatches(1), (error: Error) => {
    assert.match(error.message, /dog\/c\.jpg.* is empty \(0 bytes\)|c\.jpg: .*empty/);
    return true;
  });
});

test('the number of workers is what was asked for', () => {
  for (const workers of [0, 3]) assert.equal(workersOf({ workers }), workers);
  assert.ok(workersOf({ workers: null }) <= 8);
});
