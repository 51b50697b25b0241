/** @file Graphs as JSON, with their tensors in a state dict, come back the same; drawings show every node. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  equal,
  expectNoLeaks,
  fx,
  load,
  manualSeed,
  nn,
  noGrad,
  randn,
  save,
  scope,
  type Tensor,
  tensor,
} from '../index.ts';

class Block extends nn.Module {
  readonly conv = new nn.Conv2d(3, 4, 3, { padding: 1 });
  readonly bn = new nn.BatchNorm2d(4);
  readonly scale = new nn.Parameter(tensor([0.5]));
  forward(x: Tensor): Tensor {
    const [a, b] = this.bn(this.conv(x)).chunk(2, 1) as [Tensor, Tensor];
    return a
      .clamp({ max: Number.POSITIVE_INFINITY, min: -0 })
      .mul(this.scale)
      .add(b.mul(tensor([2, 3]).view([2, 1, 1])))
      .flatten(1);
  }
}

const network = () => {
  manualSeed(0);
  return new nn.Sequential(new Block(), new nn.Linear(2 * 8 * 8, 5)).eval();
};

/** As through a file. */
const copy = (json: fx.GraphJson): fx.GraphJson => JSON.parse(JSON.stringify(json)) as fx.GraphJson;

describe('graphToJson', () => {
  it('comes back with the network, line by line and bit for bit, for any batch', async () => {
    const model = network();
    await expectNoLeaks(() =>
      noGrad(() =>
        scope(() => {
          using graph = fx.captureWithBatch(model, (batch) => [randn([batch, 3, 8, 8])]);
          using back = fx.graphFromJson(copy(fx.graphToJson(graph)), fx.graphState(graph), model);
          assert.equal(`${back}`, `${graph}`);
          assert.deepEqual(fx.graphToJson(back), fx.graphToJson(graph));
          const x = randn([3, 3, 8, 8]);
          assert.ok(equal(fx.Interpreter.run(back, [x]) as Tensor, model(x)));
        }),
      ),
    );
  });

  it('comes back without the network, from a file with its tensors, where it has no modules', () => {
    const folder = mkdtempSync(join(tmpdir(), 'graph-'));
    try {
      noGrad(() =>
        scope(() => {
          const model = network();
          const x = randn([2, 3, 8, 8]);
          using graph = fx.capture(model, [x], { isLeaf: () => false });
          const path = join(folder, 'state.pth');
          save(fx.graphState(graph), path);
          using back = fx.graphFromJson(copy(fx.graphToJson(graph)), load(path) as nn.StateDict);
          assert.equal(`${back}`, `${graph}`);
          assert.ok(equal(fx.Interpreter.run(back, [x]) as Tensor, model(x)));
          using leafy = fx.capture(model, [x]);
          assert.throws(
            () => fx.graphFromJson(fx.graphToJson(leafy), fx.graphState(leafy)),
            /calls the module '0.conv', so it needs its network/,
          );
          assert.throws(() => fx.graphFromJson(fx.graphToJson(graph), {}), /The state has no/);
        }),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('drawGraph', () => {
  it('has a box for each node, shapes on the lines, and colours on request', () => {
    scope(() => {
      using graph = fx.capture(network(), [randn([1, 3, 8, 8])]);
      const svg = fx.drawGraph(graph);
      const drawn = graph.nodes.filter(({ kind }) => kind !== 'parameter' && kind !== 'constant');
      for (const { name } of drawn) assert.ok(svg.includes(`<g id="${name}">`), name);
      assert.ok(!svg.includes('<g id="_0_scale">'));
      assert.ok(fx.drawGraph(graph, { state: true }).includes('<g id="_0_scale">'));
      assert.match(svg, /float32\[1, 4, 8, 8\]/);
      const marked = fx.drawGraph(graph, {
        colour: (node) => (node.kind === 'module' ? 'red' : undefined),
        label: (node) => (node.kind === 'module' ? '50 % <off>' : undefined),
      });
      assert.equal(marked.match(/fill="red"/g)?.length, 3);
      assert.equal(marked.match(/50 % &lt;off&gt;/g)?.length, 3);
    });
  });

  it('puts nodes below what they use, and boxes of a layer side by side', () => {
    scope(() => {
      using graph = fx.capture(network(), [randn([1, 3, 8, 8])]);
      const svg = fx.drawGraph(graph);
      const boxes = new Map(
        [...svg.matchAll(/<g id="(\w+)"><rect x="([-\d.]+)" y="([\d.]+)" width="([\d.]+)"/g)].map(
          ([, name, x, y, width]) => [name, { x: Number(x), y: Number(y), right: Number(x) + Number(width) }],
        ),
      );
      for (const node of graph.nodes)
        for (const used of fx.inputsOf(node)) {
          const [upper, lower] = [boxes.get(used.name), boxes.get(node.name)];
          if (upper !== undefined && lower !== undefined) assert.ok(upper.y < lower.y);
        }
      const all = [...boxes.values()];
      for (const [i, a] of all.entries())
        for (const b of all.slice(i + 1)) assert.ok(a.y !== b.y || a.right <= b.x || b.right <= a.x);
    });
  });
});
