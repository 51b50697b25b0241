/** @file Optical flow is trained, measured and drawn like other maps, and can be the second input of a network. */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadNpy, scope, tensor } from '@edgeai/torch';

import { openModel } from '../../models/open-model.ts';
import { MetricsLog } from '../../runs/metrics-log.ts';
import { openSamples } from './data.ts';
import { denseFactsOf } from './facts.ts';
import { toSizeOf } from './meter.ts';
import { openShown, predictMaps, predictSamples } from './predict.ts';
import { configOf, trainDense } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-flow-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('a network for flow and motion that sees flow: its figures, its checkpoint, its maps', async () => {
  const folder = join(root, 'run');
  const flags = { tasks: 'flow,motion', secondInput: 'flow', outputSize: [64, 128], tensorboardNumImgs: 1 };
  assert.equal((await trainDense('multitask', configOf('multitask', folder, flags))).status, 'complete');
  const records = MetricsLog.read(join(folder, 'metrics.jsonl')) as unknown as Record<string, number>[];
  for (const record of records)
    for (const figure of ['endPointError', 'flowOutliers', 'motionIoU'])
      assert.ok(Number.isFinite(record[figure]), `${figure}: ${record[figure]}`);

  const opened = await openModel({ weights: join(folder, 'best.pth') });
  const facts = denseFactsOf(opened.facts);
  assert.ok(facts !== null);
  assert.deepEqual([facts.images, facts.secondInput], [2, 'flow']);
  const options = { folder: join(root, 'maps'), device: 'cpu', colourMap: 'rainbow' } as const;
  const samples = openShown(facts, {});
  for await (const { findings, picture } of predictSamples(opened, facts, samples, {
    ...options,
    count: 1,
    compare: true,
  })) {
    assert.ok(existsSync(picture));
    assert.deepEqual(
      findings.map(({ task }) => task),
      ['flow', 'motion'],
    );
    using map = loadNpy(findings[0]?.map ?? '');
    assert.deepEqual(map.shape, [2, 32, 64]);
  }
  await assert.rejects(predictMaps(opened, facts, ['a.png', 'b.png'], options).next(), /--samples/);
});

test('flow among the images stays flow when samples are kept in memory', async () => {
  for (const cacheSamples of [true, false]) {
    const samples = openSamples(
      configOf('motion', root, { secondInput: 'flow', cacheSamples, randScale: null }),
      'val',
    );
    const { images, targets } = await samples.get(0);
    assert.deepEqual(
      images.map(({ kind }) => kind),
      ['image', 'flow'],
    );
    for (const { map } of [...images, ...targets]) map.dispose();
  }
});

test('flow that is enlarged becomes longer, in each direction by its own factor', () =>
  scope(() => {
    const flow = tensor([[[[1, 1]], [[3, 3]]]], { dtype: 'float32' });
    const large = toSizeOf(flow, tensor([[[[0, 0, 0, 0]], [[0, 0, 0, 0]]]], { dtype: 'float32' }), 'flow');
    assert.deepEqual(large.toArray(), [[[[2, 2, 2, 2]], [[3, 3, 3, 3]]]]);
  }));
