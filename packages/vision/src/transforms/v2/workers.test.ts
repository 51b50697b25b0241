/** @file Joint transforms run in worker threads, and what they make arrives as the datapoints that it is. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { data, dispose, manualSeed } from '@edgeai/torch';
import { BoundingBox, Image, Label } from '../../datapoints/index.ts';
import { sha1 } from '../testing.ts';
import * as v2 from './index.ts';
import { type Detected, Pictures, together } from './worker-samples.ts';

async function run(workers: number): Promise<unknown[]> {
  manualSeed(5);
  const train = new v2.Compose([
    new v2.ColorJitter({ brightness: 0.4 }),
    new v2.RandomResizedCrop(8),
    new v2.RandomHorizontalFlip(),
    new v2.ConvertBoundingBoxFormat('XYWH'),
  ]);
  const loader = new data.DataLoader(new Pictures(train), {
    batchSize: 2,
    workers,
    seeding: 'batch',
    collateFn: together,
  });
  const seen: unknown[] = [];
  for await (const batch of loader as AsyncIterable<Detected[]>) {
    for (const { image, boxes, labels } of batch) {
      assert.ok(image instanceof Image && boxes instanceof BoundingBox && labels instanceof Label);
      seen.push([
        sha1(image.data),
        boxes.data.toArray(),
        boxes.format,
        boxes.spatialSize,
        labels.data.item(),
        labels.categories,
      ]);
    }
    dispose(batch);
  }
  return seen;
}

it('the same samples come from workers as from the main thread', async () => {
  const serial = await run(0);
  assert.equal(serial.length, 6);
  assert.deepEqual(await run(2), serial);
});
