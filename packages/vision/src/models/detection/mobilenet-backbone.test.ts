/**
 * @file Backbones by name start with torchvision's numbers, train what they should and give its maps. The numbers are from torchvision
 * 0.14.1 after `torch.manual_seed(0)`: entries of the state dict, the sum of its bits, trained parameters, and shape and norm of
 * each map of an image of ones, 64×96, in evaluation.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFloatingPoint, manualSeed, type nn, noGrad, ones, scope, Tensor } from '@edgeai/torch';
import { sumOfBits } from '../../testing/fill.ts';
import { mobilenet_v2 } from '../mobilenetv2.ts';
import { mobilenet_v3_small } from '../mobilenetv3.ts';
import { resnetFpnBackbone, trainableBackboneLayers } from './backbone-utils.ts';
import {
  mobileNetBackbone,
  mobileNetExtractor,
  mobileNetFpnBackbone,
  mobileNetFpnExtractor,
} from './mobilenet-backbone.ts';

type Maps = readonly (readonly [name: string, shape: readonly number[], norm: number])[];

function check(
  make: () => nn.Module<[Tensor], Tensor | Record<string, Tensor>>,
  entries: number,
  bits: number,
  trained: number,
  maps: Maps,
): void {
  manualSeed(0);
  using model = make();
  model.eval();
  const state = Object.values(model.stateDict());
  assert.equal(state.length, entries);
  const floats = state.filter(({ dtype }) => isFloatingPoint(dtype));
  assert.equal(
    floats.reduce((sum, tensor) => sumOfBits(tensor.toTypedArray() as Float32Array, sum), 0),
    bits,
  );
  assert.equal(model.parameters().filter(({ requiresGrad }) => requiresGrad).length, trained);
  noGrad(() =>
    scope(() => {
      const output = model(ones([1, 3, 64, 96]));
      const found = Object.entries(output instanceof Tensor ? { '': output } : output);
      assert.deepEqual(
        found.map(([name, { shape }]) => [name, shape]),
        maps.map(([name, shape]) => [name, shape]),
      );
      for (const [i, [name, map]] of found.entries()) {
        const [norm, wanted] = [Number(map.square().sum().sqrt().item()), maps[i]?.[2] ?? Number.NaN];
        assert.ok(Math.abs(norm - wanted) < 1e-3 * wanted, `${name}: ${norm} instead of ${wanted}`);
      }
    }),
  );
}

test('_mobilenet_extractor(mobilenet_v3_small(), True, 3)', () => {
  check(() => mobileNetFpnExtractor(mobilenet_v3_small(), 3), 248, 2155184658, 115, [
    ['0', [1, 256, 2, 3], 7.2007e-7],
    ['1', [1, 256, 2, 3], 2.0602e-7],
    ['pool', [1, 256, 1, 2], 1.08e-7],
  ]);
});

test('_mobilenet_extractor(mobilenet_v2(), True, 0, [1, 3, 4])', () => {
  check(() => mobileNetFpnExtractor(mobilenet_v2(), 0, { returnedLayers: [1, 3, 4] }), 264, 751974339, 12, [
    ['0', [1, 256, 16, 24], 1.3777],
    ['1', [1, 256, 4, 6], 0.001018],
    ['2', [1, 256, 2, 3], 8.1592e-7],
    ['pool', [1, 256, 1, 2], 4.4102e-7],
  ]);
});

test('_mobilenet_extractor(mobilenet_v2(), False, 6)', () => {
  check(() => mobileNetExtractor(mobilenet_v2(), 6), 314, 2075238531, 158, [['', [1, 256, 2, 3], 0.61867]]);
});

test("mobilenet_backbone('mobilenet_v3_small', None, True) and resnet_fpn_backbone('resnet18', None): frozen norms", () => {
  check(() => mobileNetFpnBackbone('mobilenet_v3_small'), 214, 2155184658, 30, [
    ['0', [1, 256, 2, 3], 7.2542e-7],
    ['1', [1, 256, 2, 3], 2.0764e-7],
    ['pool', [1, 256, 1, 2], 1.0886e-7],
  ]);
  check(() => resnetFpnBackbone('resnet18'), 116, 1146643485, 31, [
    ['0', [1, 256, 16, 24], 357.77],
    ['1', [1, 256, 8, 12], 180.66],
    ['2', [1, 256, 4, 6], 67.873],
    ['3', [1, 256, 2, 3], 20.37],
    ['pool', [1, 256, 1, 2], 11.276],
  ]);
});

test('numbers out of range are named', () => {
  assert.throws(() => mobileNetBackbone('mobilenet_v2', { trainableLayers: 7 }), /trainableLayers/);
  assert.throws(() => mobileNetFpnBackbone('mobilenet_v2', { returnedLayers: [6] }), /stages from 0 to 5/);
  assert.equal(trainableBackboneLayers(true, undefined, 5, 3), 3);
  assert.equal(trainableBackboneLayers(true, 0, 5, 3), 0);
  assert.equal(trainableBackboneLayers(false, undefined, 5, 3), 5);
  assert.throws(() => trainableBackboneLayers(false, 2, 5, 3), /all 5 layers of the backbone must be trained/);
  assert.throws(() => trainableBackboneLayers(true, 6, 5, 3), /from 0 to 5/);
});
