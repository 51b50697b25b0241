/** @file Networks that decide by values are refused, with the place; their parts are captured. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, expectNoLeaks, fx, manualSeed, nn, randn, scope, type Tensor } from '../index.ts';

/** Halves what is large: how often depends on the values. */
class Halves extends nn.Module {
  readonly conv = new nn.Conv2d(3, 4, 3);
  forward(x: Tensor): Tensor {
    let result = this.conv(x);
    while (result.abs().max().item() > 1) result = result.mul(0.5);
    return result;
  }
}

class Net extends nn.Module {
  readonly stem = new nn.Sequential(new nn.Conv2d(3, 3, 1), new nn.ReLU());
  readonly halves = new Halves();
  readonly head = new nn.Sequential(new nn.Flatten(), new nn.Linear(4 * 6 * 6, 2));
  forward(x: Tensor): Tensor {
    return this.head(this.halves(this.stem(x)));
  }
}

describe('values that are read while a network is captured', () => {
  const x = () => randn([1, 3, 8, 8]);

  it('are refused when they depend on the inputs, with module, method and line', () => {
    scope(() =>
      assert.throws(
        () => fx.capture(new Net(), [x()]),
        (error: fx.CaptureError) =>
          error.modulePath === 'halves' &&
          /capture-parts\.test\.ts:\d+:\d+$/.test(error.location ?? '') &&
          /In module 'halves' \(.*capture-parts\.test\.ts:\d+:\d+\): item\(\) reads a value/.test(error.message),
      ),
    );
  });

  it('are let pass when they are constants, parameters, or read inside a leaf', () => {
    class Scaled extends nn.Module {
      readonly scale = new nn.Parameter(randn([1]));
      forward(input: Tensor): Tensor {
        return input.mul(this.scale.abs().item());
      }
    }
    scope(() => {
      using scaled = fx.capture(new Scaled(), [x()]);
      assert.ok(scaled.nodes.length > 0);
      using whole = fx.capture(new Net(), [x()], {
        isLeaf: (module) => module instanceof Halves || fx.isLeafModule(module),
      });
      assert.ok(whole.nodes.some((node) => node.kind === 'module' && node.target === 'halves'));
    });
  });

  it('leave the largest parts that do not read them, which compute the same', async () => {
    manualSeed(0);
    const model = new Net().eval();
    await expectNoLeaks(() =>
      scope(() => {
        const input = x();
        const parts = fx.captureParts(model, [input]);
        assert.deepEqual([...parts.graphs.keys()], ['stem', 'halves.conv', 'head']);
        assert.deepEqual([...parts.refused.keys()], ['', 'halves']);
        const stem = parts.graphs.get('stem') as fx.Graph;
        assert.ok(equal(fx.Interpreter.run(stem, [input]) as Tensor, model.stem(input)));
        parts.dispose();
      }),
    );
  });
});
