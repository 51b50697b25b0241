/** @file Pictures, values and videos of what a network of several dense tasks finds. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { expectNoLeaks, full, loadNpy, scope, tensor } from '@edgeai/torch';
import { io } from '@edgeai/vision';
import type { datasets } from '@edgeai/xvision';

import { models } from '../../models/all-models.ts';
import type { OpenedModel } from '../../models/opened-model.ts';
import { denseTasks } from '../../recipes/dense-options.ts';
import { resolveRecipe } from '../../recipes/resolve.ts';
import { drawMaps, legendOf } from './draw.ts';
import { type DenseFacts, denseFactsOf } from './facts.ts';
import { openShown, predictMaps, predictSamples, predictVideo } from './predict.ts';
import { openDenseTask } from './task.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-dense-predict-'));
after(() => rmSync(root, { recursive: true, force: true }));
const options = { folder: join(root, 'out'), device: 'cpu', colourMap: 'turbo' } as const;

let opened: OpenedModel;
let facts: DenseFacts;
before(async () => {
  const flags = { scenes: [2, 2], sceneSize: [32, 64], imgResize: [32, 64], workers: 0 };
  const { config } = resolveRecipe(denseTasks.multitask, { flags });
  const task = await openDenseTask('multitask', config, { info: () => {}, warn: () => {} });
  const found = denseFactsOf(task.facts);
  assert.ok(found !== null);
  facts = found;
  const info = models.getModelInfo(task.modelName);
  opened = {
    name: task.modelName,
    options: task.facts.modelOptions,
    model: task.model.eval(),
    info,
    inputShapes: [],
    facts: task.facts,
    entry: null,
  };
});

const all = async <T>(results: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const result of results) list.push(result);
  return list;
};

test('samples are drawn beside their truth, and every map is written as values', () =>
  expectNoLeaks(async () => {
    const found = await all(
      predictSamples(opened, facts, openShown(facts, {}), { ...options, count: 1, compare: true }),
    );
    const [first] = found;
    assert.ok(first !== undefined && found.length === 1);
    assert.deepEqual(
      first.findings.map(({ task }) => task),
      ['depth', 'segmentation', 'motion'],
    );
    using picture = await io.readImage(first.picture);
    // Three rows of two panels with gaps, and the legend below.
    assert.ok(picture.size(2) >= 384 * 2 + 4 && picture.size(1) > 192 * 3 + 2 * 4, `${picture.shape}`);
    using depth = loadNpy(first.findings[0]?.map ?? '');
    assert.deepEqual(depth.shape, [1, 32, 64]);
    using classes = await io.readImage(first.findings[1]?.map ?? '', 'UNCHANGED');
    assert.deepEqual(classes.shape, [1, 32, 64]);
    const segmented = first.findings[1];
    assert.ok(segmented?.task === 'segmentation');
    assert.ok(Math.abs(segmented.classes.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  }));

test('a network that looks at two images needs two, and says which file it cannot read', () =>
  expectNoLeaks(async () => {
    const files = ['a', 'b', 'c'].map((name) => join(root, `${name}.png`));
    for (const [i, file] of files.entries()) {
      using image = full([3, 40, 72], 80 * i, { dtype: 'uint8' });
      if (i < 2) await io.writePng(image, file);
    }
    await assert.rejects(all(predictMaps(opened, facts, files.slice(0, 1), options)), /looks at two images/);
    const [pair, failed] = await all(predictMaps(opened, facts, files, options));
    assert.ok(pair !== undefined && 'findings' in pair && pair.file === files[1]);
    assert.ok(failed !== undefined && 'error' in failed && failed.error.includes('c.png'));
  }));

const ffmpeg = existsSync('/usr/bin/ffmpeg') ? false : 'ffmpeg is not installed here';
test('a video becomes a video with one frame fewer, for the first has none before it', { skip: ffmpeg }, () =>
  expectNoLeaks(async () => {
    const [clip, output] = [join(root, 'clip.mp4'), join(root, 'maps.mp4')];
    const source = 'testsrc=size=64x32:rate=5:duration=1';
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', source, '-pix_fmt', 'yuv420p', '-threads', '1', clip]);
    assert.equal(await predictVideo(opened, facts, clip, output, options), 4);
    const { width, height, frames } = await new io.VideoReader(output).metadata();
    assert.equal(frames, 4);
    assert.ok(width >= 3 * 384 + 8 && height > 192, `${width}×${height}`);
  }),
);

test('classes have the colours of their palette, what is still and what is unknown stays as it was', () =>
  expectNoLeaks(() =>
    scope(() => {
      const moving: datasets.ClassTarget = {
        kind: 'motion',
        classes: ['static', 'moving'],
        palette: [
          [0, 0, 0],
          [200, 0, 100],
        ],
        classWeights: null,
      };
      const image = full([3, 1, 3], 100, { dtype: 'uint8' });
      const map = tensor([[[0, 1, 255]]], { dtype: 'uint8' });
      const drawn = drawMaps(image, [moving], [map], { colourMap: 'bone' });
      // Each pixel is 128 pixels wide, for the picture is small.
      const pixels = [0, 1, 2].map((column) =>
        drawn
          .select(2, 128 * column + 64)
          .select(1, 5)
          .toArray(),
      );
      assert.deepEqual(pixels, [
        [100, 100, 100],
        [155, 45, 100],
        [100, 100, 100],
      ]);
      assert.deepEqual(
        legendOf([moving, { kind: 'depth', max: 50 }], { colourMap: 'bone' }).map(({ text }) => text),
        ['moving', '0 m', '10 m', '20 m', '30 m', '40 m', '50 m'],
      );
    }),
  ));
