/** @file Patterns follow data, not order, and what they match can be replaced. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allclose, equal, expectNoLeaks, fx, manualSeed, nn, noGrad, randn, scope, type Tensor } from '../index.ts';

class Gate extends nn.Module {
  readonly pool = new nn.AdaptiveAvgPool2d(1);
  readonly squeeze = new nn.Conv2d(4, 2, 1);
  readonly act = new nn.ReLU();
  readonly excite = new nn.Conv2d(2, 4, 1);

  forward(x: Tensor): Tensor {
    return x.mul(this.excite(this.act(this.squeeze(this.pool(x)))).sigmoid());
  }
}

/** Two branches whose layers alternate in the order of execution, and a convolution whose result is used twice. */
class Net extends nn.Module {
  readonly left = new nn.Conv2d(3, 4, 3, { padding: 1 });
  readonly right = new nn.Conv2d(3, 4, 5, { padding: 2, groups: 1 });
  readonly leftNorm = new nn.BatchNorm2d(4);
  readonly rightNorm = new nn.BatchNorm2d(4);
  readonly relu = new nn.ReLU();
  readonly gate = new Gate();
  readonly last = new nn.Conv2d(4, 4, 1);
  readonly lastNorm = new nn.BatchNorm2d(4);

  forward(x: Tensor): Tensor {
    const a = this.left(x);
    const b = this.right(x);
    const sum = this.relu(this.leftNorm(a)).add(this.rightNorm(b));
    const last = this.last(this.gate(sum));
    return this.lastNorm(last).add(last);
  }
}

function trace(model: nn.Module, x: Tensor): fx.GraphModule {
  using graph = fx.capture(model, [x]);
  return new fx.GraphModule(graph);
}

function network(): Net {
  manualSeed(0);
  return new Net().eval();
}

const convBn = () =>
  fx.module(nn.BatchNorm2d, [fx.module(nn.Conv2d, [fx.input('x')], { name: 'conv' })], { name: 'norm' });

describe('PatternMatcher', () => {
  it('follows data flow, and leaves alone what is used outside too', () => {
    scope(() => {
      using traced = trace(network(), randn([1, 3, 8, 8]));
      const paths = (matcher: fx.PatternMatcher) => matcher.findMatches(traced).map((match) => match.node('conv').path);
      assert.deepEqual(paths(new fx.PatternMatcher(convBn())), ['left', 'right']);
      assert.deepEqual(paths(new fx.PatternMatcher(convBn(), { exclusive: false })), ['left', 'right', 'last']);
    });
  });

  it('takes the larger of two matches that overlap', () => {
    scope(() => {
      using traced = trace(network(), randn([1, 3, 8, 8]));
      const norm = convBn();
      const matcher = new fx.PatternMatcher(fx.anyOf(norm, fx.module(nn.ReLU, [norm], { name: 'relu' })));
      const found = matcher.findMatches(traced);
      assert.deepEqual(
        found.map((match) => match.nodes.map((node) => node.path)),
        [
          ['left', 'leftNorm', 'relu'],
          ['right', 'rightNorm'],
        ],
      );
      assert.equal(found[1]?.get('relu'), undefined);
    });
  });

  it('looks at hyper-parameters on request, and at the order of arguments only where it matters', () => {
    scope(() => {
      using traced = trace(network(), randn([1, 3, 8, 8]));
      const x = fx.input('x');
      const large = fx.module(nn.Conv2d, [x], { name: 'conv', where: (conv) => conv.weight.size(3) > 3 });
      assert.deepEqual(
        new fx.PatternMatcher(large).findMatches(traced).map((match) => match.output.path),
        ['right'],
      );
      const relu = fx.module(nn.ReLU, [fx.module(nn.BatchNorm2d)]);
      assert.equal(new fx.PatternMatcher(fx.call('add', [fx.input(), relu])).findMatches(traced).length, 1);
      assert.equal(new fx.PatternMatcher(fx.call('sub', [fx.input(), relu])).findMatches(traced).length, 0);
      const example = new nn.Conv2d(3, 4, 5, { padding: 2 });
      const count = (hyperParameters: boolean) =>
        fx.PatternMatcher.capture(example, [randn([1, 3, 8, 8])], { hyperParameters }).findMatches(traced).length;
      assert.deepEqual([count(false), count(true)], [5, 1]);
    });
  });

  it('wants the same node wherever the pattern has the same part', () => {
    scope(() => {
      using traced = trace(network(), randn([1, 3, 8, 8]));
      const gate = (outer: fx.Pattern, inner: fx.Pattern) => {
        const pooled = fx.module(nn.AdaptiveAvgPool2d, [inner]);
        const squeezed = fx.module(nn.ReLU, [fx.module(nn.Conv2d, [pooled])]);
        return fx.call('mul', [fx.call('sigmoid', [fx.module(nn.Conv2d, [squeezed])]), outer]);
      };
      const x = fx.input('x');
      assert.equal(new fx.PatternMatcher(gate(x, x)).findMatches(traced).length, 1);
      const pooled = fx.module(nn.BatchNorm2d);
      assert.equal(new fx.PatternMatcher(gate(pooled, fx.input())).findMatches(traced).length, 0);
      const captured = fx.PatternMatcher.capture(new Gate(), [randn([1, 4, 2, 2])]).findMatches(traced);
      assert.deepEqual(
        captured.map((match) => match.inputs.map((node) => (node as fx.Node).path)),
        [['add']],
      );
    });
  });

  it('finds patterns of several results, captured from a function', () => {
    class Two extends nn.Module {
      forward(x: Tensor): Tensor {
        const y = x.relu();
        return y.exp().add(y.neg());
      }
    }
    scope(() => {
      using traced = trace(new Two(), randn([2]));
      const matcher = fx.PatternMatcher.capture((x: Tensor) => [x.relu().neg(), x.relu().exp()], [randn([3])]);
      assert.equal(matcher.findMatches(traced).length, 0, 'two relus in the pattern, one in the graph');
      const shared = (x: Tensor) => {
        const y = x.relu();
        return [y.neg(), y.exp()];
      };
      const [match] = fx.PatternMatcher.capture(shared, [randn([3])]).findMatches(traced);
      assert.deepEqual(
        match?.outputs.map((node) => node.path),
        ['neg', 'exp'],
      );
    });
  });
});

describe('replaceMatches', () => {
  it('replaces matches that feed one another and takes their modules away', async () => {
    const model = new nn.Sequential(new nn.ReLU6(), new nn.ReLU6(), new nn.Conv2d(3, 3, 1), new nn.ReLU6()).eval();
    await expectNoLeaks(() =>
      scope(() => {
        const x = randn([1, 3, 4, 4]).mul(4);
        using traced = trace(model, x);
        const matcher = new fx.PatternMatcher(fx.module(nn.ReLU6, [fx.input('x')]));
        const replaced = fx.replaceMatches(traced, matcher, (match, before) => {
          const { path } = match.output;
          return fx.insertModule(traced, new nn.ReLU(), {
            path: `relu${path}`,
            args: [match.node('x')],
            before,
          }) as fx.Node;
        });
        assert.equal(replaced.length, 3);
        assert.deepEqual(
          Array.from(traced.namedModules(), ([path]) => path),
          ['', '2', 'relu0', 'relu1', 'relu3'],
        );
        assert.ok(
          equal(
            traced(x),
            noGrad(() => (model.getSubmodule('2') as nn.Conv2d)(x.relu()).relu()),
          ),
        );
      }),
    );
  });

  it('puts a whole module into the graph, with shapes and keys, in the place of a gate', () => {
    const model = network();
    scope(() => {
      const x = randn([1, 3, 8, 8]);
      using traced = trace(model, x);
      const matcher = fx.PatternMatcher.capture(new Gate(), [randn([1, 4, 2, 2])]);
      const block = new nn.Sequential(new nn.Conv2d(4, 6, 1), new nn.ReLU(), new nn.Conv2d(6, 4, 1));
      fx.replaceMatches(
        traced,
        matcher,
        ({ inputs }, before) => fx.insertModule(traced, block, { path: 'block', args: [inputs[0]], before }) as fx.Node,
      );
      const keys = Object.keys(traced.stateDict());
      assert.ok(keys.includes('block.2.weight') && !keys.some((key) => key.startsWith('gate.')));
      assert.deepEqual(fx.tensorMeta(traced.graph.node('block_0'))?.shape, [1, 6, 8, 8]);
      const sum = model.relu(model.leftNorm(model.left(x))).add(model.rightNorm(model.right(x)));
      const last = model.last(block(sum));
      assert.ok(allclose(traced(x), model.lastNorm(last).add(last)));
    });
  });
});
