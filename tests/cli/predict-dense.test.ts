/** @file `predict` on images with networks for segmentation and optical flow: the pictures and numbers that it writes. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadNpy, manualSeed, randint, save, scope } from '@edgeai/torch';
import { getModel, io } from '@edgeai/vision';

import { edgeai } from './harness.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-dense-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** Weights of an untrained network: the pictures mean nothing, but have the form that they should have. */
function weightsOf(name: string): string {
  const path = join(root, `${name}.pth`);
  manualSeed(0);
  using model = getModel(name);
  save(model.stateDict(), path, { detach: true });
  return path;
}

async function picture(name: string, height: number, width: number): Promise<string> {
  const path = join(root, name);
  await io.writePng(randint(0, 256, [3, height, width], { dtype: 'uint8' }), path);
  return path;
}

test('segmentation: a picture with a legend, the classes as bytes, their shares', async () => {
  const [image, output] = [await picture('street.png', 90, 120), join(root, 'segmented')];
  const weights = weightsOf('lraspp_mobilenet_v3_large');
  const args = ['predict', '--model', 'lraspp_mobilenet_v3_large', '--weights', weights, '--threads', '1'];
  const { code, stdout, stderr } = await edgeai([...args, '--input', image, '--output', output, '--json']);
  assert.equal(code, 0, stderr);
  const [found] = JSON.parse(stdout);
  assert.equal(found.file, image);
  assert.deepEqual(
    [found.overlay, found.index],
    [join(output, 'street.overlay.png'), join(output, 'street.index.png')],
  );
  const shares: number[] = found.classes.map(({ share }: { share: number }) => share);
  assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-6);
  assert.match(found.classes[0].label, /^[a-z_]+$/);
  const overlay = await io.readImage(found.overlay, 'RGB');
  assert.ok(overlay.size(1) > 90 && overlay.size(2) >= 120);
  const index = await io.readImage(found.index, 'UNCHANGED');
  assert.deepEqual(index.shape, [1, 90, 120]);
  const largest = scope(() => Number(index.eq(found.classes[0].index).sum().item()) / (90 * 120));
  assert.ok(Math.abs(largest - (shares[0] ?? 0)) < 1e-6);

  const wrong = await edgeai([...args, '--input', image, '--output', join(root, 'one.png')]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /expected a folder/);
});

test('optical flow: numbers and a picture for each pair of images', async () => {
  const images = [await picture('a.png', 70, 100), await picture('b.png', 70, 100), await picture('c.png', 64, 100)];
  const output = join(root, 'flow');
  const args = ['predict', '--model', 'raft_small', '--weights', weightsOf('raft_small'), '--threads', '1'];
  const inputs = (files: readonly string[]) => files.flatMap((file) => ['--input', file]);
  const { code, stdout, stderr } = await edgeai([...args, ...inputs(images), '--output', output]);
  assert.equal(code, 1, 'the third has another size');
  assert.match(stderr, /c\.png: images must have the same size but .*b\.png and this one have 100×70 and 100×64/);
  const [title, motion = '', ...files] = stdout.trimEnd().split(/\n {2}/);
  assert.equal(title, `${images[0]} → ${images[1]}`);
  assert.deepEqual(files, [join(output, 'a.flow.png'), join(output, 'a.flow.npy')]);
  const flow = loadNpy(join(output, 'a.flow.npy'));
  assert.deepEqual([flow.dtype, flow.shape], ['float32', [2, 70, 100]]);
  const longest = scope(() => Number(flow.pow(2).sum([0]).sqrt().max().item()));
  assert.match(motion, new RegExp(`^motion: mean \\d+\\.\\d\\d px, longest ${longest.toFixed(2)} px$`));
  const image = await io.readImage(join(output, 'a.flow.png'), 'RGB');
  assert.ok(image.size(1) > 70);

  const single = await edgeai([...args, ...inputs(images.slice(0, 1)), '--output', output]);
  assert.equal(single.code, 2);
  assert.match(single.stderr, /needs two images/);
});

test('images are not for networks that look at videos', async () => {
  const args = ['predict', '--model', 's3d', '--weights', weightsOf('s3d'), '--input', await picture('v.png', 8, 8)];
  const { code, stderr } = await edgeai(args);
  assert.equal(code, 2);
  assert.match(stderr, /s3d is a model for video, which takes arrays/);
});
