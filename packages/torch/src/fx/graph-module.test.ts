/** @file Graphs as modules, edits, folding of batch norms, and graphs for any batch size. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  allclose,
  equal,
  expectNoLeaks,
  fx,
  manualSeed,
  nn,
  noGrad,
  randn,
  scope,
  type Tensor,
  zeros,
} from '../index.ts';

class Net extends nn.Module {
  readonly features = new nn.Sequential(
    new nn.Conv2d(3, 6, 3, { bias: false }),
    new nn.BatchNorm2d(6),
    new nn.ReLU6(),
    new nn.ConvTranspose2d(6, 4, 2, { groups: 2 }),
    new nn.BatchNorm2d(4, { affine: false }),
  );
  readonly unused = new nn.Linear(2, 2);
  readonly head = new nn.Linear(4, 3);

  forward(x: Tensor): Tensor {
    const features = this.features(x);
    return this.head(
      features
        .mean([2, 3])
        .view([x.size(0), -1])
        .add(zeros([x.size(0), 1])),
    );
  }
}

/** Running statistics and scales that are not those of a fresh layer. */
function unsettle(model: nn.AnyModule): void {
  noGrad(() => {
    for (const module of model.modules()) {
      if (!(module instanceof nn.BatchNorm)) continue;
      module.running_mean?.normal_();
      module.running_var?.uniform_(0.5, 2);
      module.weight?.normal_();
      module.bias?.normal_();
    }
  });
}

function network(): Net {
  manualSeed(0);
  const model = new Net().eval();
  scope(() => unsettle(model));
  return model;
}

function trace(model: nn.Module, x: Tensor): fx.GraphModule {
  using graph = fx.capture(model, [x]);
  return new fx.GraphModule(graph);
}

describe('GraphModule', () => {
  it('has the state dict of the network, the same tensors, and equal outputs', () => {
    const model = network();
    scope(() => {
      const x = randn([2, 3, 8, 8]);
      using traced = trace(model, x);
      const [expected, actual] = [model.stateDict(), traced.stateDict()];
      assert.deepEqual(Object.keys(actual), Object.keys(expected));
      for (const [key, tensor] of Object.entries(expected)) assert.equal(actual[key], tensor);
      assert.ok(equal(traced(x), model(x)));
      traced.train();
      assert.equal(model.features.training, false);
    });
  });

  it('lets gradients through', () => {
    const model = network();
    scope(() => {
      const x = randn([2, 3, 8, 8]);
      using traced = trace(model, x);
      traced(x).sum().backward();
      const actual = model.head.weight.grad as Tensor;
      model.zeroGrad();
      model(x).sum().backward();
      assert.ok(equal(actual, model.head.weight.grad as Tensor));
    });
  });

  it('can be captured again with the places of the first capture', () => {
    const model = network();
    scope(() => {
      const x = randn([2, 3, 8, 8]);
      using traced = trace(model, x);
      using again = fx.capture(traced, [x]);
      assert.equal(`${again}`, `${traced.graph}`);
    });
  });

  it('shows edits after recompile', () => {
    const model = network();
    scope(() => {
      const x = randn([2, 3, 8, 8]);
      using traced = trace(model, x);
      const { graph } = traced;
      graph.replaceUses(graph.node('head'), graph.node('add'));
      assert.throws(() => graph.erase(graph.node('add')), /'add' cannot be erased: 'head' uses it/);
      graph.eliminateDeadCode();
      traced.recompile();
      assert.deepEqual(traced(x).shape, [2, 4]);
    });
  });
});

describe('fuseConvBn', () => {
  it('folds every batch norm into a new convolution and leaves the network alone', async () => {
    const model = network();
    await expectNoLeaks(() => {
      scope(() => {
        const x = randn([2, 3, 8, 8]);
        const before = model(x);
        using traced = trace(model, x);
        using fused = fx.fuseConvBn(traced);
        assert.deepEqual(
          fused.graph.nodes.filter((node) => node.kind === 'module').map((node) => node.path),
          ['features.0', 'features.2', 'features.3', 'head'],
        );
        assert.ok(Object.keys(fused.stateDict()).includes('features.0.bias'));
        assert.ok(!Object.keys(fused.stateDict()).some((key) => key.startsWith('features.1')));
        assert.ok(allclose(fused(x), before, 1e-5, 1e-6));
        assert.ok(equal(model(x), before));
        assert.equal(model.features.at(0) instanceof nn.Conv2d && (model.features.at(0) as nn.Conv2d).bias, null);
      });
    });
  });

  it('leaves batch norms in training and results that others use', () => {
    class Shared extends nn.Module {
      readonly conv = new nn.Conv2d(3, 3, 1);
      readonly bn = new nn.BatchNorm2d(3);
      forward(x: Tensor): Tensor {
        const y = this.conv(x);
        return this.bn(y).add(y);
      }
    }
    scope(() => {
      const x = randn([2, 3, 4, 4]);
      using shared = fx.fuseConvBn(trace(new Shared().eval(), x));
      assert.match(`${shared.graph}`, /module bn/);
      using training = fx.fuseConvBn(trace(network().train(), x));
      assert.match(`${training.graph}`, /module features\.1/);
    });
  });
});

describe('captureWithBatch', () => {
  it('marks what follows the batch and runs with any', async () => {
    const model = network();
    await expectNoLeaks(() => {
      scope(() => {
        using graph = fx.captureWithBatch(model, (batch) => [randn([batch, 3, 8, 8])]);
        assert.match(`${graph}`, /%x : float32\[N, 3, 8, 8\] = placeholder/);
        assert.match(`${graph}`, /%view : float32\[N, 4\] = aten::view\(%mean, \[N, -1\]\)/);
        for (const batch of [1, 3, 7]) {
          const x = randn([batch, 3, 8, 8]);
          assert.ok(equal(fx.Interpreter.run(graph, [x]) as Tensor, model(x)));
        }
      });
    });
  });

  it('refuses what is no multiple of the batch, and other steps', () => {
    class Half extends nn.Module {
      forward(x: Tensor): Tensor {
        return x.narrow(0, 0, Math.floor(x.size(0) / 2));
      }
    }
    class Branches extends nn.Module {
      forward(x: Tensor): Tensor {
        return x.size(0) > 3 ? x.add(1) : x.mul(2);
      }
    }
    const inputs = (batch: number) => [zeros([batch, 2])];
    assert.throws(() => fx.captureWithBatch(new Half(), inputs), /is 1 with a batch of 2 and 2 with 5/);
    assert.throws(() => fx.captureWithBatch(new Branches(), inputs), {
      code: 'CAPTURE',
      message: /'add' runs where 'mul' did/,
    });
  });
});

describe('foldConstants', () => {
  class Shifted extends nn.Module {
    readonly shift = new nn.Parameter(randn([3]));
    forward(x: Tensor): Tensor {
      return x.add(this.shift.mul(zeros([3]).add(2))).add(randn([3]));
    }
  }

  it('computes what depends on constants alone, and on parameters when they are frozen', () => {
    const model = new Shifted();
    scope(() => {
      const x = randn([2, 3]);
      using graph = fx.capture(model, [x]);
      fx.foldConstants(graph);
      assert.deepEqual(kinds(graph), ['placeholder', 'constant', 'parameter', 'mul', 'add', 'randn', 'add', 'output']);
      manualSeed(4);
      const expected = model(x);
      fx.foldConstants(graph, { freeze: true });
      assert.deepEqual(kinds(graph), ['placeholder', 'constant', 'add', 'randn', 'add', 'output']);
      manualSeed(4);
      assert.ok(equal(fx.Interpreter.run(graph, [x]) as Tensor, expected));
    });
  });

  function kinds(graph: fx.Graph): string[] {
    return graph.nodes.map((node) => (node.kind === 'call' ? fx.operatorBaseName(node.operator.name) : node.kind));
  }
});
