/**
 * @file Every network can be captured, and its graph computes what it does, bit for bit, in evaluation and in training mode:
 * with dropout, stochastic depth and auxiliary heads. With EDGEAI_FULL=1 all networks, otherwise one of each family.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equal, fx, manualSeed, memory, type nn, noGrad, scope, Tensor } from '@edgeai/torch';
import { makeInput } from '../testing/fill.ts';
import { skipUnlessQuick } from '../testing/quick.ts';
import { smallInputs } from '../testing/small-inputs.ts';
import { getModel, listModels } from './index.ts';

type Outputs = Tensor | Tensor[] | Record<string, Tensor | null>;
type Network = nn.Module<Tensor[], Outputs>;

function tensors(outputs: Outputs): [string, Tensor][] {
  const all: [string, unknown][] = outputs instanceof Tensor ? [['', outputs]] : Object.entries(outputs);
  return all.filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor);
}

function compare(model: Network, inputs: readonly Tensor[]): void {
  scope(() => {
    using graph = fx.capture(model, inputs);
    graph.lint();
    const seeded = (run: () => Outputs): [string, Tensor][] => {
      manualSeed(1);
      return tensors(run());
    };
    const expected = seeded(() => model(...inputs));
    const actual = seeded(() => fx.Interpreter.run(graph, inputs) as Outputs);
    assert.deepEqual(
      actual.map(([key]) => key),
      expected.map(([key]) => key),
    );
    for (const [i, [key, tensor]] of expected.entries()) assert.ok(equal(actual[i]?.[1] as Tensor, tensor), key);
  });
}

/** Their kin is quicker; these run with all networks only. */
const SLOW = [
  ...['alexnet', 'vgg11', 'efficientnet_b1', 'inception_v3', 'mnasnet1_0', 'mobilenet_v2', 'mobilenet_v3_large'],
  ...['regnet_x_400mf', 'resnet50', 'resnext50_32x4d', 'shufflenet_v2_x1_5', 'squeezenet1_0', 'swin_v2_t', 'maxvit_t'],
  ...['convnext_tiny', 'fcn_resnet50', 'mc3_18', 's3d', 'mvit_v2_s', 'swin3d_t', 'raft_large'],
];

for (const name of listModels()) {
  test(`${name} equals its graph`, { skip: skipUnlessQuick(name, SLOW) }, () => {
    const before = memory().tensors;
    {
      const { shapes, options } = smallInputs(name);
      using model = getModel<Network>(name, options);
      noGrad(() =>
        scope(() => {
          const inputs = shapes.map((shape, i) => makeInput(shape, i));
          compare(model.eval(), inputs);
          compare(model.train(), inputs);
        }),
      );
    }
    assert.equal(memory().tensors, before, 'nothing is left behind');
  });
}
