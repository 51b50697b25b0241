/** @file The lite networks in the registry: figures and layers of the original library's, measured with it (torch 1.13, v1 surgery). */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { equal, manualSeed, nn, noGrad, randn, save, scope, zeros } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';
import { measureComplexity } from '../complexity/index.ts';
import { applySurgery, convertToLiteModel, lite, surgery } from '../index.ts';
import { evaluate } from '../surgery/testing.ts';
import type { DeepLabV3Plus } from './deeplab-mobilenet.ts';

/** [params, MACs of convolutions and linear layers] at 224², 520² for segmentation, before and after surgery. */
const GOLDEN: Readonly<Record<string, readonly [number, number, number, number]>> = {
  mobilenet_v2: [3_504_872, 300_774_272, 3_504_872, 300_774_272],
  mobilenet_v3_large: [5_483_032, 216_589_760, 3_970_752, 215_082_560],
  mobilenet_v3_small: [2_542_856, 56_510_400, 2_081_216, 56_051_648],
  efficientnet_b0: [5_288_548, 385_814_752, 4_652_008, 385_187_552],
  regnet_y_400mf: [4_344_144, 401_842_848, 3_676_120, 401_180_032],
};

/**
 * Parameters and multiply-accumulates of lite networks alone: those take long to run, and here are only captured. What the original
 * does not record was measured with this package.
 */
const LITE: Readonly<Record<string, readonly [params: number, macs: number]>> = {
  efficientnet_b1: [6_671_544, 568_543_200],
  efficientnet_b2: [7_780_856, 657_649_712],
  efficientnet_b3: [10_353_504, 960_848_592],
  efficientnet_b4: [16_195_168, 1_500_593_024],
  deeplabv3_mobilenet_v2: [4_309_525, 4_859_596_816],
  deeplabv3_mobilenet_v3_large: [3_125_165, 3_471_446_432],
  deeplabv3plus_mobilenet_v2: [4_392_453, 7_398_147_792],
  deeplabv3plus_mobilenet_v3_large: [3_208_093, 6_009_997_408],
  lraspp_mobilenet_v3_large: [1_709_258, 2_084_712_488],
};

/** Convolutions, batch norms, ReLUs, identities, linear layers. */
const LAYERS: Readonly<Record<string, readonly number[]>> = {
  mobilenet_v2: [52, 52, 35, 0, 1],
  mobilenet_v3_large: [46, 46, 32, 8, 2],
  mobilenet_v3_small: [34, 34, 24, 9, 2],
  efficientnet_b0: [49, 49, 33, 16, 1],
};

const count = (model: nn.AnyModule) =>
  [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Identity, nn.Linear].map(
    (type) => model.modules().filter((module) => module.constructor === type).length,
  );

describe('lite networks', () => {
  for (const [base, [before, macsBefore, after, macsAfter]] of Object.entries(GOLDEN)) {
    it(`${base}: parameters, multiply-accumulates and layers before and after`, () => {
      const model = models.getModel<nn.AnyModule>(base);
      const report = scope(() => convertToLiteModel(model, { preset: 'v1', exampleInputs: [zeros([1, 3, 224, 224])] }));
      assert.deepEqual([report.before.params, report.before.macs], [before, macsBefore]);
      assert.deepEqual([report.after.params, report.after.macs], [after, macsAfter]);
      if (LAYERS[base] !== undefined) assert.deepEqual(count(model), LAYERS[base]);
      model.dispose();
    });
  }

  for (const [base, [expected, macs]] of Object.entries(LITE)) {
    it(`${base}_lite: parameters and multiply-accumulates`, () => {
      const model = models.getModel<nn.AnyModule>(`${base}_lite`);
      const size = models.getModelInfo(base).task === 'segmentation' ? 520 : 224;
      const measured = scope(() => measureComplexity(model.eval(), [zeros([1, 3, size, size])]));
      assert.deepEqual([measured.params, measured.macs], [expected, macs]);
      model.dispose();
    });
  }

  it('efficientnet_b0_lite keeps stochastic depth, and in a graph no identity is left', () => {
    const model = models.getModel<nn.AnyModule>('efficientnet_b0_lite');
    assert.equal(model.modules().filter((module) => module instanceof ops.StochasticDepth).length, 16);
    scope(() => {
      using result = applySurgery(models.getModel('mobilenet_v3_large'), [zeros([1, 3, 64, 64])]);
      assert.deepEqual(count(result.model), [46, 46, 32, 0, 2]);
    });
    model.dispose();
  });

  it('ConvNeXt-Tiny with other blocks alone: 18 blocks; the original counts their 18 orphaned layer scales besides', () => {
    const model = models.getModel<nn.AnyModule>('convnext_tiny');
    const scales = model
      .modules()
      .flatMap((module) => (module instanceof models.CNBlock ? [module.layer_scale.numel()] : []));
    const orphaned = scales.reduce((sum, size) => sum + size, 0);
    const { rules, after } = convertToLiteModel(model, { rules: ['replace_CNBlock'] });
    assert.equal(rules[0]?.places.length, 18);
    assert.equal(after.params + orphaned, 28_575_880);
    model.dispose();
  });

  it('are registered with their tasks, figures and published weights', () => {
    const names = models.listModels({ module: 'lite' });
    assert.deepEqual(
      names.filter((name) => !name.endsWith('_lite')),
      [],
    );
    assert.ok(models.listModels({ task: 'segmentation' }).includes('deeplabv3_mobilenet_v3_large_lite'));
    for (const name of names) {
      const { weights, figures } = models.getModelInfo(name);
      assert.ok(weights !== undefined || figures !== undefined, name);
    }
    const url = 'imagenet1k/edgeai-tv2/mobilenet_v2_lite_wt-v2_20231101_checkpoint.pth';
    assert.ok(lite.MobileNet_V2_Lite_Weights.DEFAULT.url.endsWith(url));
    assert.ok(surgery.surgeryPresets.v1.includes('relu6_to_relu'));
  });

  it('exist for every EfficientNet, RegNet, DeepLabV3, Lite R-ASPP and FCN', () => {
    const include = ['efficientnet_*', 'regnet_*', 'deeplabv3*', 'lraspp_*', 'fcn_*'];
    const bases = models.listModels({ include, exclude: '*_lite' });
    assert.deepEqual(
      bases.filter((name) => !models.listModels().includes(`${name}_lite`)),
      [],
    );
    for (const name of models.listModels({ include: '*_lite' })) {
      const { numParams, gmacs } = models.getModelInfo(name).figures ?? { numParams: 1, gmacs: 1 };
      assert.ok(numParams > 0 && gmacs > 0, name);
    }
  });

  it('deeplabv3plus_mobilenet_v2 dilates its last stage and takes its shortcut at a quarter of the size', () => {
    const model = models.getModel<DeepLabV3Plus>('deeplabv3plus_mobilenet_v2', { numClasses: 5 });
    scope(() => {
      const x = randn([1, 3, 64, 96]);
      const { low, high } = noGrad(() => model.eval().backbone(x));
      assert.deepEqual(
        [low?.shape, high?.shape],
        [
          [1, 24, 16, 24],
          [1, 1280, 4, 6],
        ],
      );
      assert.deepEqual(noGrad(() => model(x)).out.shape, [1, 5, 64, 96]);
    });
    assert.throws(() => models.getModel('deeplabv3plus_mobilenet_v2', { weights: 'DEFAULT' }), /a checkpoint file/);
    model.dispose();
  });

  it('load checkpoints of their own, and of the network before surgery', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lite-'));
    try {
      scope(() => {
        manualSeed(0);
        const small = { numClasses: 3 };
        using base = models.getModel<nn.AnyModule>('mobilenet_v3_small', small) as nn.AnyModule & Disposable;
        const file = join(folder, 'base.pth');
        save(base.stateDict(), file);
        const fromBase = models.getModel<nn.AnyModule>('mobilenet_v3_small_lite', { ...small, baseWeights: file });
        const own = join(folder, 'lite.pth');
        save(fromBase.stateDict(), own);
        const again = models.getModel<nn.AnyModule>('mobilenet_v3_small_lite', { ...small, weights: own });
        const x = randn([1, 3, 64, 64]);
        assert.ok(existsSync(own) && equal(evaluate(fromBase, x), evaluate(again, x)));
        assert.throws(() => models.getModel('efficientnet_b0_lite', { weights: 'IMAGENET1K_V1' }), /baseWeights/);
        fromBase.dispose();
        again.dispose();
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
