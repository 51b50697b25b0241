/** @file Rules that put ReLU in the place of other activations, and out-of-place layers in the place of in-place ones. */

import { fx, nn, Operator } from '@edgeai/torch';
import { exactly, type GraphRewrite, type SurgeryRule } from '../rule.ts';

const RELU = new Operator('aten::relu');

/** An activation as a layer and as the operators that functional code calls. */
interface Activation {
  readonly id: string;
  readonly label: string;
  readonly types: readonly fx.ModuleClass[];
  readonly operators: readonly string[];
  readonly where?: (node: fx.CallNode) => boolean;
}

const ACTIVATIONS: readonly Activation[] = [
  { id: 'gelu_to_relu', label: 'GELU', types: [nn.GELU], operators: ['gelu'] },
  {
    id: 'relu6_to_relu',
    label: 'ReLU6',
    types: [nn.ReLU6],
    operators: ['relu6', 'hardtanh'],
    where: (node) => {
      const { min_val: low, max_val: high } = fx.namedArguments(node);
      return node.operator.name !== 'aten::hardtanh' || (low === 0 && high === 6);
    },
  },
  { id: 'silu_to_relu', label: 'SiLU', types: [nn.SiLU], operators: ['silu'] },
  { id: 'hardswish_to_relu', label: 'Hardswish', types: [nn.Hardswish], operators: ['hardswish'] },
  { id: 'hardsigmoid_to_relu', label: 'Hardsigmoid', types: [nn.Hardsigmoid], operators: ['hardsigmoid'] },
  { id: 'leakyrelu_to_relu', label: 'LeakyReLU', types: [nn.LeakyReLU], operators: ['leaky_relu'] },
];

function functional(operators: readonly string[], where?: (node: fx.CallNode) => boolean): GraphRewrite {
  return {
    pattern: () => new fx.PatternMatcher(fx.call(operators, [fx.input('x')], where === undefined ? {} : { where })),
    replace: (match, before, { target }) => {
      const { modulePath, meta, path } = match.output;
      const place = path.replace(/[^.]*$/, 'relu');
      return target.graph.add(
        { kind: 'call', operator: RELU, path: place, args: [match.node('x')], meta, modulePath },
        before,
      );
    },
  };
}

function toRelu({ id, label, types, operators, where }: Activation): SurgeryRule {
  return {
    id,
    summary: `${label} → ReLU`,
    preserves: 'retrain',
    weights: 'none',
    burden: `${label} costs a table or several passes where ReLU costs nothing`,
    modules: { matches: exactly(...types), replace: () => new nn.ReLU() },
    graph: [functional(operators, where)],
  };
}

export const activationRules: readonly SurgeryRule[] = [
  {
    id: 'all_activation_to_relu',
    summary: 'GELU, ReLU6, SiLU, Hardswish, Hardsigmoid, LeakyReLU and in-place ReLU → ReLU',
    preserves: 'retrain',
    weights: 'none',
    burden: null,
    modules: {
      matches: (module) =>
        (module instanceof nn.ReLU && module.inplace) || exactly(...ACTIVATIONS.flatMap(({ types }) => types))(module),
      replace: () => new nn.ReLU(),
    },
    graph: ACTIVATIONS.map(({ operators, where }) => functional(operators, where)),
  },
  {
    id: 'relu_inplace_to_relu',
    summary: 'ReLU that overwrites its input → ReLU that does not',
    preserves: 'exact',
    weights: 'none',
    burden: null,
    modules: {
      matches: (module) => exactly(nn.ReLU)(module) && (module as nn.ReLU).inplace,
      replace: () => new nn.ReLU(),
    },
  },
  ...ACTIVATIONS.map(toRelu),
  {
    id: 'dropout_inplace_to_dropout',
    summary: 'Dropout that overwrites its input → Dropout of the same probability that does not',
    preserves: 'exact',
    weights: 'none',
    burden: null,
    modules: {
      matches: (module) => exactly(nn.Dropout)(module) && (module as nn.Dropout).inplace,
      replace: (module) => new nn.Dropout((module as nn.Dropout).p),
    },
  },
];
