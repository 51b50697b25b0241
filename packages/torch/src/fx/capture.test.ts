/** @file What a capture records, what it refuses, and that the graph computes what the network does. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  equal,
  expectNoLeaks,
  fx,
  getRngState,
  keep,
  manualSeed,
  nn,
  noGrad,
  ones,
  ops,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../index.ts';

class Block extends nn.Module {
  readonly conv = new nn.Conv2d(4, 4, 3, { padding: 1, bias: false });
  readonly bn = new nn.BatchNorm2d(4);
  readonly relu = new nn.ReLU({ inplace: true });

  forward(x: Tensor): Tensor {
    const out = this.relu(this.bn(this.conv(x)));
    return this.relu(out.add_(x));
  }
}

class Net extends nn.Module {
  readonly stem = new nn.Conv2d(3, 4, 3);
  readonly layers = new nn.Sequential(new Block(), new Block());
  readonly fc = new nn.Linear(4, 5);
  readonly scale = new nn.Parameter(tensor([0.5]));

  forward(x: Tensor): Tensor {
    const features = this.layers(this.stem(x)).mean([2, 3]);
    return this.fc(features.mul(this.scale));
  }
}

function outputs(model: nn.Module, x: Tensor): [Tensor, Tensor] {
  using graph = fx.capture(model, [x]);
  return [model(x), fx.Interpreter.run(graph, [x]) as Tensor];
}

describe('capture', () => {
  it('records leaf modules, operators, parameters and the output, one line each', () => {
    manualSeed(0);
    const model = new Net().eval();
    scope(() => {
      using graph = fx.capture(model, [randn([2, 3, 8, 8])]);
      assert.equal(
        graph.toString(),
        [
          '%x : float32[2, 3, 8, 8] = placeholder',
          '%stem : float32[2, 4, 6, 6] = module stem(%x)',
          '%layers_0_conv : float32[2, 4, 6, 6] = module layers.0.conv(%stem)',
          '%layers_0_bn : float32[2, 4, 6, 6] = module layers.0.bn(%layers_0_conv)',
          '%layers_0_relu : float32[2, 4, 6, 6] = module layers.0.relu(%layers_0_bn)',
          '%layers_0_add : float32[2, 4, 6, 6] = aten::add.Tensor(%layers_0_relu, %stem)',
          '%layers_0_relu_1 : float32[2, 4, 6, 6] = module layers.0.relu(%layers_0_add)',
          '%layers_1_conv : float32[2, 4, 6, 6] = module layers.1.conv(%layers_0_relu_1)',
          '%layers_1_bn : float32[2, 4, 6, 6] = module layers.1.bn(%layers_1_conv)',
          '%layers_1_relu : float32[2, 4, 6, 6] = module layers.1.relu(%layers_1_bn)',
          '%layers_1_add : float32[2, 4, 6, 6] = aten::add.Tensor(%layers_1_relu, %layers_0_relu_1)',
          '%layers_1_relu_1 : float32[2, 4, 6, 6] = module layers.1.relu(%layers_1_add)',
          '%mean : float32[2, 4] = aten::mean.dim(%layers_1_relu_1, [2, 3])',
          '%scale : float32[1] = parameter scale',
          '%mul : float32[2, 4] = aten::mul.Tensor(%mean, %scale)',
          '%fc : float32[2, 5] = module fc(%mul)',
          'return %fc',
        ].join('\n'),
      );
      assert.equal(graph.node('layers_1_add').path, 'layers.1.add');
      assert.equal(graph.node('layers_1_add').modulePath, 'layers.1');
      graph.lint();
    });
  });

  it('gives a graph that computes the same, bit for bit, and keeps nothing alive', async () => {
    manualSeed(1);
    const model = new Net().eval();
    await expectNoLeaks(() => {
      scope(() => {
        const [expected, actual] = outputs(model, randn([2, 3, 8, 8]));
        assert.ok(equal(expected, actual));
      });
    });
  });

  it('looks into leaf modules on request, and stops at others', () => {
    const model = new Net().eval();
    scope(() => {
      const x = randn([1, 3, 8, 8]);
      using all = fx.capture(model, [x], { isLeaf: () => false });
      assert.ok(all.nodes.every((node) => node.kind !== 'module'));
      const conv = all.nodes.find((node) => node.kind === 'call' && node.operator.name === 'aten::conv2d');
      assert.equal(conv?.modulePath, 'stem');
      using blocks = fx.capture(model, [x], { isLeaf: (module) => module instanceof Block });
      assert.deepEqual(
        blocks.nodes.map((node) => node.name),
        [
          'x',
          'stem_weight',
          'stem_bias',
          'conv2d',
          'layers_0',
          'layers_1',
          'mean',
          'scale',
          'mul',
          'fc_weight',
          'fc_bias',
          'linear',
          'output',
        ].map((name) => ({ conv2d: 'stem_conv2d', linear: 'fc_linear' })[name] ?? name),
      );
    });
  });

  it('takes and returns arrays and records', () => {
    class Structured extends nn.Module<
      [{ a: Tensor; b: Tensor[] }, number],
      { sum: Tensor; parts: Tensor[]; count: number }
    > {
      forward(inputs: { a: Tensor; b: Tensor[] }, times: number) {
        const parts = inputs.a.chunk(2, 1);
        const [first = inputs.a] = inputs.b;
        return { sum: first.add(inputs.a).mul(times), parts: [parts[1] ?? first], count: 3 };
      }
    }
    const model = new Structured();
    scope(() => {
      const inputs = { a: randn([2, 4]), b: [randn([2, 4])] };
      using graph = fx.capture(model, [inputs, 2]);
      assert.deepEqual(
        graph.placeholders.map((node) => node.name),
        ['inputs_a', 'inputs_b_0'],
      );
      const result = fx.Interpreter.run(graph, [inputs, 2]) as ReturnType<Structured['forward']>;
      const expected = model(inputs, 2);
      assert.ok(equal(result.sum, expected.sum));
      assert.ok(equal(result.parts[0] as Tensor, expected.parts[0] as Tensor));
      assert.equal(result.count, 3);
      assert.throws(
        () => fx.Interpreter.run(graph, [inputs, 3]),
        /Expected 2 for inputs\[1\], as in the capture, but received 3/,
      );
      assert.throws(() => fx.Interpreter.run(graph, [{ a: inputs.a }, 2]), /Expected 2 entries \(a, b\)/);
    });
  });

  it('makes constants of tensors from outside, with the value that they had', () => {
    const outside = tensor([1, 2, 3]);
    class Adds extends nn.Module {
      forward(x: Tensor): Tensor {
        return x.add(outside).add(tensor([10, 20, 30]));
      }
    }
    scope(() => {
      using graph = fx.capture(new Adds(), [zeros([3])]);
      outside.add_(100);
      const result = fx.Interpreter.run(graph, [zeros([3])]) as Tensor;
      assert.deepEqual(result.toArray(), [11, 22, 33]);
      assert.deepEqual(
        graph.nodes.map((node) => node.kind),
        ['placeholder', 'constant', 'call', 'constant', 'call', 'output'],
      );
    });
    outside.dispose();
  });

  it('leaves random state and running statistics as they were', () => {
    manualSeed(5);
    const model = new nn.Sequential(new nn.BatchNorm1d(4), new nn.Dropout(0.5));
    scope(() => {
      const x = randn([8, 4]);
      const before = { random: getRngState(), mean: (model.at(0) as nn.BatchNorm1d).running_mean?.clone() as Tensor };
      using graph = fx.capture(model, [x]);
      assert.ok(equal(getRngState(), before.random));
      assert.ok(equal((model.at(0) as nn.BatchNorm1d).running_mean as Tensor, before.mean));
      manualSeed(3);
      const expected = model(x);
      manualSeed(3);
      assert.ok(equal(fx.Interpreter.run(graph, [x]) as Tensor, expected));
    });
  });
});

describe('convolutions and linear layers over the inputs', () => {
  it('are not computed, and have the shapes that they would have', () => {
    const layers: [nn.AnyModule, number[]][] = [
      [new nn.Conv1d(4, 6, 3, { stride: 2 }), [2, 4, 9]],
      [new nn.Conv2d(4, 6, [3, 5], { stride: [2, 3], padding: [1, 0], dilation: [2, 1] }), [2, 4, 9, 12]],
      [new nn.Conv2d(4, 8, 3, { padding: 'same', groups: 4, bias: false }), [1, 4, 7, 7]],
      [new nn.Conv2d(4, 8, 3, { padding: 1, paddingMode: 'reflect' }), [1, 4, 7, 7]],
      [new nn.Conv2d(4, 8, 3), [4, 7, 7]],
      [new nn.Conv3d(2, 3, 3, { stride: [1, 2, 2], padding: 1 }), [1, 2, 4, 6, 6]],
      [new nn.Linear(5, 3), [2, 7, 5]],
    ];
    for (const [layer, shape] of layers) {
      scope(() => {
        const x = randn(shape);
        using graph = fx.capture(new nn.Sequential(layer), [x]);
        assert.deepEqual(graph.nodes.at(-1)?.meta, { shape: (layer(x) as Tensor).shape, dtype: 'float32' });
      });
      layer.dispose();
    }
    let seen: Tensor | undefined;
    class Keeps extends nn.Module {
      readonly fc = new nn.Linear(3, 3);
      forward(x: Tensor): Tensor {
        const y = this.fc(x);
        seen = keep(y.detach());
        return y;
      }
    }
    scope(() => fx.capture(new Keeps(), [randn([2, 3])]).dispose());
    assert.equal(seen?.abs().sum().item(), 0);
    seen?.dispose();
  });

  it('are computed where shapes depend on values, and where they cannot be', () => {
    class Finds extends nn.Module {
      readonly fc = new nn.Linear(3, 3);
      forward(x: Tensor): Tensor {
        return this.fc(x).gt(-100).nonzero();
      }
    }
    scope(() => {
      const steps: string[] = [];
      using graph = fx.capture(new Finds(), [randn([2, 3])], { onStep: ({ name }) => void steps.push(name) });
      assert.deepEqual(graph.nodes.at(-1)?.meta, { shape: [6, 2], dtype: 'int64' });
      assert.deepEqual(steps, ['x', 'fc', 'gt', 'nonzero'], 'each is told once');
      assert.throws(() => fx.capture(new nn.Sequential(new nn.Conv2d(3, 4, 3)), [randn([1, 5, 8, 8])]), /channels/);
    });
  });

  it('of weights alone are computed: a network may decide by what they give', () => {
    class Decides extends nn.Module {
      readonly fc = new nn.Linear(2, 2, { bias: false });
      forward(x: Tensor): Tensor {
        return this.fc(ones([1, 2]))
          .sum()
          .item() > 3
          ? this.fc(x)
          : x;
      }
    }
    const model = new Decides();
    noGrad(() => model.fc.weight.fill_(1));
    scope(() => {
      using graph = fx.capture(model, [randn([1, 2])]);
      assert.ok(graph.nodes.filter((node) => node.kind === 'module').length === 2);
    });
  });
});

describe('in-place writes in a capture', () => {
  const model = (forward: (x: Tensor) => Tensor) => {
    class Custom extends nn.Module {
      forward(x: Tensor): Tensor {
        return forward(x);
      }
    }
    return new Custom();
  };
  const refuses = (forward: (x: Tensor) => Tensor, expected: RegExp) => {
    scope(() =>
      assert.throws(() => fx.capture(model(forward), [randn([2, 4])]), { code: 'CAPTURE', message: expected }),
    );
  };
  const same = (forward: (x: Tensor) => Tensor) => {
    scope(() => {
      const x = randn([2, 4]);
      using graph = fx.capture(model(forward), [x.clone()]);
      assert.ok(graph.nodes.every((node) => node.kind !== 'call' || !node.operator.name.endsWith('_')));
      const actual = fx.Interpreter.run(graph, [x.clone()]) as Tensor;
      assert.ok(equal(actual, forward(x.clone())));
    });
  };

  it('become new values', () => {
    same((x) => {
      const y = x.mul(2);
      const before = y.add(0);
      y.relu_().add_(1);
      return y.sub(before);
    });
    same((x) => x.flatten().relu_().mul_(3));
  });

  it('through a view are refused when the base is used later, and the reverse', () => {
    refuses((x) => {
      const y = x.mul(2);
      y.select(1, 0).add_(1);
      return y;
    }, /a tensor of shape \[2, 4\] is used after aten::add_.Scalar changed its memory/);
    refuses((x) => {
      const y = x.mul(2);
      const row = y.select(0, 0);
      y.relu_();
      return row;
    }, /a tensor of shape \[4\] is used after aten::relu_/);
  });

  it('through views of constants give a constant', () => {
    same((x) => {
      const mask = zeros([2, 4]);
      mask.select(0, 0).fill_(1);
      mask.slice(1, 2, 4).add_(5);
      return x.mul(mask);
    });
  });

  it('to state, to tensors from outside and without a counterpart are refused', () => {
    const outside = zeros([4]);
    refuses((x) => x.add(outside.add_(1)), /aten::add_.Scalar writes to a tensor that was made outside/);
    refuses(
      (x) => ops.aten?.add?.out?.(x, x, { out: x.mul(1) }) as Tensor,
      /aten::add.out writes into a tensor that was made before/,
    );
    refuses((x) => x.mul(1).eq_(x), /keeps the dtype of what it overwrites/);
    refuses((x) => x.mul(1).add_(x.double()), /writes float64 into float32; convert first/);
    outside.dispose();
    class Counts extends nn.Module {
      readonly count = nn.Buffer.from(zeros([1]));
      forward(x: Tensor): Tensor {
        return x.add(this.count.add_(1));
      }
    }
    scope(() =>
      assert.throws(() => fx.capture(new Counts(), [randn([1])]), /'count', which is part of the network's state/),
    );
  });

  it('inside a leaf that does not return what it wrote make the input unusable', () => {
    class Sneaky extends nn.Module {
      forward(x: Tensor): Tensor {
        x.mul_(2);
        return x.add(1);
      }
    }
    class Uses extends nn.Module {
      readonly sneaky = new Sneaky();
      forward(x: Tensor): Tensor {
        const y = x.mul(1);
        return this.sneaky(y).add(y);
      }
    }
    scope(() =>
      assert.throws(
        () => fx.capture(new Uses(), [randn([2])], { isLeaf: (module) => module instanceof Sneaky }),
        /used after aten::mul_.* changed its memory/,
      ),
    );
  });
});
