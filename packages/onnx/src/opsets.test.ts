/**
 * @file Whole networks at the oldest and the newest opset: onnxruntime computes the same from each. With EDGEAI_FULL=1 some of
 * every kind, and also at the default opset and at 18, which changed reductions, Resize, Pad and Split; otherwise a few.
 */

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { expectNoLeaks, type nn, Scope } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';
import { fillModel, makeInput } from '@edgeai/vision/testing/fill';
import { smallInputs } from '@edgeai/vision/testing/small-inputs';
import { roundTrip } from './testing.ts';

const FULL = process.env.EDGEAI_FULL === '1';

/** Quick ones, between them with resizes, reductions and layer norms, whose form depends on the opset. */
const QUICK = ['mobilenet_v3_small', 'swin_t', 'lraspp_mobilenet_v3_large'];

const KINDS = [
  ...['mobilenet_v2', 'mobilenet_v3_small', 'resnet18', 'efficientnet_b0', 'convnext_tiny'],
  ...['vit_b_32', 'swin_t', 'swin_v2_t', 'maxvit_t'],
  ...['deeplabv3_mobilenet_v3_large', 'lraspp_mobilenet_v3_large', 'fcn_resnet50'],
  ...['r3d_18', 's3d', 'swin3d_t', 'mvit_v2_s', 'raft_small'],
];

const OPSETS = FULL ? [13, 17, 18, 20] : [13, 20];

const worst = { what: '', relL2: 0 };

describe('opsets', () => {
  for (const name of FULL ? KINDS : QUICK) {
    it(`${name} computes the same at ${OPSETS.join(', ')}`, () =>
      expectNoLeaks(async () => {
        using owner = new Scope();
        const { shapes, options } = smallInputs(name);
        using model = getModel<nn.Module<never[], unknown>>(name, options);
        fillModel(model, 1);
        const inputs = owner.run(() => shapes.map((shape, i) => makeInput(shape, i)));
        for (const opset of OPSETS) {
          const { exported, report } = await roundTrip(model, [inputs], { tolerance: 1e-4, opset });
          assert.deepEqual(exported.model.opsetImport, [{ domain: '', version: opset }]);
          if (report.relL2 > worst.relL2) Object.assign(worst, { what: `${name} at ${opset}`, relL2: report.relL2 });
        }
      }));
  }

  after(() => console.log(`worst: ${worst.what}, relative L2 ${worst.relL2.toExponential(2)}`));
});
