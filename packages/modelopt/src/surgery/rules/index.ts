/** @file All surgery rules in the order in which they are tried: whole blocks first, single layers last; and the sets that go by a name. */

import { fx, nn } from '@edgeai/torch';
import type { Settings, SurgeryRule } from '../rule.ts';
import { activationRules } from './activations.ts';
import { blockRules } from './blocks.ts';
import { convolutionRules } from './convolutions.ts';
import { normRules } from './norms.ts';
import { poolRules } from './pools.ts';
import { resizeRule } from './resize.ts';
import { squeezeExciteRule } from './squeeze-excite.ts';

/** In a module tree an identity stays, since taking it out would rename its neighbours. */
const removeIdentity: SurgeryRule = {
  id: 'remove_identity',
  summary: 'layers that do nothing → nothing (in graphs; in a module tree they keep the names of their neighbours)',
  preserves: 'exact',
  weights: 'none',
  burden: null,
  graph: [
    {
      pattern: () => new fx.PatternMatcher(fx.module(nn.Identity, [fx.input('x')])),
      replace: (match) => match.node('x'),
    },
  ],
};

/** Every rule, in the order in which rules are tried at each place. */
export const surgeryRules: readonly SurgeryRule[] = [
  ...blockRules,
  squeezeExciteRule,
  resizeRule,
  ...poolRules,
  ...convolutionRules,
  ...normRules,
  ...activationRules,
  removeIdentity,
];

const V1 = [
  'squeeze_and_excite_to_identity',
  'relu_inplace_to_relu',
  'gelu_to_relu',
  'relu6_to_relu',
  'silu_to_relu',
  'hardswish_to_relu',
  'hardsigmoid_to_relu',
  'leakyrelu_to_relu',
  'dropout_inplace_to_dropout',
  'conv2d_to_conv2d_dw_conv2d',
  'remove_identity',
] as const;

/** Sets of rules by name. `v1` and `v2` are those of the original library's two engines, `exact` all that change no result. */
export const surgeryPresets = {
  none: [] as readonly string[],
  v1: V1 as readonly string[],
  v2: [
    ...V1.filter((id) => id !== 'conv2d_to_conv2d_dw_conv2d'),
    'replace_CNBlock',
    'break_maxpool2d_with_kernel_size_greater_than_equal_to_5',
    'break_avgpool2d_with_kernel_size_greater_than_equal_to_5',
    'convert_resize_params_size_to_scale',
    'replace_conv_k_size_6_to_k_size_5',
  ] as readonly string[],
  exact: surgeryRules.filter(({ preserves }) => preserves === 'exact').map(({ id }) => id) as readonly string[],
};

export type SurgeryPreset = keyof typeof surgeryPresets;

/** What the settings of a rule are when nothing is said. */
export function defaultSettings({ settings = {} }: SurgeryRule): Settings {
  return Object.fromEntries(Object.entries(settings).map(([name, definition]) => [name, definition.default]));
}
