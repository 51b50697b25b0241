/**
 * @file Parameters and multiply-accumulates equal the recorded ones, and memory is what the values alive at a time need.
 * With EDGEAI_FULL=1 all networks, otherwise some of the quick ones.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import { fx, memory, nn, scope, type Tensor, zeros } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { complexityChart, countMacs, groupLayers, measureComplexity, peakMemory } from './index.ts';

const path = new URL('./fixtures/complexity.json', import.meta.url);
const recorded = JSON.parse(readFileSync(path, 'utf8')) as {
  models: Record<string, { params: number; macs: number; matmulMacs: number; inputs: number[][] }>;
};
const QUICK = new Set(['mobilenet_v2', 'shufflenet_v2_x1_0', 'googlenet', 'efficientnet_b0', 'swin_t', 'vit_b_32']);

for (const [name, { params, macs, matmulMacs, inputs }] of Object.entries(recorded.models)) {
  const skip = process.env.EDGEAI_FULL === '1' || QUICK.has(name) ? false : 'runs with EDGEAI_FULL=1';
  test(`${name}: parameters and multiply-accumulates`, { skip }, () => {
    const before = memory().tensors;
    {
      using model = models.getModel<nn.AnyModule>(name);
      const found = scope(() =>
        measureComplexity(
          model,
          inputs.map((shape) => zeros(shape)),
        ),
      );
      assert.deepEqual(
        { params: found.params, macs: found.macs, matmulMacs: found.matmulMacs },
        { params, macs, matmulMacs },
      );
      const sum = found.layers.reduce((total, layer) => total + layer.params, 0);
      assert.equal(sum, found.usedParams);
      // The auxiliary heads of these run in training only.
      if (!/^(googlenet|inception)/.test(name)) assert.equal(sum, params);
    }
    assert.equal(memory().tensors, before, 'nothing is left behind');
  });
}

test('layers without a graph: convolutions, transposed ones, linear', () => {
  scope(() => {
    // 8 × 5 × 5 outputs, each from 2 × 3 × 3 inputs.
    const conv = new nn.Conv2d(4, 8, 3, { stride: 2, padding: 1, groups: 2 });
    assert.equal(countMacs(conv, [zeros([1, 4, 10, 10])]), 8 * 25 * 18);
    assert.equal(measureComplexity(conv, [zeros([1, 4, 10, 10])]).macs, 8 * 25 * 18);
    const up = new nn.ConvTranspose2d(4, 6, 2, { stride: 2 });
    assert.equal(countMacs(up, [zeros([1, 4, 5, 5])]), 4 * 25 * 6 * 4);
    assert.equal(measureComplexity(up, [zeros([1, 4, 5, 5])]).macs, 4 * 25 * 6 * 4);
  });
});

test('counting leaves no hooks and the mode as it was', () => {
  const model = new nn.Sequential(new nn.Linear(2, 2));
  scope(() => countMacs(model, [zeros([1, 2])]));
  assert.equal(
    scope(() => countMacs(model, [zeros([1, 2])])),
    4,
  );
  assert.equal(model.training, true);
});

describe('memory', () => {
  /** Two branches: both results are alive until they are added. */
  class Branches extends nn.Module {
    readonly a = new nn.Conv2d(2, 4, 1);
    readonly relu = new nn.ReLU({ inplace: true });
    readonly b = new nn.Conv2d(2, 4, 1);
    forward(x: Tensor): Tensor {
      return this.relu(this.a(x)).flatten(1).add(this.b(x).flatten(1));
    }
  }

  it('holds each value from its node to its last use; views and in-place layers need none', () => {
    scope(() => {
      using graph = fx.capture(new Branches().eval(), [zeros([1, 2, 8, 8])]);
      const [input, map] = [2 * 64 * 4, 4 * 64 * 4];
      const peak = peakMemory(graph);
      assert.deepEqual(
        graph.nodes.map((node, i) => [node.path, peak.timeline[i]]),
        [
          ['x', input],
          ['a', input + map],
          ['relu', input + map],
          ['flatten', input + map],
          ['b', input + 2 * map],
          ['flatten_1', 2 * map],
          ['add', 3 * map],
          ['output', map],
        ],
      );
      assert.equal(peak.bytes, 3 * map);
      assert.equal(peak.node.path, 'add');
    });
  });

  it('adds layers up by their place, and draws them', () => {
    scope(() => {
      const { layers, macs } = measureComplexity(new nn.Sequential(new Branches(), new nn.ReLU()), [
        zeros([1, 2, 8, 8]),
      ]);
      const groups = groupLayers(layers, 1);
      assert.deepEqual(
        groups.map((group) => group.path),
        ['0', '1'],
      );
      assert.equal(groups[0]?.macs, macs);
      assert.equal(macs, 2 * 4 * 2 * 64);
      const svg = complexityChart(layers, { title: 'a < b' });
      assert.match(svg, /^<svg [^>]*>[\s\S]*a &lt; b[\s\S]*0\.b<[\s\S]*<\/svg>\n$/);
      assert.equal(svg.match(/>0\.[ab]</g)?.length, 2);
    });
  });
});
