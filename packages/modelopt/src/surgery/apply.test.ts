/** @file Surgery as a whole: keys, training behaviour, the network given, networks that cannot be captured, the report. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, expectNoLeaks, fx, manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';
import { applySurgery, convertToLiteModel } from './index.ts';
import { evaluate } from './testing.ts';

describe('applySurgery', () => {
  it('leaves the given network and its inputs alone, keeps keys, and returns all memory', async () => {
    const model = models.getModel('mobilenet_v3_small', { numClasses: 10 }).eval();
    await expectNoLeaks(() =>
      scope(() => {
        const x = randn([2, 3, 64, 64]);
        const [input, expected] = [x.clone(), evaluate(model, x)];
        using result = applySurgery(model, [x]);
        assert.equal(result.report.level, 'graph');
        assert.ok(equal(x, input) && equal(evaluate(model, x), expected));
        const [keys, before] = [Object.keys(result.model.stateDict()), Object.keys(model.stateDict())];
        assert.deepEqual(
          keys,
          before.filter((key) => !/\.fc[12]\./.test(key)),
        );
        assert.notEqual(result.model.stateDict()[keys[0] ?? ''], model.stateDict()[keys[0] ?? '']);
        assert.equal(evaluate(result.model, x).shape[1], 10);
      }),
    );
    model.dispose();
  });

  it('trains: gradients reach every parameter', () => {
    scope(() => {
      const x = randn([2, 3, 64, 64]);
      using result = applySurgery(models.getModel('mobilenet_v3_small', { numClasses: 4 }), [x]);
      const loss = (result.model.train()(x) as Tensor).square().mean();
      loss.backward();
      assert.ok(result.model.parameters().every((parameter) => parameter.grad !== null));
      for (const parameter of result.model.parameters()) parameter.grad?.dispose();
    });
  });

  it('takes any batch afterwards, also where forward asks for its size', () => {
    class Net extends nn.Module {
      readonly act = new nn.SiLU();
      forward(x: Tensor): Tensor {
        return this.act(x).view([x.size(0), -1]);
      }
    }
    scope(() => {
      using result = applySurgery(new Net(), [randn([1, 2, 3])]);
      const x = randn([7, 2, 3]);
      assert.ok(equal(evaluate(result.model, x), x.relu().view([7, 6])));
    });
  });

  it('says what a graph leaves out that the network does while training; the module tree keeps it', () => {
    class Net extends nn.Module {
      readonly act = new nn.GELU();
      readonly aux = new nn.Linear(4, 2);
      readonly depth = new ops.StochasticDepth(0.5, 'row');
      forward(x: Tensor): Tensor {
        const y = this.depth(this.act(x));
        return this.training ? y.add(this.aux(y).sum()) : y;
      }
    }
    scope(() => {
      const x = randn([3, 4]);
      using result = applySurgery(new Net(), [x], { preset: 'v2' });
      assert.match(result.report.notes.join(), /while training .*aux/);
      assert.ok(Object.keys(result.model.stateDict()).includes('aux.weight'));
      const tree = new Net();
      convertToLiteModel(tree, { preset: 'v2' });
      assert.ok(tree.act instanceof nn.ReLU);
      manualSeed(0);
      assert.ok(
        !equal(
          noGrad(() => tree.train()(x)),
          evaluate(tree, x),
        ),
      );
    });
  });

  it('changes the module tree where a network cannot be captured, and says so', () => {
    class Net extends nn.Module {
      readonly act = new nn.SiLU();
      readonly count = new nn.Buffer(randn([1]));
      forward(x: Tensor): Tensor {
        this.count.add_(1);
        return this.act(x);
      }
    }
    scope(() => {
      using result = applySurgery(new Net(), [randn([2])]);
      assert.equal(result.report.level, 'modules');
      assert.match(result.report.notes.join(), /not captured/);
      assert.ok(result.model.getSubmodule('act') instanceof nn.ReLU);
    });
  });

  it('reports operators, parameters, multiply-accumulates and what is still a burden', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { padding: 1 }),
      new nn.SiLU(),
      new nn.MaxPool2d(5, { ceilMode: true }),
    );
    scope(() => {
      using result = applySurgery(model, [randn([1, 3, 10, 10])]);
      const { before, after, rules } = result.report;
      assert.deepEqual(before.ops, { Conv2d: 1, MaxPool2d: 1, SiLU: 1 });
      assert.deepEqual([before.params, before.macs], [3 * 8 * 9 + 8, 3 * 8 * 9 * 100]);
      assert.deepEqual(
        before.unsupported.map(({ path, layer }) => [path, layer]),
        [
          ['2', 'MaxPool2d'],
          ['1', 'SiLU'],
        ],
      );
      assert.deepEqual(
        after.unsupported.map(({ path }) => path),
        ['2'],
      );
      assert.deepEqual(rules.find(({ id }) => id === 'silu_to_relu')?.places, ['1']);
      assert.ok(result.model instanceof fx.GraphModule);
    });
  });

  it('in the module tree says which functional calls stay', () => {
    class Net extends nn.Module {
      forward(x: Tensor): Tensor {
        return nn.functional.silu(x);
      }
    }
    const { notes } = scope(() => convertToLiteModel(new Net(), { preset: 'v1', exampleInputs: [randn([1])] }));
    assert.match(notes.join(), /silu_to_relu: stays/);
  });
});
