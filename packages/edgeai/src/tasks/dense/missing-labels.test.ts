/** @file Samples of which one task's labels are missing train the other tasks. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import { MetricsLog } from '../../runs/metrics-log.ts';
import { configOf, trainDense } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-missing-labels-'));
after(() => rmSync(root, { recursive: true, force: true }));

async function picture(path: string, channels: number, value: number): Promise<void> {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  using map = full([channels, 32, 64], value, { dtype: 'uint8' });
  await io.writePng(map, file);
}

/** One sample in the layout of Cityscapes. @param label 0 is none @param disparity 0 is unknown; 129 is 20 metres here */
async function sample(split: string, name: string, label: number, disparity: number): Promise<void> {
  await picture(`leftImg8bit/${split}/a/${name}_leftImg8bit.png`, 3, 90);
  await picture(`gtFine/${split}/a/${name}_gtFine_labelIds.png`, 1, label);
  await picture(`disparity/${split}/a/${name}_disparity.png`, 1, disparity);
  const camera = join(root, `camera/${split}/a/${name}_camera.json`);
  mkdirSync(dirname(camera), { recursive: true });
  writeFileSync(camera, '{"intrinsic":{"fx":20},"extrinsic":{"baseline":0.5}}');
}

test('an epoch of batches without labels of one task or the other has the losses of what there is', async () => {
  await sample('train', 'a_000000_000001', 7, 0);
  await sample('train', 'a_000000_000002', 0, 129);
  await sample('train', 'a_000000_000003', 26, 129);
  await sample('val', 'a_000000_000004', 7, 0);
  await sample('val', 'a_000000_000005', 0, 129);
  const folder = join(root, 'run');
  const flags = {
    dataset: 'cityscapes',
    dataPath: root,
    tasks: 'depth,segmentation',
    inputImages: 1,
    modelOption: {},
    batchSize: 1,
    multiTaskType: 'grad_norm',
    tensorboardNumImgs: 0,
  };
  assert.equal((await trainDense('multitask', configOf('multitask', folder, flags))).status, 'complete');
  const records = MetricsLog.read(join(folder, 'metrics.jsonl')) as unknown as Record<string, number>[];
  assert.equal(records.length, 2);
  for (const record of records)
    for (const figure of ['loss', 'absRel', 'mIoU', 'pixelAcc'])
      assert.ok(Number.isFinite(record[figure]), `${figure}: ${record[figure]}`);
});
