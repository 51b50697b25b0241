/** @file What the options of segmentation, video and optical-flow networks do, what is refused, and what their weights say. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { expectNoLeaks, memory, nn, noGrad, rand, save, scope } from '@edgeai/torch';
import {
  Conv3DNoTemporal,
  Conv3DSimple,
  CorrBlock,
  checkpointFolder,
  checkpointPath,
  deeplabv3_mobilenet_v3_large,
  FCN_ResNet50_Weights,
  getModel,
  getModelWeights,
  IntermediateLayerGetter,
  LRASPP_MobileNet_V3_Large_Weights,
  listModels,
  lraspp_mobilenet_v3_large,
  MC3_18_Weights,
  mobilenet_v3_large,
  mvit_v2_s,
  Raft_Small_Weights,
  raft_small,
  resnet18,
  SwinTransformer3d,
  VideoBottleneck,
  VideoResNet,
  WeightsNotDownloadedError,
} from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'dense-'));
after(() => rmSync(folder, { recursive: true }));
process.env.TORCH_HOME = join(folder, 'torch-home');

test('a getter returns the feature maps asked for, under the names asked for, and shares its layers', async () => {
  using model = resnet18({ numClasses: 2 }).eval();
  await expectNoLeaks(() => {
    const getter = new IntermediateLayerGetter(model, { layer1: 'low', layer3: 'high' });
    assert.deepEqual(
      Array.from(getter.namedChildren(), ([name]) => name),
      ['conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3'],
    );
    assert.equal(getter.getSubmodule('layer2'), model.layer2);
    noGrad(() =>
      scope(() => {
        const shapes = Object.entries(getter(rand([1, 3, 64, 64]))).map(([name, map]) => [name, map.shape]);
        assert.deepEqual(shapes, [
          ['low', [1, 64, 16, 16]],
          ['high', [1, 256, 4, 4]],
        ]);
      }),
    );
  });
  assert.throws(() => new IntermediateLayerGetter(model, { layer9: 'x' }), /layers among conv1, .* received "layer9"/);
});

test('an auxiliary head is there when asked for, and refused where there is none', () => {
  using plain = deeplabv3_mobilenet_v3_large({ numClasses: 2 });
  assert.equal(plain.aux_classifier, null);
  using model = deeplabv3_mobilenet_v3_large({ numClasses: 2, auxLoss: true }).eval();
  noGrad(() =>
    scope(() => {
      const { out, aux } = model(rand([1, 3, 40, 56]));
      assert.deepEqual(
        [out.shape, aux?.shape],
        [
          [1, 2, 40, 56],
          [1, 2, 40, 56],
        ],
      );
    }),
  );
  const before = memory().tensors;
  assert.throws(() => lraspp_mobilenet_v3_large({ auxLoss: true }), /no auxiliary head/);
  assert.throws(() => lraspp_mobilenet_v3_large({ numClasses: 0 }), /numClasses/);
  assert.equal(memory().tensors, before, 'refused before anything was made');
});

test('backbones load weights of their own; published weights come with an auxiliary head and 21 classes', () => {
  using backbone = mobilenet_v3_large({ dilated: true });
  const file = join(folder, 'backbone.pth');
  save(backbone.stateDict(), file);
  using model = lraspp_mobilenet_v3_large({ numClasses: 2, weightsBackbone: file });
  const key = 'backbone.0.0.weight';
  assert.deepEqual(model.stateDict()[key]?.toArray(), backbone.stateDict()['features.0.0.weight']?.toArray());

  assert.throws(() => getModel('fcn_resnet50', { weights: 'DEFAULT' }), WeightsNotDownloadedError);
  assert.throws(() => getModel('fcn_resnet50', { weights: 'DEFAULT', auxLoss: false }), /Expected true for auxLoss/);
  const entry = LRASPP_MobileNet_V3_Large_Weights.DEFAULT;
  using source = lraspp_mobilenet_v3_large();
  mkdirSync(checkpointFolder(), { recursive: true });
  save(source.stateDict(), checkpointPath(entry));
  assert.throws(() => lraspp_mobilenet_v3_large({ weights: entry, numClasses: 5 }), /Expected 21 for numClasses/);
  using loaded = lraspp_mobilenet_v3_large({ weights: entry, weightsBackbone: 'IMAGENET1K_V2' });
  assert.deepEqual(loaded.stateDict()[key]?.toArray(), source.stateDict()[key]?.toArray());
});

test('bottlenecks for videos start as nothing with zeroInitResidual', () => {
  const convs = [Conv3DSimple, Conv3DNoTemporal, Conv3DNoTemporal, Conv3DSimple];
  using model = new VideoResNet(VideoBottleneck, convs, [1, 1, 1, 1], () => new nn.Conv3d(3, 64, 1), {
    numClasses: 2,
    zeroInitResidual: true,
  });
  const norm = model.layer2.getSubmodule('0.conv3.1');
  assert.ok(norm instanceof nn.BatchNorm3d && norm.weight?.abs().max().item() === 0);
  noGrad(() => scope(() => assert.deepEqual(model.eval()(rand([1, 3, 4, 16, 16])).shape, [1, 2])));
  assert.throws(() => new VideoResNet(VideoBottleneck, convs, [1], () => new nn.Identity()), /layers/);
});

test('MViT is made for clips of one size, which weights prescribe', () => {
  using model = mvit_v2_s({ numClasses: 2, spatialSize: [32, 32], temporalSize: 4 }).eval();
  noGrad(() => scope(() => assert.deepEqual(model(rand([1, 3, 4, 32, 32])).shape, [1, 2])));
  assert.throws(() => mvit_v2_s({ weights: 'DEFAULT', temporalSize: 8 }), /Expected 16 for temporalSize/);
  assert.throws(() => mvit_v2_s({ weights: 'DEFAULT', spatialSize: [32, 32] }), /Expected 224,224 for spatialSize/);
});

test('windows in time are cut to short clips, and clips padded to whole patches', () => {
  using model = new SwinTransformer3d(
    { patchSize: [2, 4, 4], embedDim: 8, depths: [2], numHeads: [2], windowSize: [4, 3, 3] },
    { numClasses: 2 },
  ).eval();
  for (const shape of [
    [1, 3, 1, 5, 5],
    [2, 3, 9, 26, 17],
  ]) {
    noGrad(() => scope(() => assert.deepEqual(model(rand(shape)).shape, [shape[0], 2])));
  }
  assert.throws(() => scope(() => model(rand([1, 3, 8, 8]))), /five dimensions/);
});

test('optical flow gives one field an update, and refuses sizes that it cannot do', async () => {
  using model = raft_small({ corrBlock: new CorrBlock({ numLevels: 2, radius: 2 }) }).eval();
  const run = (first: number[], second = first, updates?: number) =>
    noGrad(() => scope(() => model(rand(first), rand(second), updates).map(({ shape }) => shape)));
  await expectNoLeaks(() => {
    assert.deepEqual(run([1, 3, 40, 48], [1, 3, 40, 48], 2), [
      [1, 2, 40, 48],
      [1, 2, 40, 48],
    ]);
    assert.equal(run([1, 3, 32, 32]).length, 12);
  });
  assert.throws(() => run([1, 3, 40, 44]), /sides divisible by 8/);
  assert.throws(() => run([1, 3, 40, 48], [1, 3, 40, 40]), /the shape of image1/);
  assert.throws(() => run([1, 3, 24, 32]), /at least 4×4 for 2 levels but received 3×4/);
  assert.throws(() => run([1, 3, 32, 32], [1, 3, 32, 32], 0), /numFlowUpdates/);
});

test('entries describe their preprocessing, classes and results', () => {
  const { transforms, meta } = FCN_ResNet50_Weights.DEFAULT;
  assert.ok(transforms.kind === 'segmentation' && transforms.resizeSize === 520);
  assert.deepEqual([meta.categories.length, meta.categories[20]], [21, 'tvmonitor']);
  assert.deepEqual(meta.metrics, { 'COCO-val2017-VOC-labels': { miou: 60.5, pixel_acc: 91.4 } });
  const video = MC3_18_Weights.DEFAULT;
  assert.ok(video.transforms.kind === 'video');
  assert.deepEqual(
    [video.transforms.resizeSize, video.transforms.cropSize],
    [
      [128, 171],
      [112, 112],
    ],
  );
  assert.equal(video.meta.categories[399], 'zumba');
  assert.equal(Raft_Small_Weights.DEFAULT, Raft_Small_Weights.C_T_V2);
  assert.deepEqual(Raft_Small_Weights.DEFAULT.transforms, { kind: 'optical_flow' });

  const counts = { segmentation: 6, video: 10, optical_flow: 8 };
  for (const [module, count] of Object.entries(counts)) {
    const entries = listModels({ module }).flatMap((name) => getModelWeights(name).entries());
    assert.equal(entries.length, count);
    for (const { url, meta: facts } of entries) {
      assert.match(url, /^https:\/\/download\.pytorch\.org\/models\/[A-Za-z0-9_]+-[0-9a-f]{8}\.pth$/);
      // 4 bytes a parameter, and the position indices of Swin Transformers.
      const bytes = (facts.fileSize * 2 ** 20) / facts.numParams;
      assert.ok(bytes > 3.9 && bytes < 4.7, `${url}: ${bytes} bytes a parameter`);
      assert.equal(facts.categories.length, { segmentation: 21, video: 400, optical_flow: 0 }[module]);
    }
  }
});
