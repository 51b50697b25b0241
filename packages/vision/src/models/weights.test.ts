/** @file Weights entries: look-up, verification, metadata; loading them from files; fetching. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ArgumentError, expectNoLeaks, nn, save, saveSafetensors, scope } from '@edgeai/torch';
import {
  checkpointFolder,
  checkpointPath,
  defineWeights,
  downloadWeights,
  getModel,
  getModelWeights,
  listModels,
  ResNet18_Weights,
  ResNet50_Weights,
  WeightsNotDownloadedError,
} from './index.ts';
import { withWeights } from './weights-loading.ts';

const folder = mkdtempSync(join(tmpdir(), 'weights-'));
after(() => rmSync(folder, { recursive: true }));
process.env.TORCH_HOME = join(folder, 'torch-home');

test('entries are properties; DEFAULT and full names are understood', () => {
  const entry = ResNet50_Weights.IMAGENET1K_V2;
  assert.equal(entry.name, 'ResNet50_Weights.IMAGENET1K_V2');
  assert.equal(ResNet50_Weights.DEFAULT, entry);
  assert.equal(ResNet50_Weights.verify('DEFAULT'), entry);
  assert.equal(ResNet50_Weights.verify('IMAGENET1K_V2'), entry);
  assert.equal(ResNet50_Weights.verify('ResNet50_Weights.IMAGENET1K_V2'), entry);
  assert.equal(ResNet50_Weights.verify(structuredClone(entry)), entry, 'a copy is the same entry');
  assert.equal(ResNet50_Weights.verify(null), null);
  assert.deepEqual(ResNet50_Weights.keys(), ['IMAGENET1K_V1', 'IMAGENET1K_V2']);
});

test('entries of other models and unknown names are refused', () => {
  assert.throws(
    () => ResNet18_Weights.verify(ResNet50_Weights.DEFAULT),
    /Expected an entry of ResNet18_Weights .* ResNet50_Weights\.IMAGENET1K_V2/,
  );
  assert.throws(() => ResNet18_Weights.verify('ResNet50_Weights.IMAGENET1K_V1'), ArgumentError);
  assert.throws(() => ResNet18_Weights.verify('IMAGENET1K_V9'), /did you mean 'IMAGENET1K_V1'/);
});

test('metadata is complete and consistent with the file name', () => {
  for (const name of listModels({ module: 'classification' })) {
    for (const { url, meta, transforms } of getModelWeights(name).entries()) {
      assert.match(url, /^https:\/\/download\.pytorch\.org\/models\/[a-z0-9_.-]+-[0-9a-f]{8,10}\.pth$/);
      const features = url.includes('_features-');
      assert.equal(meta.categories.length, features ? 0 : 1000);
      assert.equal(Object.keys(meta.metrics).length, features ? 0 : 1);
      assert.equal(meta.license !== undefined, url.includes('_swag-'));
      assert.ok(transforms.kind === 'classification');
      assert.ok(transforms.resizeSize >= transforms.cropSize && transforms.cropSize >= meta.minSize[0]);
      // The file of GoogLeNet has the auxiliary heads, which are not counted.
      if (name === 'googlenet') continue;
      // 4 bytes a parameter, or 2 where the file holds half precision; statistics of batch norms weigh in small networks.
      const bytes = (meta.fileSize * 2 ** 20) / meta.numParams;
      assert.ok((bytes > 3.9 && bytes < 4.2) || Math.abs(bytes - 2) < 0.05, `${url}: ${bytes} bytes a parameter`);
    }
  }
});

test('the folder is that of torch.hub', () => {
  assert.equal(checkpointFolder({ TORCH_HOME: '/t' }), join('/t', 'hub', 'checkpoints'));
  assert.equal(checkpointFolder({ XDG_CACHE_HOME: '/c' }), join('/c', 'torch', 'hub', 'checkpoints'));
  assert.equal(checkpointFolder({ HOME: '/h' }), join('/h', '.cache', 'torch', 'hub', 'checkpoints'));
  assert.equal(checkpointPath(ResNet18_Weights.DEFAULT, '/x'), join('/x', 'resnet18-f37072fd.pth'));
});

test('weights that are not on disk say how to fetch them', () => {
  assert.throws(
    () => getModel('resnet18', { weights: 'DEFAULT' }),
    (error: unknown) =>
      error instanceof WeightsNotDownloadedError &&
      error.message.includes("await downloadWeights('ResNet18_Weights.IMAGENET1K_V1')"),
  );
  assert.throws(() => getModel('resnet18', { weights: 'IMAGENET1K_V7' }), /did you mean 'IMAGENET1K_V1'/);
  assert.throws(() => getModel('resnet18', { weights: './none.pth' }), /no checkpoint file/);
});

test('an entry on disk is loaded, and prescribes the number of classes', async () => {
  const file = checkpointPath(ResNet18_Weights.DEFAULT);
  mkdirSync(checkpointFolder(), { recursive: true });
  using original = getModel('resnet18');
  save(original.stateDict(), file);
  const wanted = original.parameters().at(-1)?.toTypedArray();
  await expectNoLeaks(() => {
    using loaded = getModel('resnet18', { weights: 'DEFAULT', numClasses: 1000 });
    assert.deepEqual(loaded.parameters().at(-1)?.toTypedArray(), wanted);
    assert.throws(
      () => getModel('resnet18', { weights: ResNet18_Weights.DEFAULT, numClasses: 10 }),
      /Expected 1000 for numClasses, which ResNet18_Weights\.IMAGENET1K_V1 prescribes, but received 10/,
    );
  });
});

class Tiny extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly norm: nn.BatchNorm2d;

  constructor(options: { numClasses?: number } = {}) {
    super();
    this.conv = new nn.Conv2d(1, options.numClasses ?? 2, 1);
    this.norm = new nn.BatchNorm2d(options.numClasses ?? 2);
  }

  forward(x: Parameters<nn.Conv2d['forward']>[0]) {
    return this.norm(this.conv(x));
  }
}

const none = defineWeights(
  'Tiny_Weights',
  {
    V1: {
      url: 'https://example.org/tiny-00000000.pth',
      transforms: ResNet18_Weights.DEFAULT.transforms,
      meta: { ...ResNet18_Weights.DEFAULT.meta, categories: ['a', 'b'] },
    },
  },
  'V1',
);
const load = (weights: string, numClasses?: number) =>
  withWeights(none, { weights, numClasses }, (options) => new Tiny(options));

test('checkpoint files: plain, nested, data-parallel, without batch counters, safetensors', async () => {
  using model = new Tiny();
  const state = model.stateDict();
  const { 'norm.num_batches_tracked': _, ...old } = state;
  const files = {
    'plain.pth': state,
    'nested.pth': { model: state, epoch: 3 },
    'state-dict.pth': { state_dict: state },
    'parallel.pth': Object.fromEntries(Object.entries(state).map(([key, value]) => [`module.${key}`, value])),
    'old.pth': old,
  };
  const wanted = model.conv.weight.toArray();
  saveSafetensors(state, join(folder, 'plain.safetensors'));
  await expectNoLeaks(() => {
    {
      using loaded = load(join(folder, 'plain.safetensors'));
      assert.deepEqual(loaded.conv.weight.toArray(), wanted);
    }
    for (const [name, content] of Object.entries(files)) {
      save(content, join(folder, name));
      using loaded = load(join(folder, name));
      assert.deepEqual(loaded.conv.weight.toArray(), wanted, name);
    }
  });
});

test('a checkpoint that does not fit, or holds no weights, is refused and leaves nothing behind', async () => {
  await expectNoLeaks(() => {
    save({ epoch: 3 }, join(folder, 'empty.pth'));
    assert.throws(() => load(join(folder, 'empty.pth')), /empty\.pth: Expected tensors by name.*found: epoch/);
    scope(() => {
      using model = new Tiny();
      save(model.stateDict(), join(folder, 'two.pth'));
    });
    assert.throws(() => load(join(folder, 'two.pth'), 3), nn.StateDictError);
  });
});

test('downloads land in the folder once, under their hash', async () => {
  using model = new Tiny();
  const source = join(folder, 'source.pth');
  save(model.stateDict(), source);
  const bytes = readFileSync(source);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const entry = { ...none.DEFAULT, url: `${base}/tiny-${hash}.pth` };
    const path = await downloadWeights(entry);
    assert.equal(path, join(checkpointFolder(), `tiny-${hash}.pth`));
    assert.ok(readFileSync(path).equals(bytes));
    assert.equal(await downloadWeights(entry), path);
    assert.equal(requests, 1, 'the second call finds the file');
    await assert.rejects(downloadWeights({ ...entry, url: `${base}/tiny-00000000.pth` }), { code: 'HASH_MISMATCH' });
  } finally {
    server.close();
  }
});
