/** @file The rule that takes squeeze and excitation out; on request the mean gate of each channel stays, folded into a convolution. */

import { ArgumentError, fx, keep, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import { ops } from '@edgeai/vision';
import { runBatches } from '../calibration.ts';
import type { GraphRewrite, Preparation, SurgeryRule } from '../rule.ts';

const GATES = [nn.Sigmoid, nn.Hardsigmoid] as const;
const HIDDEN = [nn.ReLU, nn.SiLU, nn.ReLU6, nn.Hardswish] as const;

/** `x · gate(excite(act(squeeze(pool(x)))))`, whatever the modules are called and in which order they run. */
function gatePattern(): fx.PatternMatcher {
  const x = fx.input('x');
  const mean = (node: fx.CallNode) => String(fx.namedArguments(node).dim) === '2,3';
  const pooled = fx.anyOf(
    fx.module(nn.AdaptiveAvgPool2d, [x], {
      where: ({ outputSize }) => [outputSize].flat().every((size) => size === 1),
    }),
    fx.call('mean', [x], { where: mean }),
    fx.call('adaptive_avg_pool2d', [x, [1, 1]]),
  );
  const pointwise = { where: ({ kernelSize }: nn.Conv2d) => kernelSize.every((size) => size === 1) };
  const squeezed = fx.module(nn.Conv2d, [pooled], pointwise);
  const hidden = fx.anyOf(
    fx.module<nn.AnyModule>(HIDDEN, [squeezed]),
    fx.call(['relu', 'silu', 'hardtanh', 'hardswish'], [squeezed]),
  );
  const excited = fx.module(nn.Conv2d, [hidden], pointwise);
  const gate = fx.anyOf(fx.module<nn.AnyModule>(GATES, [excited]), fx.call(['sigmoid', 'hardsigmoid'], [excited]));
  return new fx.PatternMatcher(fx.call('mul', [x, gate]));
}

const takeOut: GraphRewrite = { pattern: gatePattern, replace: (match) => match.node('x') };

/** Multiplies what follows each gate with the gate's mean, before the gate goes. */
function keepMeanGates({ model, settings, calibration, capture }: Preparation): void {
  if (settings.compensate !== 'mean-gate') return;
  if (calibration.length === 0)
    throw new ArgumentError('calibration', 'squeeze_and_excite_to_identity with compensate needs calibration data');
  const gates = meanGates(model, calibration);
  using graph = capture();
  const users = graph.users();
  for (const node of graph.nodes) {
    const gate = node.kind === 'module' ? gates.get(graph.root.getSubmodule(node.target)) : undefined;
    if (gate === undefined) continue;
    const next = (users.get(node) ?? []).map((user) =>
      user.kind === 'module' ? graph.root.getSubmodule(user.target) : null,
    );
    // Only a convolution multiplies each channel by itself; through anything else the factor does not pass.
    if (next.length > 0 && next.every((user) => user instanceof nn.Conv2d)) {
      for (const conv of new Set(next)) scaleInputs(conv as nn.Conv2d, gate);
    }
  }
  for (const gate of gates.values()) gate.dispose();
}

/** `(C)` for every gate that the data reaches. */
function meanGates(model: nn.AnyModule, calibration: Preparation['calibration']): Map<nn.AnyModule, Tensor> {
  const sums = new Map<nn.AnyModule, { total: Tensor; count: number }>();
  const removals = model.modules().flatMap((module) => {
    if (!(module instanceof ops.SqueezeExcitation)) return [];
    return module.scale_activation.registerForwardHook((_, __, output) => {
      const gate = output as Tensor;
      const before = sums.get(module);
      const total = scope(() => {
        const sum = gate.sum([0, 2, 3]);
        return before === undefined ? sum : sum.add(before.total);
      });
      before?.total.dispose();
      sums.set(module, { total: keep(total), count: (before?.count ?? 0) + gate.size(0) });
      return undefined;
    });
  });
  try {
    runBatches(model, calibration);
  } finally {
    for (const remove of removals) remove();
  }
  return new Map(Array.from(sums, ([module, { total, count }]) => [module, keep(noGrad(() => total.div_(count)))]));
}

function scaleInputs(conv: nn.Conv2d, gate: Tensor): void {
  noGrad(() =>
    scope(() => {
      const [outputs = 1, inputs = 1] = conv.weight.shape;
      // Output channel o of group g sees the inputs of group g.
      const perOutput = gate.reshape([conv.groups, 1, inputs]).expand([-1, outputs / conv.groups, -1]);
      conv.weight.mul_(perOutput.reshape([outputs, inputs, 1, 1]));
    }),
  );
}

export const squeezeExciteRule: SurgeryRule = {
  id: 'squeeze_and_excite_to_identity',
  summary: 'squeeze and excitation → nothing',
  preserves: 'retrain',
  weights: "those of the gate are dropped; with compensate 'mean-gate' its mean stays in the convolution after it",
  burden: 'a global mean and two tiny convolutions stall an accelerator that works on tiles',
  settings: {
    compensate: {
      default: 'none',
      choices: ['none', 'mean-gate'],
      describe: "'mean-gate' multiplies the weights after each gate with its mean over the calibration data",
    },
  },
  modules: {
    matches: (module) => module instanceof ops.SqueezeExcitation,
    replace: () => new nn.Identity(),
  },
  graph: [takeOut],
  prepare: keepMeanGates,
};
