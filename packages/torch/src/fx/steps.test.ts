/** @file What a capture tells of its steps, functions that are one step, and random numbers drawn in place. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, fx, manualSeed, nn, randn, scope, type Tensor, zeros } from '../index.ts';

const drop = fx.wrap('drop', (x: Tensor, p: number) => {
  const kept = x.newEmpty([x.size(0), 1]).bernoulli_(1 - p);
  return x.mul(kept.div_(1 - p));
});
const scaled = fx.wrap('scaled', (x: Tensor, { by }: { by: Tensor }) => drop(x, 0).mul(by));

class Net extends nn.Module {
  readonly fc = new nn.Linear(4, 4);
  readonly gain = new nn.Parameter(randn([4]));
  forward(x: Tensor): Tensor {
    const [a, b] = this.fc(x).chunk(2, 1) as [Tensor, Tensor];
    return drop(scaled(x, { by: this.gain }).narrow(1, 0, 2).add_(a), 0.5).sub(b);
  }
}

describe('steps of a capture', () => {
  it('are inputs, parameters, modules and functions in order; what a marked function does inside is none', () => {
    scope(() => {
      const steps: string[] = [];
      using graph = fx.capture(new Net(), [randn([6, 4])], {
        onStep: ({ kind, name }) => steps.push(`${kind} ${name}`),
      });
      assert.deepEqual(steps, [
        'placeholder x',
        'module fc',
        'function chunk',
        'parameter gain',
        'function scaled',
        'function narrow',
        'function getitem',
        'function add',
        'function drop',
        'function getitem',
        'function sub',
      ]);
      assert.ok(
        graph.nodes.some((node) => node.path === 'bernoulli'),
        'the graph has the operators inside',
      );
    });
  });

  it('have a value that another node can take', () => {
    scope(() => {
      const x = randn([6, 4]);
      let value: fx.Argument;
      using graph = fx.capture(new Net(), [x], {
        onStep: (step) => {
          if (step.name === 'scaled') value = step.value;
        },
      });
      graph.output.args = [value];
      graph.eliminateDeadCode();
      const [gain] = graph.nodes.filter((node) => node.kind === 'parameter');
      const result = fx.Interpreter.run(graph, [x]) as Tensor;
      assert.ok(equal(result, x.mul((graph.root as Net).gain)), gain?.name);
    });
  });
});

describe('random numbers that are drawn in place', () => {
  it('are drawn again at each run, as the network draws them', () => {
    const model = new Net();
    scope(() => {
      const x = randn([6, 4]);
      using graph = fx.capture(model, [x]);
      const seeded = (run: () => unknown, seed: number) => {
        manualSeed(seed);
        return run() as Tensor;
      };
      for (const seed of [1, 2])
        assert.ok(
          equal(
            seeded(() => fx.Interpreter.run(graph, [x]), seed),
            seeded(() => model(x), seed),
          ),
        );
    });
  });

  it('do not become constants through a view', () => {
    class Masks extends nn.Module {
      forward(x: Tensor): Tensor {
        const mask = zeros([2, 4]);
        mask.select(0, 0).bernoulli_(0.5);
        return x.mul(mask);
      }
    }
    scope(() =>
      assert.throws(() => fx.capture(new Masks(), [randn([2, 4])]), /changed its memory through another tensor/),
    );
  });
});
