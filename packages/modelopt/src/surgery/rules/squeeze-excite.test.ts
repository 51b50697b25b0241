/** @file Squeeze and excitation goes, as a module or as code; its mean gates may stay in the next convolution. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allclose, manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';
import { ops } from '@edgeai/vision';
import { applySurgery, convertToLiteModel } from '../index.ts';
import { evaluate, relativeError } from '../testing.ts';

const ID = 'squeeze_and_excite_to_identity';

/** Gates that differ from channel to channel and hardly from image to image, as trained ones do. */
function network(): nn.Sequential {
  manualSeed(0);
  const gate = new ops.SqueezeExcitation(8, 4, { scaleActivation: nn.Hardsigmoid });
  noGrad(() => void gate.fc2.bias?.uniform_(-3, 3));
  return new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU(), gate, new nn.Conv2d(8, 6, 1), new nn.BatchNorm2d(6));
}

describe(ID, () => {
  it('takes the module away and keeps the keys of the others', () => {
    const model = network();
    const untouched = Object.keys(model.stateDict()).filter((key) => !key.startsWith('2.'));
    convertToLiteModel(model, { rules: [ID] });
    assert.ok(model.at(2) instanceof nn.Identity);
    assert.deepEqual(Object.keys(model.stateDict()), untouched);
  });

  it('leaves the mean gates in the next convolution, which brings the network nearer to what it was', () => {
    scope(() => {
      const calibration = Array.from({ length: 3 }, () => [randn([4, 3, 12, 12])]);
      const x = randn([4, 3, 12, 12]);
      const error = (compensate: string, level: 'graph' | 'modules') => {
        const model = network();
        const expected = evaluate(model, x);
        const options = { preset: 'none', rules: { [ID]: { compensate } }, calibration } as const;
        if (level === 'graph') return relativeError(evaluate(applySurgery(model, [x], options).model, x), expected);
        convertToLiteModel(model, options);
        return relativeError(evaluate(model, x), expected);
      };
      const plain = error('none', 'modules');
      for (const level of ['graph', 'modules'] as const) {
        const compensated = error('mean-gate', level);
        assert.ok(compensated < 0.15 && compensated < plain / 3, `${compensated} against ${plain}`);
      }
    });
  });

  it('wants calibration data for that', () => {
    assert.throws(() => convertToLiteModel(network(), { rules: { [ID]: { compensate: 'mean-gate' } } }), /calibration/);
  });

  it('finds gates that are written out, wherever they are in the order of execution', () => {
    class Net extends nn.Module {
      readonly conv = new nn.Conv2d(3, 4, 1);
      readonly squeeze = new nn.Conv2d(4, 2, 1);
      readonly excite = new nn.Conv2d(2, 4, 1);

      forward(x: Tensor): Tensor {
        const y = this.conv(x);
        const pooled = y.mean([2, 3], { keepdim: true });
        const other = y.relu();
        const gate = this.excite(nn.functional.silu(this.squeeze(pooled))).sigmoid();
        return y.mul(gate).add(other);
      }
    }
    scope(() => {
      const x = randn([2, 3, 5, 5]);
      const model = new Net();
      using result = applySurgery(model, [x], { rules: [ID] });
      assert.deepEqual(Object.keys(result.model.stateDict()), ['conv.weight', 'conv.bias']);
      const y = evaluate(model.conv, x);
      assert.ok(allclose(evaluate(result.model, x), y.add(y.relu())));
    });
  });
});
