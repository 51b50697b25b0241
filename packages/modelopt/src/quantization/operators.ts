/**
 * @file What quantisation knows of operators, as a table: which have weights, which make new values, which only move values about and so
 * share their input's range, which have a range by definition. What is not in the table stays float.
 */

import { fx, nn } from '@edgeai/torch';
import { ops } from '@edgeai/vision';

/**
 * - `weighted`: a weight in its arguments, a range of its own for the result
 * - `own`: a range of its own
 * - `norm`: `own`; folded into a weighted layer before it
 * - `clamp`: cuts values off; belongs to the operator before it, which then needs no range in between; `own` elsewhere
 * - `shared`: the range of its input
 * - `fixed`: a range by definition
 */
export type OperatorRole = 'weighted' | 'own' | 'norm' | 'clamp' | 'shared' | 'fixed';

export interface OperatorRule {
  /** What overrides name it. */
  readonly name: string;
  readonly role: OperatorRole;
  /** Layers that are this operator as a whole. */
  readonly modules?: readonly ModuleType[];
  /** Operators by base name. */
  readonly calls?: readonly string[];
  /** A clamp after it belongs to it. */
  readonly absorbsClamp?: boolean;
  /** Results are never negative. */
  readonly nonNegative?: boolean;
  /** All values that the result can have: the integers are spread over it, one of them left over at its upper end. */
  readonly values?: readonly [min: number, max: number];
  /** Both inputs multiply as matrices: symmetric unless they come from a softmax or the like. */
  readonly symmetricInputs?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: constructors of any signature, as in `AnyModule`.
type ModuleType = abstract new (...args: any[]) => nn.AnyModule;

const ZERO_TO_ONE = [0, 1] as const;

/** The table. The first rule that fits counts. */
export const operatorRules: readonly OperatorRule[] = [
  { name: 'conv1d', role: 'weighted', modules: [nn.Conv1d], calls: ['conv1d'], absorbsClamp: true },
  { name: 'conv2d', role: 'weighted', modules: [nn.Conv2d], calls: ['conv2d'], absorbsClamp: true },
  { name: 'conv3d', role: 'weighted', modules: [nn.Conv3d], calls: ['conv3d'], absorbsClamp: true },
  {
    name: 'conv_transpose1d',
    role: 'weighted',
    modules: [nn.ConvTranspose1d],
    calls: ['conv_transpose1d'],
    absorbsClamp: true,
  },
  {
    name: 'conv_transpose2d',
    role: 'weighted',
    modules: [nn.ConvTranspose2d],
    calls: ['conv_transpose2d'],
    absorbsClamp: true,
  },
  {
    name: 'conv_transpose3d',
    role: 'weighted',
    modules: [nn.ConvTranspose3d],
    calls: ['conv_transpose3d'],
    absorbsClamp: true,
  },
  { name: 'linear', role: 'weighted', modules: [nn.Linear], calls: ['linear'], absorbsClamp: true },
  {
    name: 'batch_norm',
    role: 'norm',
    modules: [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, ops.FrozenBatchNorm2d],
    calls: ['batch_norm'],
    absorbsClamp: true,
  },

  { name: 'relu', role: 'clamp', modules: [nn.ReLU], calls: ['relu'], nonNegative: true },
  {
    name: 'clamp',
    role: 'clamp',
    modules: [nn.ReLU6, nn.Hardtanh],
    calls: ['relu6', 'hardtanh', 'clamp', 'clamp_min', 'clamp_max'],
  },

  { name: 'sigmoid', role: 'fixed', modules: [nn.Sigmoid], calls: ['sigmoid'], nonNegative: true, values: ZERO_TO_ONE },
  {
    name: 'hardsigmoid',
    role: 'fixed',
    modules: [nn.Hardsigmoid],
    calls: ['hardsigmoid'],
    nonNegative: true,
    values: ZERO_TO_ONE,
  },
  {
    name: 'softmax',
    role: 'fixed',
    modules: [nn.Softmax, nn.Softmax2d],
    calls: ['softmax', '_softmax'],
    nonNegative: true,
    values: ZERO_TO_ONE,
  },
  { name: 'tanh', role: 'fixed', modules: [nn.Tanh], calls: ['tanh'], values: [-1, 1] },

  { name: 'add', role: 'own', calls: ['add'], absorbsClamp: true },
  { name: 'mul', role: 'own', calls: ['mul'], absorbsClamp: true },
  { name: 'sub', role: 'own', calls: ['sub', 'rsub'], absorbsClamp: true },
  { name: 'div', role: 'own', calls: ['div'] },
  { name: 'cat', role: 'own', calls: ['cat', 'concat'] },
  { name: 'matmul', role: 'own', calls: ['matmul', 'bmm', 'mm'], symmetricInputs: true },
  { name: 'prelu', role: 'own', modules: [nn.PReLU], calls: ['prelu'] },
  { name: 'leaky_relu', role: 'own', modules: [nn.LeakyReLU], calls: ['leaky_relu'] },
  { name: 'elu', role: 'own', modules: [nn.ELU], calls: ['elu'] },
  { name: 'hardswish', role: 'own', modules: [nn.Hardswish], calls: ['hardswish'] },
  { name: 'silu', role: 'own', modules: [nn.SiLU], calls: ['silu'] },
  { name: 'gelu', role: 'own', modules: [nn.GELU], calls: ['gelu'] },
  { name: 'mish', role: 'own', modules: [nn.Mish], calls: ['mish'] },
  { name: 'layer_norm', role: 'own', modules: [nn.LayerNorm, ops.LayerNorm2d], calls: ['layer_norm'] },
  { name: 'group_norm', role: 'own', modules: [nn.GroupNorm], calls: ['group_norm'] },
  {
    name: 'instance_norm',
    role: 'own',
    modules: [nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d],
    calls: ['instance_norm'],
  },

  {
    name: 'max_pool',
    role: 'shared',
    modules: [
      nn.MaxPool1d,
      nn.MaxPool2d,
      nn.MaxPool3d,
      nn.AdaptiveMaxPool1d,
      nn.AdaptiveMaxPool2d,
      nn.AdaptiveMaxPool3d,
    ],
    calls: [
      'max_pool1d',
      'max_pool2d',
      'max_pool3d',
      'adaptive_max_pool1d',
      'adaptive_max_pool2d',
      'adaptive_max_pool3d',
      'amax',
    ],
  },
  {
    name: 'avg_pool',
    role: 'shared',
    modules: [
      nn.AvgPool1d,
      nn.AvgPool2d,
      nn.AvgPool3d,
      nn.AdaptiveAvgPool1d,
      nn.AdaptiveAvgPool2d,
      nn.AdaptiveAvgPool3d,
    ],
    calls: [
      'avg_pool1d',
      'avg_pool2d',
      'avg_pool3d',
      'adaptive_avg_pool1d',
      'adaptive_avg_pool2d',
      'adaptive_avg_pool3d',
      'mean',
    ],
  },
  {
    name: 'upsample',
    role: 'shared',
    modules: [nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d],
    calls: [
      'upsample_nearest1d',
      'upsample_nearest2d',
      'upsample_nearest3d',
      'upsample_bilinear2d',
      'upsample_linear1d',
      'upsample_trilinear3d',
    ],
  },
  {
    name: 'reshape',
    role: 'shared',
    modules: [nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle],
    calls: [
      'flatten',
      'reshape',
      'view',
      'unflatten',
      'squeeze',
      'unsqueeze',
      'pixel_shuffle',
      'pixel_unshuffle',
      'channel_shuffle',
    ],
  },
  {
    name: 'transpose',
    role: 'shared',
    modules: [ops.Permute],
    calls: ['permute', 'transpose', 'movedim', 'swapaxes', 't'],
  },
  {
    name: 'slice',
    role: 'shared',
    calls: [
      'slice',
      'select',
      'narrow',
      'chunk',
      'split',
      'split_with_sizes',
      'unbind',
      'roll',
      'flip',
      'repeat',
      'expand',
      'tile',
      'stack',
    ],
  },
  {
    name: 'pad',
    role: 'shared',
    modules: [nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d],
    calls: ['constant_pad_nd', 'pad', 'reflection_pad2d', 'replication_pad2d'],
  },
  {
    name: 'identity',
    role: 'shared',
    modules: [nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, ops.StochasticDepth],
    calls: ['contiguous', 'clone', 'detach', 'alias', 'dropout', 'feature_dropout'],
  },
];

const byCall = new Map(operatorRules.flatMap((rule) => (rule.calls ?? []).map((call) => [call, rule] as const)));
const byModule = new Map(
  operatorRules.flatMap((rule) => (rule.modules ?? []).map((type) => [type as unknown, rule] as const)),
);

/** The rule for a node; `undefined` for what stays float. */
export function operatorRule(node: fx.Node, moduleOf: (path: string) => nn.AnyModule): OperatorRule | undefined {
  if (node.kind === 'call') return byCall.get(fx.operatorBaseName(node.operator.name));
  if (node.kind === 'module') return byModule.get(moduleOf(node.target).constructor);
  return undefined;
}

/** Which modules a capture keeps whole: layers of `nn`, and the blocks of torchvision that the table knows. */
export function isQuantizationLeaf(module: nn.AnyModule): boolean {
  return fx.isLeafModule(module) || byModule.has(module.constructor) || fx.isFakeQuantizer(module);
}

/** Where the result of a clamp cannot be negative, by its arguments. */
export function clampIsNonNegative(node: fx.Node, moduleOf: (path: string) => nn.AnyModule): boolean {
  if (node.kind === 'module') {
    const module = moduleOf(node.target);
    return (
      module instanceof nn.ReLU || (module instanceof nn.Hardtanh && module.minVal >= 0) || module instanceof nn.ReLU6
    );
  }
  if (node.kind !== 'call') return false;
  const name = fx.operatorBaseName(node.operator.name);
  if (name === 'relu' || name === 'relu6') return true;
  const { min, min_val: minVal } = fx.namedArguments(node);
  const lower = min ?? minVal;
  return typeof lower === 'number' && lower >= 0;
}
