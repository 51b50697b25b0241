/** @file Post-training quantisation: every step keeps what it promises, and nothing of it stays behind. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';
import { prepareQuantization } from '../prepare.ts';
import { QuantizedLayer } from '../quantized-layer.ts';
import { calibrateWith, fill, SmallNet, UnevenNet, wave } from '../testing.ts';
import { correctBiases, correctBiasesAnalytically, meanOfRectified } from './bias-correction.ts';
import { findLayerPairs } from './chains.ts';
import { absorbHighBiases, equalizeLayers } from './equalize.ts';
import { type PTQOptions, quantizePTQ } from './quantize-ptq.ts';
import { reestimateBatchNorms } from './reestimate.ts';
import { columns } from './second-moments.ts';

/** Signal-to-noise ratio in dB. */
function snr(exact: Tensor, found: Tensor): number {
  return scope(() => 10 * Math.log10(exact.square().sum().item() / found.sub(exact).square().sum().item()));
}

const POW2 = { target: 'tidl-pow2' } as const;

function inputs(count: number): Tensor[] {
  return Array.from({ length: count }, (_, i) => wave([4, 3, 12, 12], 10 + i, 2));
}

test('equalisation changes weights and not the network', () => {
  noGrad(() =>
    scope(() => {
      const net = new UnevenNet();
      const model = prepareQuantization(net, [wave([1, 3, 12, 12], 0)], POW2).eval();
      const x = wave([2, 3, 12, 12], 5, 2);
      const before = model.asFloat(() => model(x));
      // Both convolutions, and the classifier through the mean.
      assert.equal(findLayerPairs(model).length, 3);
      assert.equal(equalizeLayers(model), 3);
      assert.ok(
        snr(
          before,
          model.asFloat(() => model(x)),
        ) > 100,
      );
      const first = model.quantizedLayers().get('features.0');
      const sizes = first?.weight.abs().flatten(1).amax([1]);
      const spread = (sizes?.max().item() ?? 0) / (sizes?.min().item() ?? 1);
      assert.ok(spread < 4, `channels still differ by ${spread}`);
      model.dispose();
      net.dispose();
    }),
  );
});

test('batch norms inside layers take the factors of their channels', () => {
  noGrad(() =>
    scope(() => {
      const net = new nn.Sequential(
        new nn.Conv2d(3, 8, 3, { bias: false }),
        new nn.BatchNorm2d(8),
        new nn.ReLU(),
        new nn.Conv2d(8, 4, 1),
      );
      fill(net as nn.AnyModule);
      const model = prepareQuantization(net, [wave([1, 3, 8, 8], 0)], POW2).eval();
      const x = wave([2, 3, 8, 8], 5, 2);
      const before = model.asFloat(() => model(x));
      assert.equal(equalizeLayers(model), 1);
      const [first, second] = [...model.quantizedLayers().values()];
      const outgoing = first?.effectiveWeight().abs().flatten(1).amax([1]);
      const incoming = second?.weight.abs().amax([0, 2, 3]);
      assert.ok(
        (outgoing
          ?.div(incoming as Tensor)
          .sub(1)
          .abs()
          .max()
          .item() ?? 1) < 0.05,
      );
      assert.ok(
        snr(
          before,
          model.asFloat(() => model(x)),
        ) > 90,
      );
      model.dispose();
      net.dispose();
    }),
  );
});

test('a high bias moves through the ReLU to the next layer', async () => {
  const net = new nn.Sequential(new nn.Conv2d(3, 4, 1), new nn.ReLU(), new nn.Conv2d(4, 2, 1));
  const data = inputs(2);
  fill(net as nn.AnyModule);
  noGrad(() => (net.getSubmodule('0') as nn.Conv2d).bias?.add_(10));
  const model = prepareQuantization(net, [data[0]], POW2).eval();
  const before = scope(() => model.asFloat(() => model(data[0] as Tensor)));
  const biasBefore = scope(() => model.quantizedLayers().get('0')?.bias?.min().item() ?? 0);
  await absorbHighBiases(model, data);
  scope(() =>
    assert.ok(
      snr(
        before,
        model.asFloat(() => model(data[0] as Tensor)),
      ) > 60,
    ),
  );
  assert.ok(biasBefore - scope(() => model.quantizedLayers().get('0')?.bias?.min().item() ?? 0) > 3);
  for (const thing of [before, model, net, ...data]) thing.dispose();
});

test('columns times weight is the layer’s result', () => {
  noGrad(() =>
    scope(() => {
      for (const [conv, x] of [
        [new nn.Conv2d(4, 6, 3, { padding: 1, stride: 2, groups: 2 }), wave([2, 4, 9, 9], 1)],
        [new nn.Conv2d(5, 6, 1), wave([2, 5, 4, 4], 1)],
        [new nn.Linear(5, 3), wave([7, 5], 1)],
      ] as const) {
        const layer = new QuantizedLayer(conv, 'x', null, undefined);
        const found = layer.weight
          .reshape([layer.geometry.groups, layer.outputs / layer.geometry.groups, -1])
          .matmul(columns(layer, x));
        const expected = layer.apply_(x, layer.weight, null);
        assert.ok(Math.abs(found.sum().item() - expected.sum().item()) < 1e-3);
        assert.ok(Math.abs(found.square().sum().item() - expected.square().sum().item()) < 1e-3);
      }
    }),
  );
});

test('each step lowers the error of power-of-two scales', async () => {
  const net = new UnevenNet().eval();
  const data = inputs(4);
  const exact = noGrad(() => scope(() => net(data[0] as Tensor)));
  const quality = async (options: Parameters<typeof quantizePTQ>[2]): Promise<number> => {
    const { model } = await quantizePTQ(net, data, { config: POW2, ...options });
    const result = noGrad(() => scope(() => snr(exact, model(data[0] as Tensor))));
    model.dispose();
    return result;
  };
  const off = { equalize: false, balance: false, adaRound: false, biasCorrection: false } as const;
  const nothing = await quality(off);
  const equalized = await quality({ ...off, equalize: true });
  const corrected = await quality({ ...off, equalize: true, biasCorrection: 'empirical' });
  const everything = await quality({});
  assert.ok(equalized > nothing + 3, `equalisation: ${nothing} → ${equalized} dB`);
  assert.ok(corrected > equalized - 1, `bias correction: ${equalized} → ${corrected} dB`);
  assert.ok(everything > nothing + 6, `all: ${nothing} → ${everything} dB`);
  for (const thing of [exact, net, ...data]) thing.dispose();
});

test('by default scales of weights per channel are fitted: weights from a grid lose nothing', async () => {
  await expectNoLeaks(async () => {
    const net = new UnevenNet().eval();
    const data = inputs(1);
    noGrad(() =>
      scope(() => {
        // A grid of 40 integers on each side, as a network has that comes from an integer file.
        for (const weight of net.parameters()) {
          const step = weight.abs().max().div(40);
          weight.copy_(weight.div(step).round().mul(step));
        }
      }),
    );
    const error = async (options: PTQOptions): Promise<number> => {
      const { model } = await quantizePTQ(net, data, { biasCorrection: false, ...options });
      const errors = Array.from(model.quantizedLayers().values(), ({ weight, weight_fake_quant: quantizer }) =>
        noGrad(() => scope(() => quantizer?.(weight).sub(weight).abs().max().div(weight.abs().max()).item() ?? 0)),
      );
      model.dispose();
      return Math.max(...errors);
    };
    for (const target of ['generic-int8', 'tidl']) {
      assert.ok((await error({ config: { target } })) < 1e-5, target);
      assert.ok((await error({ config: { target }, fitWeights: false })) > 1e-3, target);
    }
    for (const thing of [net, ...data]) thing.dispose();
  });
});

test('AdaRound finds a rounding with far less error than the nearest, on the same grid', async () => {
  await expectNoLeaks(async () => {
    manualSeed(0);
    const net = new nn.Sequential(new nn.Conv2d(3, 16, 3), new nn.ReLU(), new nn.Conv2d(16, 8, 3)).eval();
    const data = inputs(3);
    const { model, adaRound } = await quantizePTQ(net, data, { config: { qconfig: 'WC4_AT8' }, biasCorrection: false });
    assert.deepEqual(
      adaRound.map(({ layer }) => layer),
      ['0', '2'],
    );
    for (const { nearest, adaptive } of adaRound) assert.ok(adaptive < 0.5 * nearest, `${adaptive} of ${nearest}`);
    noGrad(() =>
      scope(() => {
        for (const layer of model.quantizedLayers().values()) {
          const quantizer = layer.weight_fake_quant;
          assert.ok(quantizer !== null);
          const error = quantizer(layer.weight).sub(layer.weight).abs().max().item();
          assert.ok(error < 1e-6, 'weights lie on the grid');
        }
      }),
    );
    for (const thing of [model, net, ...data]) thing.dispose();
  });
});

test('bias correction brings means back; without data from the norms alone', async () => {
  const net = new SmallNet().eval();
  const data = inputs(2);
  const config = { qconfig: { weight: { bits: 3 } } } as const;
  const meanError = (model: { (x: Tensor): Tensor }) =>
    noGrad(() =>
      scope(() =>
        model(data[0] as Tensor)
          .sub(net(data[0] as Tensor))
          .mean([0])
          .abs()
          .sum()
          .item(),
      ),
    );
  const run = async (biasCorrection: 'empirical' | 'analytic' | 'calibration' | false) => {
    const { model, steps } = await quantizePTQ(net, data, { config, adaRound: false, balance: false, biasCorrection });
    const error = meanError(model);
    model.dispose();
    return { error, steps };
  };
  const without = (await run(false)).error;
  assert.ok((await run('empirical')).error < 0.3 * without);
  assert.ok((await run('calibration')).error < without);
  assert.deepEqual((await run('analytic')).steps, ['fold-batch-norm', 'calibrate', 'bias-correction']);
  for (const thing of [net, ...data]) thing.dispose();
});

test('the mean of a rectified normal is that of samples', () => {
  manualSeed(1);
  scope(() => {
    const mean = wave([5], 1);
    const deviation = wave([5], 2).abs().add(0.1);
    const samples = randn([20000, 5]).mul(deviation).add(mean).relu().mean([0]);
    assert.ok(samples.sub(meanOfRectified({ mean, deviation })).abs().max().item() < 0.03);
  });
});

test('analytic correction needs a layer with known statistics before', () => {
  const net = new SmallNet().eval();
  const model = noGrad(() => scope(() => prepareQuantization(net, [wave([1, 3, 8, 8], 0)], {})));
  assert.equal(correctBiasesAnalytically(model, new Map()), 0);
  model.dispose();
  net.dispose();
});

test('batch norms take the statistics of the rounded network', async () => {
  await expectNoLeaks(async () => {
    const net = new SmallNet().eval();
    const data = inputs(2);
    const model = prepareQuantization<[Tensor], Tensor>(net, [data[0]], {});
    calibrateWith(model, data);
    assert.equal(await reestimateBatchNorms(model, data), 2);
    assert.equal(model.training, false);
    const norm = model.getSubmodule('bn1') as nn.BatchNorm2d;
    assert.equal(norm.momentum, 0.1);
    assert.equal(norm.num_batches_tracked?.item(), 2);
    for (const thing of [model, net, ...data]) thing.dispose();
  });
});

test('steps release what they make', async () => {
  await expectNoLeaks(async () => {
    const net = new SmallNet().eval();
    const data = inputs(2);
    const { model, steps } = await quantizePTQ(net, data, { config: POW2, correctDeviations: true });
    assert.deepEqual(steps, [
      'fold-batch-norm',
      'equalize',
      'balance',
      'absorb-biases',
      'calibrate',
      'adaround',
      'correct-deviations',
      'bias-correction',
    ]);
    await correctBiases(model, data, (fn) => fn());
    for (const thing of [model, net, ...data]) thing.dispose();
  });
});
