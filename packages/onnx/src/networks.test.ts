/**
 * @file Every network of torchvision is exported, and onnxruntime computes the same from the file: relative L2 at most 1e-4. With
 * EDGEAI_FULL=1 all networks, otherwise one of most families; the worst is printed.
 */

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { memory, type nn, Scope } from '@edgeai/torch';
import { getModel, listModels } from '@edgeai/vision';
import { fillModel, makeInput } from '@edgeai/vision/testing/fill';
import { smallInputs } from '@edgeai/vision/testing/small-inputs';
import { operators, roundTrip } from './testing.ts';

/** One of each family, as far as a moment is enough for it. */
const QUICK = new Set([
  ...['densenet121', 'efficientnet_b0', 'mnasnet0_5', 'mobilenet_v3_small', 'regnet_y_400mf', 'shufflenet_v2_x0_5'],
  ...['squeezenet1_1', 'swin_t', 'vit_b_32', 'lraspp_mobilenet_v3_large', 'swin3d_t', 'raft_small'],
]);

/** Operators of sizes that are only known when a model runs; a model of fixed size has none. */
const DYNAMIC = new Set(['Shape', 'ConstantOfShape', 'Range', 'NonZero', 'If', 'Loop', 'Scan', 'Cast', 'Identity']);

const worst = { name: '', relL2: 0 };

describe('every network', () => {
  for (const name of listModels()) {
    const skip = process.env.EDGEAI_FULL === '1' || QUICK.has(name) ? false : 'runs with EDGEAI_FULL=1';
    it(`${name} computes the same in onnxruntime`, { skip }, async () => {
      const before = memory().tensors;
      {
        using owner = new Scope();
        const { shapes, options } = smallInputs(name);
        using model = getModel<nn.Module<never[], unknown>>(name, options);
        fillModel(model, 1);
        const inputs = owner.run(() => shapes.map((shape, i) => makeInput(shape, i)));
        const { exported, report } = await roundTrip(model, [inputs], { tolerance: 1e-4 });
        if (report.relL2 > worst.relL2) Object.assign(worst, { name, relL2: report.relL2 });
        assert.deepEqual(
          operators(exported).filter((operator) => DYNAMIC.has(operator)),
          [],
        );
        const sized = exported.model.graph?.node?.filter(
          ({ opType, input = [] }) => opType === 'Resize' && input.length > 3,
        );
        assert.deepEqual(sized, [], 'Resize has scales, not sizes');
      }
      assert.equal(memory().tensors, before, 'nothing is left behind');
    });
  }

  after(() => console.log(`worst: ${worst.name}, relative L2 ${worst.relL2.toExponential(2)}`));
});
