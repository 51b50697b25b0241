/** @file What an operator does, in the terms in which devices state their limits: kernels, strides, axes, scales. */

import { fx } from '@edgeai/torch';

type Shape = readonly number[];

export type Operation =
  | {
      readonly kind: 'conv';
      readonly transposed: boolean;
      readonly kernel: Shape;
      readonly stride: Shape;
      readonly dilation: Shape;
      readonly groups: number;
      readonly inChannels: number;
      readonly outChannels: number;
    }
  | { readonly kind: 'pool'; readonly name: string; readonly kernel: Shape; readonly stride: Shape }
  | { readonly kind: 'adaptivePool'; readonly name: string; readonly input: Shape; readonly output: Shape }
  | { readonly kind: 'activation'; readonly name: string }
  | { readonly kind: 'norm'; readonly name: string; readonly axes: number; readonly afterConv: boolean }
  | {
      readonly kind: 'resize';
      readonly mode: string;
      readonly scales: Shape;
      readonly alignCorners: boolean;
      /** Given a size instead of scales. */
      readonly bySize: boolean;
    }
  | { readonly kind: 'eltwise'; readonly name: string; readonly shapes: readonly Shape[] }
  | { readonly kind: 'concat'; readonly axis: number }
  | { readonly kind: 'softmax'; readonly axis: number }
  | { readonly kind: 'slice'; readonly axis: number; readonly step: number; readonly rank: number }
  | { readonly kind: 'reshape'; readonly rank: number }
  | { readonly kind: 'permute'; readonly dims: Shape }
  | { readonly kind: 'pad'; readonly mode: string; readonly value: number; readonly dims: number }
  | { readonly kind: 'argmax'; readonly axis: number | null; readonly keepDim: boolean }
  | { readonly kind: 'deformConv'; readonly kernel: Shape; readonly stride: Shape }
  /** Does nothing in inference. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'other'; readonly name: string };

/** Axes count from the end: -1 is the width. */
const fromEnd = (axis: number, rank: number) => (axis < 0 ? axis : axis - rank);

/** An operator call with its arguments by name. */
interface Call {
  readonly node: fx.CallNode;
  readonly name: string;
  readonly args: Readonly<Record<string, fx.Argument>>;
  readonly output: Shape;
}

const shapeOf = (argument: fx.Argument): Shape =>
  (fx.isNode(argument) ? fx.tensorMeta(argument)?.shape : undefined) ?? [];
const numbers = (argument: fx.Argument): number[] =>
  typeof argument === 'number'
    ? [argument]
    : Array.isArray(argument)
      ? argument.filter((n) => typeof n === 'number')
      : [];
const spread = (sizes: Shape, dims: number): number[] =>
  sizes.length === 1 ? new Array<number>(dims).fill(sizes[0] ?? 1) : [...sizes];

function convolution({ args, name }: Call): Operation {
  const weight = shapeOf(args.weight);
  const transposed = name.startsWith('conv_transpose');
  const groups = typeof args.groups === 'number' ? args.groups : 1;
  const dims = weight.length - 2;
  const [first = 0, second = 0] = weight;
  return {
    kind: 'conv',
    transposed,
    kernel: weight.slice(2),
    stride: spread(numbers(args.stride), dims),
    dilation: spread(numbers(args.dilation), dims),
    groups,
    inChannels: transposed ? first : second * groups,
    outChannels: transposed ? second * groups : first,
  };
}

function pool({ args, name }: Call): Operation {
  const dims = shapeOf(args.self).length - 2;
  const kernel = spread(numbers(args.kernel_size), dims);
  const stride = numbers(args.stride);
  return { kind: 'pool', name, kernel, stride: stride.length === 0 ? kernel : spread(stride, dims) };
}

function adaptivePool({ args, name, output }: Call): Operation {
  return { kind: 'adaptivePool', name, input: shapeOf(args.self).slice(2), output: output.slice(2) };
}

/** The mean over height and width is a global pool; over other dimensions it is no pool at all. */
function mean({ args, name }: Call): Operation {
  const input = shapeOf(args.self);
  const axes = numbers(args.dim).map((axis) => fromEnd(axis, input.length));
  const isGlobal = input.length === 4 && axes.length === 2 && axes.every((axis) => axis >= -2);
  return isGlobal ? { kind: 'adaptivePool', name, input: input.slice(2), output: [1, 1] } : { kind: 'other', name };
}

function norm({ args, name, node }: Call): Operation {
  const [source] = node.args;
  const afterConv =
    fx.isNode(source) && source.kind === 'call' && /^(conv|linear)/.test(fx.operatorBaseName(source.operator.name));
  return { kind: 'norm', name, axes: numbers(args.normalized_shape).length, afterConv };
}

function resize({ args, name, output }: Call): Operation {
  const input = shapeOf(args.input ?? args.self).slice(2);
  const given = numbers(args.scale_factors);
  const mode = /nearest|bilinear|bicubic|trilinear|linear/.exec(name)?.[0] ?? name;
  const scales = given.length > 0 ? given : input.map((size, i) => (output[i + 2] ?? 0) / size);
  return { kind: 'resize', mode, scales, alignCorners: args.align_corners === true, bySize: given.length === 0 };
}

function eltwise({ node, name }: Call): Operation {
  const shapes = node.args.flatMap((argument) => (fx.isNode(argument) ? [shapeOf(argument)] : []));
  return { kind: 'eltwise', name, shapes };
}

function slice({ args, name, node }: Call): Operation {
  const rank = shapeOf(node.args[0]).length;
  const axis = typeof args.dim === 'number' ? args.dim : 0;
  const step = name === 'slice' && typeof args.step === 'number' ? args.step : 1;
  return { kind: 'slice', axis: fromEnd(axis, rank), step, rank };
}

function permute({ args, node, output }: Call): Operation {
  const rank = output.length;
  const dims = Array.from({ length: rank }, (_, i) => i);
  if (Array.isArray(args.dims)) return { kind: 'permute', dims: numbers(args.dims).map((dim) => (dim + rank) % rank) };
  const [a = 0, b = 1] = node.args.slice(1).filter((argument) => typeof argument === 'number');
  const [from, to] = [(a + rank) % rank, (b + rank) % rank];
  [dims[from], dims[to]] = [to, from];
  return { kind: 'permute', dims };
}

function pad({ args, name }: Call): Operation {
  const mode = /reflection|replication/.exec(name)?.[0] ?? 'constant';
  const value = typeof args.value === 'number' ? args.value : 0;
  const used = numbers(args.pad ?? args.padding);
  // Pairs from the last dimension on; those in front that pad nothing do not count.
  const dims = Math.ceil((used.findLastIndex((size) => size !== 0) + 1) / 2);
  return { kind: 'pad', mode, value, dims };
}

const activation = ({ name, args }: Call): Operation => {
  const relu6 = name === 'hardtanh' && args.min_val === 0 && args.max_val === 6;
  return { kind: 'activation', name: relu6 ? 'relu6' : name };
};
const reshape = ({ output }: Call): Operation => ({ kind: 'reshape', rank: output.length });
const nothing = (): Operation => ({ kind: 'nothing' });

const TABLE = new Map<string, (call: Call) => Operation>();
const define = (names: readonly string[], read: (call: Call) => Operation) => {
  for (const name of names) TABLE.set(name, read);
};
define(['conv1d', 'conv2d', 'conv3d', 'conv_transpose1d', 'conv_transpose2d', 'conv_transpose3d'], convolution);
define(['max_pool1d', 'max_pool2d', 'max_pool3d', 'avg_pool1d', 'avg_pool2d', 'avg_pool3d'], pool);
define(['adaptive_avg_pool2d', 'adaptive_max_pool2d', 'adaptive_avg_pool3d'], adaptivePool);
define(['mean'], mean);
define(['batch_norm', 'layer_norm', 'group_norm', 'instance_norm'], norm);
define(
  ['nearest1d', 'nearest2d', 'nearest3d', 'linear1d', 'bilinear2d', 'bicubic2d', 'trilinear3d'].map(
    (n) => `upsample_${n}`,
  ),
  resize,
);
define(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow', 'rsub', 'floor_divide', 'remainder'], eltwise);
define(['cat'], ({ args, output }) => ({ kind: 'concat', axis: fromEnd(Number(args.dim), output.length) }));
define(['softmax', 'log_softmax', '_softmax'], ({ args, output }) => ({
  kind: 'softmax',
  axis: fromEnd(Number(args.dim), output.length),
}));
define(['slice', 'narrow', 'select', 'chunk', 'split', 'tensor_split', 'unbind'], slice);
define(['view', 'reshape', 'flatten', 'unflatten', 'squeeze', 'unsqueeze', '_unsafe_view'], reshape);
define(['permute', 'transpose', 'swapaxes', 't', 'movedim'], permute);
define(['constant_pad_nd', 'pad', 'reflection_pad2d', 'replication_pad2d'], pad);
define(['argmax'], ({ args, node }) => ({
  kind: 'argmax',
  axis: typeof args.dim === 'number' ? fromEnd(args.dim, shapeOf(node.args[0]).length) : null,
  keepDim: args.keepdim === true,
}));
define([
  ...['relu', 'relu6', 'hardtanh', 'clamp', 'prelu', 'leaky_relu', 'sigmoid', 'tanh', 'hardsigmoid', 'hardswish'],
  ...['elu', 'celu', 'selu', 'mish', 'gelu', 'silu', 'softplus', 'exp', 'log', 'sqrt', 'rsqrt', 'abs', 'erf'],
], activation);
define(['deform_conv2d'], ({ node }) => ({
  kind: 'deformConv',
  kernel: shapeOf(node.args[1]).slice(2),
  stride: node.args.slice(5, 7).filter((n) => typeof n === 'number'),
}));
define([
  ...['dropout', 'feature_dropout', 'alpha_dropout', 'contiguous', 'clone', 'detach', 'alias', 'to', 'expand'],
  ...['fake_quantize_per_tensor_affine', 'fake_quantize_per_channel_affine'],
], nothing);

/** What a call does. Calls of operators that no limit speaks of are `other`. */
export function operationOf(node: fx.CallNode): Operation {
  const name = fx.operatorBaseName(node.operator.name);
  const read = TABLE.get(name);
  if (read === undefined) return { kind: 'other', name };
  return read({ node, name, args: fx.namedArguments(node), output: fx.tensorMeta(node)?.shape ?? [] });
}

/** `Conv 3×3 stride 2`: for people. */
export function describeOperation(operation: Operation): string {
  const times = (sizes: Shape) => sizes.join('×');
  switch (operation.kind) {
    case 'conv': {
      const { transposed, kernel, stride, dilation, groups, inChannels, outChannels } = operation;
      const parts = [`${transposed ? 'transposed ' : ''}convolution ${times(kernel)}`, `${inChannels}→${outChannels}`];
      if (stride.some((s) => s !== 1)) parts.push(`stride ${times(stride)}`);
      if (dilation.some((d) => d !== 1)) parts.push(`dilation ${times(dilation)}`);
      if (groups > 1) parts.push(`groups ${groups}`);
      return parts.join(' ');
    }
    case 'pool':
      return `${operation.name} ${times(operation.kernel)} stride ${times(operation.stride)}`;
    case 'adaptivePool':
      return `${operation.name} ${times(operation.input)} → ${times(operation.output)}`;
    case 'resize':
      return `${operation.mode} resize by ${operation.scales.map((scale) => Number(scale.toFixed(4))).join('×')}`;
    case 'concat':
    case 'softmax':
      return `${operation.kind} along axis ${operation.axis}`;
    case 'permute':
      return `permute [${operation.dims.join(', ')}]`;
    case 'activation':
    case 'norm':
    case 'eltwise':
    case 'other':
      return operation.name;
    default:
      return operation.kind;
  }
}
