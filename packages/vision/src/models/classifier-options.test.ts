/** @file What the options of the classifiers do, and the old checkpoints that they take. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { manualSeed, nn, noGrad, randn, save, scope, Tensor, zeros } from '@edgeai/torch';
import {
  blockParams,
  checkpointPath,
  DenseNet,
  defineWeights,
  GoogLeNet,
  GoogLeNet_Weights,
  getModel,
  googlenet,
  interpolateEmbeddings,
  MaxVit,
  MNASNet,
  mobileNetV3Config,
  mobilenet_v3_small,
  registerClassifier,
  ShuffleNetV2,
  SwinTransformer,
  VisionTransformer,
  ViT_B_16_Weights,
  vit_b_16,
} from './index.ts';
import { requireCheckpoint } from './weights-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'classifiers-'));
after(() => rmSync(folder, { recursive: true }));
process.env.TORCH_HOME = folder;
mkdirSync(join(folder, 'hub', 'checkpoints'), { recursive: true });

/** The same result for the same input. */
function assertSame(a: nn.Module, b: nn.Module, shape: number[]): void {
  noGrad(() =>
    scope(() => {
      const input = randn(shape);
      assert.deepEqual(a.eval()(input).toArray(), b.eval()(input).toArray());
    }),
  );
}

const TINY_DENSE = { growthRate: 4, blockConfig: [2, 2], numInitFeatures: 8, numClasses: 3 };

test('DenseNet takes checkpoints with a dot in the names of its layers', () => {
  using source = new DenseNet(TINY_DENSE);
  using target = new DenseNet(TINY_DENSE);
  const old = Object.entries(source.stateDict()).map(([key, tensor]) => {
    return [key.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2'), tensor] as const;
  });
  assert.ok(old.some(([key]) => key === 'features.denseblock1.denselayer2.norm.1.running_var'));
  target.loadStateDict(Object.fromEntries(old));
  assertSame(source, target, [1, 3, 32, 32]);
});

test('a memory-efficient DenseNet trains as the plain one', () => {
  using plain = new DenseNet(TINY_DENSE);
  using efficient = new DenseNet({ ...TINY_DENSE, memoryEfficient: true });
  efficient.loadStateDict(plain.stateDict());
  scope(() => {
    const input = randn([2, 3, 32, 32]);
    const gradients = [plain, efficient].map((model) => {
      model.train()(input).square().sum().backward();
      const found = model.parameters().map(({ grad }) => grad?.toArray());
      model.zeroGrad();
      return found;
    });
    assert.deepEqual(gradients[0], gradients[1]);
  });
});

test('published weights of GoogLeNet bring transformInput and leave the auxiliary heads out unless asked', () => {
  {
    using published = googlenet({ initWeights: false });
    save(published.stateDict(), checkpointPath(GoogLeNet_Weights.DEFAULT), { detach: true });
  }
  using plain = googlenet({ weights: 'DEFAULT' });
  assert.deepEqual([plain.aux1, plain.aux2, plain.auxLogits, plain.transformInput], [null, null, false, true]);
  using asked = googlenet({ weights: 'DEFAULT', auxLogits: true, transformInput: false });
  assert.ok(asked.aux1 !== null && asked.auxLogits && !asked.transformInput);
  assert.throws(() => googlenet({ weights: 'DEFAULT', numClasses: 7 }), /numClasses/);
  noGrad(() =>
    scope(() => {
      const input = randn([2, 3, 32, 32]);
      assert.ok(plain.train()(input) instanceof Tensor);
      const training = asked.train()(input);
      assert.ok(!(training instanceof Tensor));
      assert.deepEqual(Object.keys(training), ['logits', 'auxLogits2', 'auxLogits1']);
      assert.ok(asked.eval()(input) instanceof Tensor);
    }),
  );
});

test('a GoogLeNet without auxiliary heads gives a tensor in training too', () => {
  using model = new GoogLeNet({ auxLogits: false, numClasses: 2, initWeights: false });
  noGrad(() => scope(() => assert.ok(model.train()(randn([2, 3, 32, 32])) instanceof Tensor)));
});

test('weights without categories leave the number of classes to the caller', () => {
  const preset = { kind: 'classification', cropSize: 8, resizeSize: 8, mean: [0, 0, 0], std: [1, 1, 1] } as const;
  const meta = { numParams: 8, minSize: [1, 1], recipe: '', metrics: {}, ops: 0, fileSize: 0, docs: '' } as const;
  const entry = {
    url: 'https://example.org/tiny.pth',
    transforms: { ...preset, interpolation: 'bilinear' } as const,
    meta: { ...meta, categories: [] },
  };
  const weights = defineWeights('Tiny_Weights', { FEATURES: entry }, 'FEATURES');
  const tiny = registerClassifier('tiny_for_tests', {
    make: ({ numClasses = 1000 }: { numClasses?: number }) => new nn.Linear(3, numClasses),
    weights,
    defaults: {},
  });
  assert.throws(() => tiny({ weights: 'FEATURES' }), { code: 'WEIGHTS_NOT_DOWNLOADED' });
  using source = tiny({ numClasses: 2 });
  save(source.stateDict(), checkpointPath(weights.DEFAULT), { detach: true });
  assert.ok(requireCheckpoint(weights.DEFAULT));
  using loaded = tiny({ numClasses: 2, weights: 'FEATURES' });
  assertSame(source, loaded, [1, 3]);
});

test('MNASNet takes checkpoints of its first version, whose stem was not scaled', () => {
  using first = new MNASNet(0.5, { numClasses: 2 });
  const stem = scope(() => first.loadStateDict({ 'layers.0.weight': zeros([32, 3, 3, 3]) }, { strict: false }));
  assert.ok(stem.missing.length > 0);
  using target = new MNASNet(0.5, { numClasses: 2 });
  target.loadStateDict(first.stateDict());
  const shapes = Object.fromEntries(Object.entries(target.stateDict()).map(([key, { shape }]) => [key, shape]));
  assert.deepEqual(shapes['layers.6.weight'], [16, 32, 1, 1]);
  assert.deepEqual(shapes['layers.8.0.layers.0.weight'], [48, 16, 1, 1]);
  assert.deepEqual(shapes['layers.9.0.layers.0.weight'], [48, 16, 1, 1]);
  assertSame(first, target, [1, 3, 32, 32]);
});

test('the tail of MobileNetV3 can be narrowed and dilated', () => {
  const plain = mobileNetV3Config('large');
  assert.deepEqual(
    plain.invertedResidualSetting.slice(-3).map(({ stride, dilation }) => [stride, dilation]),
    [
      [2, 1],
      [1, 1],
      [1, 1],
    ],
  );
  const { invertedResidualSetting, lastChannel } = mobileNetV3Config('large', { reducedTail: true, dilated: true });
  assert.deepEqual(
    invertedResidualSetting
      .slice(-3)
      .map((block) => [block.inputChannels, block.expandedChannels, block.outChannels, block.dilation]),
    [
      [112, 672, 80, 2],
      [80, 480, 80, 2],
      [80, 480, 80, 2],
    ],
  );
  assert.equal(lastChannel, 640);
  using dilated = mobilenet_v3_small({ numClasses: 2, dilated: true, widthMult: 0.5 });
  noGrad(() =>
    scope(() =>
      assert.deepEqual(
        dilated
          .eval()
          .features(randn([1, 3, 64, 64]))
          .shape.slice(2),
        [4, 4],
      ),
    ),
  );
});

test('ShuffleNetV2 and RegNet refuse numbers that describe no network', () => {
  assert.throws(() => new ShuffleNetV2([1, 1], [24, 48, 96, 192, 64]), /stagesRepeats/);
  assert.throws(() => new ShuffleNetV2([1, 1, 1], [24, 48, 96]), /stagesOutChannels/);
  assert.throws(() => blockParams({ depth: 4, w0: 20, wa: 1, wm: 2, groupWidth: 8 }), /w0/);
  assert.throws(() => blockParams({ depth: 4, w0: 24, wa: 1, wm: 1, groupWidth: 8 }), /wm/);
});

const TINY_VIT = { patchSize: 8, numLayers: 1, numHeads: 2, hiddenDim: 8, mlpDim: 16 };

test('a vision transformer takes the keys of old checkpoints', () => {
  using source = new VisionTransformer(TINY_VIT, { imageSize: 16, numClasses: 2, representationSize: 4 });
  using target = new VisionTransformer(TINY_VIT, { imageSize: 16, numClasses: 2, representationSize: 4 });
  for (const parameter of source.parameters()) nn.init.normal_(parameter);
  const old = Object.entries(source.stateDict()).map(([key, tensor]) => {
    return [key.replace('.mlp.0.', '.mlp.linear_1.').replace('.mlp.3.', '.mlp.linear_2.'), tensor] as const;
  });
  assert.ok(old.some(([key]) => key === 'encoder.layers.encoder_layer_0.mlp.linear_2.bias'));
  target.loadStateDict(Object.fromEntries(old));
  assertSame(source, target, [1, 3, 16, 16]);
  scope(() => assert.throws(() => source(randn([1, 3, 16, 24])), /16×16/));
});

test('embeddings of positions are fitted to another image size', () => {
  using small = new VisionTransformer(TINY_VIT, { imageSize: 16, numClasses: 2 });
  using large = new VisionTransformer(TINY_VIT, { imageSize: 32, numClasses: 2 });
  assert.equal(interpolateEmbeddings(16, 8, small.stateDict())['encoder.pos_embedding'], small.encoder.pos_embedding);
  noGrad(() =>
    scope(() => {
      const state = interpolateEmbeddings(32, 8, small.stateDict(), { interpolationMode: 'bilinear' });
      large.loadStateDict(state);
      // Class token and corners stay where they are.
      const at = (model: VisionTransformer, position: number) => model.encoder.pos_embedding.select(1, position);
      for (const [from, to] of [
        [0, 0],
        [1, 1],
        [2, 4],
        [4, 16],
      ] as const) {
        assert.ok(Number(at(small, from).sub(at(large, to)).abs().max().item()) < 1e-6);
      }
      const headless = interpolateEmbeddings(32, 8, small.stateDict(), { resetHeads: true });
      assert.ok(!Object.keys(headless).some((key) => key.startsWith('heads')));
    }),
  );
});

test('published weights prescribe the image size of a vision transformer', () => {
  assert.throws(() => vit_b_16({ weights: ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1, imageSize: 224 }), /384/);
});

test('a convolutional stem takes the place of the patches', () => {
  const conv = (outChannels: number) => ({ outChannels, kernelSize: 3, stride: 2 });
  using model = new VisionTransformer(TINY_VIT, {
    imageSize: 16,
    numClasses: 2,
    convStemConfigs: [conv(4), conv(6), conv(8)],
  });
  const keys = Object.keys(model.stateDict()).filter((key) => key.startsWith('conv_proj'));
  assert.ok(keys.includes('conv_proj.conv_bn_relu_2.1.running_mean') && keys.includes('conv_proj.conv_last.bias'));
  noGrad(() => scope(() => assert.deepEqual(model.eval()(randn([2, 3, 16, 16])).shape, [2, 2])));
});

test('a Swin Transformer pads odd sizes and drops attention in training only', () => {
  manualSeed(0);
  const size = { patchSize: [4, 4], embedDim: 8, depths: [2, 2], numHeads: [2, 4], windowSize: [3, 3] } as const;
  using model = new SwinTransformer(size, { numClasses: 2, attentionDropout: 0.5, dropout: 0.5 });
  noGrad(() =>
    scope(() => {
      const input = randn([1, 3, 28, 36]);
      const run = () => model(input).toArray();
      model.eval();
      assert.deepEqual(run(), run());
      model.train();
      assert.notDeepEqual(run(), run());
    }),
  );
});

test('MaxViT refuses images that its partitions do not cover', () => {
  const size = { stemChannels: 8, partitionSize: 2, blockChannels: [8, 16], blockLayers: [1, 1], headDim: 4 };
  assert.throws(() => new MaxVit(size, { inputSize: [20, 20] }), /multiple of 2/);
  assert.throws(() => new MaxVit(size, { inputSize: [32, 16] }), /equal height and width/);
  using model = new MaxVit(size, { inputSize: [32, 32], numClasses: 3 });
  noGrad(() => scope(() => assert.deepEqual(model.eval()(randn([1, 3, 32, 32])).shape, [1, 3])));
});

test('options that are undefined are as good as left out', () => {
  using model = getModel('efficientnet_v2_s', { lastChannel: undefined, normLayer: undefined, numClasses: 2 });
  const norm = model.modules().find((module) => module instanceof nn.BatchNorm2d);
  assert.equal(norm?.eps, 0.001);
  assert.deepEqual(model.stateDict()['classifier.1.weight']?.shape, [2, 1280]);
});
