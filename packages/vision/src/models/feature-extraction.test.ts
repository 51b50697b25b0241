/**
 * @file The steps of all networks have the names that torchvision gives them, and feature extractors return what modules do.
 * Fixtures: scripts/make-graph-node-fixtures.py. With EDGEAI_FULL=1 all networks, otherwise one of each family.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import { equal, keep, manualSeed, memory, nn, noGrad, randn, scope, Tensor } from '@edgeai/torch';
import { makeInput } from '../testing/fill.ts';
import { skipUnlessQuick } from '../testing/quick.ts';
import { smallInputs } from '../testing/small-inputs.ts';
import { createFeatureExtractor, getGraphNodeNames } from './feature-extraction.ts';
import { getModel, mobilenet_v3_small, resnet18 } from './index.ts';

const path = new URL('./fixtures/graph-nodes.json', import.meta.url);
const { hashes, lists } = JSON.parse(readFileSync(path, 'utf8')) as {
  hashes: Record<string, { train: string; eval: string }>;
  lists: Record<string, string[]>;
};

/** In the fixtures' order: parameters last. What Python needs to compute shapes is not in them. */
function comparable(model: nn.AnyModule, names: readonly string[]): string[] {
  const parameters = new Set(Array.from(model.namedParameters(), ([key]) => key));
  const isParameter = (name: string) => {
    const at = name.lastIndexOf('.');
    return [...parameters].some(
      (key) => name.slice(at + 1) === key.replaceAll('.', '_') && key.startsWith(name.slice(0, Math.max(at, 0))),
    );
  };
  const kept = names.filter((name) => !/(^|\.)getitem(_\d+)?$/.test(name));
  return [...kept.filter((name) => !isParameter(name)), ...kept.filter(isParameter).sort()];
}

function hash(names: readonly string[]): string {
  const text = names.map((name) => `${name}\n`).join('');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Their kin is quicker; these run with all networks only. */
const SLOW = [
  ...['alexnet', 'vgg11', 'efficientnet_b1', 'inception_v3', 'mnasnet1_0', 'mobilenet_v2', 'mobilenet_v3_large'],
  ...['regnet_x_400mf', 'resnet50', 'resnext50_32x4d', 'shufflenet_v2_x1_5', 'squeezenet1_0', 'swin_v2_t', 'maxvit_t'],
  ...['convnext_tiny', 'fcn_resnet50', 'mc3_18', 's3d', 'mvit_v2_s', 'swin3d_t', 'raft_large'],
];

for (const [name, expected] of Object.entries(hashes)) {
  test(`${name}: names of steps, features of blocks`, { skip: skipUnlessQuick(name, SLOW) }, () => {
    const before = memory().tensors;
    {
      const { shapes, options } = smallInputs(name);
      const { auxLoss: _, ...rest } = options;
      using model = getModel(name, rest);
      noGrad(() =>
        scope(() => {
          const inputs = shapes.map((shape, i) => makeInput(shape, i));
          const names = getGraphNodeNames(model, { inputs });
          const train = comparable(model, names.train);
          if (lists[name] !== undefined) assert.deepEqual(train, lists[name]);
          assert.equal(hash(train), expected.train);
          assert.equal(hash(comparable(model, names.eval)), expected.eval);
          compareBlocks(model.eval(), inputs);
        }),
      );
    }
    assert.equal(memory().tensors, before, 'nothing is left behind');
  });
}

/** What forward hooks see of the larger parts is what a feature extractor returns. */
function compareBlocks(model: nn.AnyModule, inputs: readonly Tensor[]): void {
  const seen = new Map<string, Tensor | null>();
  const removals = Array.from(model.namedModules(), ([path, module]) => {
    if (path === '' || path.split('.').length > 2 || module.children().length === 0) return () => {};
    return module.registerForwardHook((_, __, output) => {
      // A module that is called twice has no single result.
      seen.set(path, output instanceof Tensor && !seen.has(path) ? keep(output.clone()) : null);
      return undefined;
    });
  });
  model(...inputs);
  for (const remove of removals) remove();
  const found = [...seen].filter((entry): entry is [string, Tensor] => entry[1] !== null);
  using extractor = createFeatureExtractor(model, { returnNodes: found.map(([path]) => path), inputs });
  const features = extractor(...inputs);
  for (const [path, expected] of found) assert.ok(equal(features[path] as Tensor, expected), path);
  for (const tensor of seen.values()) tensor?.dispose();
}

describe('createFeatureExtractor', () => {
  const inputs = () => [randn([2, 3, 64, 64])];

  it('runs and keeps only what it needs, under the names of the network', () => {
    using model = resnet18().eval();
    scope(() => {
      const x = inputs();
      using body = createFeatureExtractor(model, { returnNodes: { layer2: 'fine', 'layer1.1.add': 'sum' }, inputs: x });
      const features = body(...x);
      assert.deepEqual(Object.keys(features), ['sum', 'fine'], 'in the order in which they are computed');
      assert.deepEqual(features.fine?.shape, [2, 128, 8, 8]);
      const keys = Object.keys(model.stateDict()).filter((key) => /^(conv1|bn1|layer1|layer2)\./.test(key));
      assert.deepEqual(Object.keys(body.stateDict()), keys);
      assert.equal(body.stateDict()[keys[0] as string], model.stateDict()[keys[0] as string]);
    });
  });

  it('switches between the steps of training and of evaluation', () => {
    using model = mobilenet_v3_small();
    noGrad(() =>
      scope(() => {
        const x = inputs();
        const nodes = { trainReturnNodes: ['classifier.2'], evalReturnNodes: ['features.1', 'classifier'] };
        using body = createFeatureExtractor(model, { ...nodes, inputs: x });
        assert.ok(body.training);
        manualSeed(1);
        const [dropped] = Object.values(body(...x)) as [Tensor];
        assert.deepEqual(Object.keys(body(...x)), ['classifier.2']);
        assert.ok((dropped.eq(0).sum().item() as number) > 0.1 * dropped.numel(), 'dropout drops');
        body.eval();
        const features = body(...x);
        assert.deepEqual(Object.keys(features), ['features.1', 'classifier']);
        assert.ok(equal(features.classifier as Tensor, model.eval()(...(x as [Tensor]))));
      }),
    );
  });

  it('lets gradients through, to the parameters that it shares with the network', () => {
    using model = resnet18().eval();
    scope(() => {
      const x = inputs();
      using body = createFeatureExtractor(model, { returnNodes: ['layer1'], inputs: x });
      (body(...x).layer1 as Tensor).sum().backward();
      assert.ok(model.getSubmodule('conv1') instanceof nn.Conv2d);
      assert.notEqual((model.getSubmodule('conv1') as nn.Conv2d).weight.grad, null);
    });
  });

  it('refuses names that the network does not have, and half a request', () => {
    using model = resnet18();
    scope(() => {
      const x = inputs();
      assert.throws(
        () => createFeatureExtractor(model, { returnNodes: ['layer1.0.ad'], inputs: x }),
        /no step 'layer1.0.ad' in training mode.*layer1.0.add/,
      );
      assert.throws(
        () => createFeatureExtractor(model, { trainReturnNodes: ['layer1'] }),
        /Expected either returnNodes/,
      );
    });
  });
});
