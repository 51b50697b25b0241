/** @file A graph module copies like any other: its graph runs the copy's own weights. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualSeed, nn, noGrad, randn, scope, type Tensor } from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { capture } from './capture.ts';
import { GraphModule } from './graph-module.ts';

class Net extends nn.Module {
  readonly features = new nn.Sequential(new nn.Conv2d(2, 3, 1), new nn.ReLU());
  readonly scale = new nn.Parameter(randn([1]));
  forward(x: Tensor): Tensor {
    return this.features(x).mul(this.scale);
  }
}

test('a copy computes the same, with parameters of its own', async () => {
  await expectNoLeaks(() => {
    manualSeed(0);
    using net = scope(() => new Net());
    const x = randn([1, 2, 4, 4]);
    const graph = capture(net, [x]);
    const traced = new GraphModule(graph);
    graph.dispose();
    const copy = nn.cloneModule(traced);
    assert.equal(copy.constructor, GraphModule);
    assert.deepEqual(Object.keys(copy.stateDict()), Object.keys(net.stateDict()));
    const before = scope(() => copy(x).toArray());
    noGrad(() => scope(() => net.parameters().map((parameter) => parameter.zero_())));
    assert.deepEqual(
      scope(() => copy(x).toArray()),
      before,
    );
    assert.notDeepEqual(
      scope(() => traced(x).toArray()),
      before,
    );
    assert.match(String(copy), /Conv2d/);
    copy.dispose();
    traced.dispose();
    x.dispose();
  });
});
