/** @file Initialisation against PyTorch: the same numbers after the same seed. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArgumentError, defaultGenerator, empty, Generator, manualSeed, nn, scope, type Tensor } from '../index.ts';
import { assertMatches, bits, readFixture, type Summary } from './testing.ts';

const { init } = nn;

const CASES: Record<string, (generator?: Generator) => Tensor> = {
  uniform: () => init.uniform_(empty([5, 7]), -0.3, 0.8),
  normal: () => init.normal_(empty([5, 7]), 1, 0.5),
  constant: () => init.constant_(empty([5, 7]), 0.1),
  eye: () => init.eye_(empty([5, 7])),
  dirac: () => init.dirac_(empty([6, 2, 3, 5]), 3),
  xavierUniform: () => init.xavierUniform_(empty([5, 7, 3]), 1.5),
  xavierNormal: () => init.xavierNormal_(empty([5, 7, 3])),
  kaimingUniform: () => init.kaimingUniform_(empty([5, 7, 3, 3]), { a: 0.2 }),
  'kaimingUniform fan out': () => init.kaimingUniform_(empty([5, 7, 3, 3]), { mode: 'fan_out', nonlinearity: 'tanh' }),
  kaimingNormal: () => init.kaimingNormal_(empty([5, 7, 3, 3]), { mode: 'fan_out', nonlinearity: 'relu' }),
  truncNormal: () => init.truncNormal_(empty([50, 7]), 0, 0.02),
  'truncNormal cut': () => init.truncNormal_(empty([50, 7]), 0.5, 1, -1, 1.2),
  orthogonal: () => init.orthogonal_(empty([4, 3, 2]), 1.3),
  'orthogonal tall': () => init.orthogonal_(empty([7, 3])),
};

/** Computed with nothing but exact arithmetic, so that every bit must agree on every processor. */
const EXACT = ['uniform', 'constant', 'eye', 'dirac', 'xavierUniform', 'kaimingUniform', 'kaimingUniform fan out'];

describe('init', () => {
  const fixtures = readFixture<Summary & { bits: number }>('init');

  for (const [name, expected] of Object.entries(fixtures)) {
    it(name, () =>
      scope(() => {
        manualSeed(0);
        const filled = CASES[name]?.();
        assert.ok(filled !== undefined);
        if (EXACT.includes(name)) assert.equal(bits(filled), expected.bits);
        assertMatches(filled, expected, name);
      }),
    );
  }

  it('draws from a given generator and leaves the default one alone', () =>
    scope(() => {
      manualSeed(0);
      const before = defaultGenerator().getState().toTypedArray();
      const generator = () => new Generator({ seed: 5 });
      const first = init.kaimingNormal_(empty([4, 4]), { generator: generator() });
      const second = init.kaimingNormal_(empty([4, 4]), { generator: generator() });
      assert.deepEqual(first.toArray(), second.toArray());
      assert.deepEqual(defaultGenerator().getState().toTypedArray(), before);
    }));

  it('makes orthogonal rows', () =>
    scope(() => {
      const rows = init.orthogonal_(empty([3, 5]));
      const product = rows.matmul(rows.t()).sub(init.eye_(empty([3, 3])));
      assert.ok(product.abs().max().item() < 1e-5);
    }));

  it('keeps truncated normal numbers within their limits', () =>
    scope(() => {
      const values = init.truncNormal_(empty([2000]), 0, 3, -1, 2);
      assert.ok(values.min().item() >= -1 && values.max().item() <= 2);
      assert.ok(values.std([0]).item() > 0.5);
    }));

  it('counts connections', () => {
    scope(() => {
      assert.deepEqual(init.calculateFanInAndFanOut(empty([8, 3, 5, 7])), { fanIn: 105, fanOut: 280 });
      assert.deepEqual(init.calculateFanInAndFanOut(empty([8, 3])), { fanIn: 3, fanOut: 8 });
    });
  });

  it('knows the gains', () => {
    assert.equal(init.calculateGain('relu'), Math.sqrt(2));
    assert.equal(init.calculateGain('leaky_relu', 1), 1);
    assert.equal(init.calculateGain('tanh'), 5 / 3);
    assert.equal(init.calculateGain('conv2d'), 1);
  });

  it('changes parameters without recording', () =>
    scope(() => {
      using layer = new nn.Linear(2, 2);
      init.ones_(layer.weight);
      assert.equal(layer.weight.requiresGrad, true);
      assert.equal(layer.weight.isLeaf, true);
      assert.deepEqual(layer.weight.toArray(), [
        [1, 1],
        [1, 1],
      ]);
    }));

  it('refuses what it cannot fill', () =>
    scope(() => {
      assert.throws(() => init.kaimingUniform_(empty([4])), ArgumentError);
      assert.throws(() => init.kaimingUniform_(empty([4, 4]), { mode: 'fan' as 'fan_in' }), /fan_in/);
      assert.throws(() => init.calculateGain('swish' as 'relu'), /swish/);
      assert.throws(() => init.eye_(empty([2, 2, 2])), ArgumentError);
      assert.throws(() => init.dirac_(empty([5, 2, 3]), 2), ArgumentError);
      assert.throws(() => init.orthogonal_(empty([5])), ArgumentError);
    }));
});
