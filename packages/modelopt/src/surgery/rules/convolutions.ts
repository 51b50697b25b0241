/** @file Rules for convolutions: into depthwise and pointwise, large kernels into small, even kernels into odd. */

import { ArgumentError, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import { DepthwiseSeparableConv2d } from '../layers.ts';
import { mergeLastTaps, separate, splitKernel } from '../projection.ts';
import { exactly, likeParametersOf, type Settings, type Site, type SurgeryRule } from '../rule.ts';

type Pair = readonly [number, number];

const isConv = exactly(nn.Conv2d);
const isSquare = ({ kernelSize: [height, width] }: nn.Conv2d) => height === width;

/** Cuts the image into patches, kernel by kernel: accelerators know this as it is. */
const isPatchEmbedding = ({ kernelSize, stride }: nn.Conv2d) => kernelSize.every((size, axis) => size === stride[axis]);

function fill(parameter: Tensor | null, value: Tensor | null): void {
  if (parameter !== null && value !== null) noGrad(() => scope(() => void parameter.copy_(value)));
}

/** A convolution with another kernel and the rest as it was, except what `changes` says. */
function convLike(conv: nn.Conv2d, kernelSize: number, changes: Partial<nn.Conv2d> = {}): nn.Conv2d {
  const { inChannels, outChannels, stride, padding, dilation, groups, paddingMode } = {
    ...settingsOf(conv),
    ...changes,
  };
  return new nn.Conv2d(inChannels, outChannels, kernelSize, {
    stride: stride as Pair,
    padding: padding as Pair | 'same' | 'valid',
    dilation: dilation as Pair,
    groups,
    paddingMode,
    bias: (changes.bias === undefined ? conv.bias : changes.bias) !== null,
    ...likeParametersOf(conv),
  });
}

function settingsOf(conv: nn.Conv2d) {
  const { inChannels, outChannels, stride, padding, dilation, groups, paddingMode } = conv;
  return { inChannels, outChannels, stride, padding, dilation, groups, paddingMode };
}

// --- Depthwise and pointwise --------------------------------------------------------------------------------------------------

function spatialGroups(conv: nn.Conv2d, { groupsDw, groupSizeDw }: Settings): number | string {
  if (groupsDw !== undefined && groupSizeDw !== undefined)
    throw new ArgumentError(
      'groupSizeDw',
      'Expected either groupsDw or groupSizeDw for conv2d_to_conv2d_dw_conv2d, not both',
    );
  const groups = groupsDw === undefined ? conv.inChannels / Number(groupSizeDw) : Number(groupsDw);
  if (Number.isInteger(groups) && groups >= 1 && conv.inChannels % groups === 0) return groups;
  const wanted = groupsDw === undefined ? `groups of ${groupSizeDw}` : `${groupsDw} groups`;
  return `${conv.inChannels} channels do not split into ${wanted}`;
}

function depthwiseSeparable(conv: nn.Conv2d, site: Site): nn.AnyModule | string {
  const groups = spatialGroups(conv, site.settings);
  if (typeof groups === 'string') return groups;
  if (conv.paddingMode !== 'zeros') return `padding with '${conv.paddingMode}' is not carried over`;
  const { kernelSize, stride, padding, dilation } = conv;
  const options = { kernelSize, stride, padding, dilation, groups, bias: conv.bias !== null };
  const made = new DepthwiseSeparableConv2d(conv.inChannels, conv.outChannels, options).to(likeParametersOf(conv));
  scope(() => {
    const { spatial, pointwise } = separate(conv.weight, groups);
    fill(made.spatial.weight, spatial);
    fill(made.pointwise.weight, pointwise);
    noGrad(() => made.spatial.bias?.zero_());
    fill(made.pointwise.bias, conv.bias);
  });
  site.addNorm(made.norm, 'neutral');
  return made;
}

// --- Large kernels ------------------------------------------------------------------------------------------------------------

const LARGEST = 7;

/** 3×3 convolutions of the input's width until 7×7 is left (8×8 for even kernels becomes 6×6 after one more). */
function breakLarge(conv: nn.Conv2d, site: Site): nn.AnyModule | string {
  const { kernelSize, padding, dilation, groups } = conv;
  const [size = 1] = kernelSize;
  const [step = 1] = dilation;
  if (!isSquare(conv) || dilation.some((each) => each !== step)) return 'only square kernels are split';
  if (conv.paddingMode !== 'zeros') return `padding with '${conv.paddingMode}' is not carried over`;
  if (padding === 'same' && size % 2 === 0)
    return "an even kernel with padding 'same' shifts the image by half a pixel";
  const stages = Math.ceil((size - LARGEST) / 2);
  const layers: nn.Module[] = [];
  let weight: Tensor = conv.weight.detach();
  let left = padding === 'same' ? (step * (size - 1)) / 2 : padding === 'valid' ? 0 : (padding[0] ?? 0);
  if (typeof padding !== 'string' && padding.some((each) => each !== left)) return 'only equal paddings are split';
  // What the last kernel keeps on each side; the small ones share the rest.
  const kept = step * Math.floor((size - 2 * stages - 1) / 2);
  for (let i = 0; i < stages; i++) {
    const share = Math.min(step, Math.max(left - kept, 0));
    left -= share;
    const small = convLike(conv, 3, {
      outChannels: conv.inChannels,
      stride: [1, 1],
      padding: [share, share],
      bias: null,
    });
    const { first, second } = splitKernel(weight, groups, 3);
    noGrad(() => scope(() => void small.weight.copy_(onDiagonal(first, groups))));
    weight = second;
    const norm = new nn.BatchNorm2d(conv.inChannels, likeParametersOf(conv));
    site.addNorm(norm, 'neutral');
    layers.push(small, norm, new nn.ReLU());
  }
  const last = convLike(conv, size - 2 * stages, { padding: [left, left] });
  fill(last.weight, weight);
  fill(last.bias, conv.bias);
  return new nn.Sequential(...layers, last);
}

/** One kernel an input channel, `(in, k, k)`, as the weight of a convolution that mixes no channels, `(in, in / groups, k, k)`. */
function onDiagonal(kernels: Tensor, groups: number): Tensor {
  const [inputs = 1, height = 1, width = 1] = kernels.shape;
  const perGroup = inputs / groups;
  const weight = kernels.newZeros([groups, perGroup, perGroup, height, width]);
  for (let i = 0; i < perGroup; i++) {
    weight
      .select(1, i)
      .select(1, i)
      .copy_(kernels.reshape([groups, perGroup, height, width]).select(1, i));
  }
  return weight.reshape([inputs, perGroup, height, width]);
}

// --- Even kernels -------------------------------------------------------------------------------------------------------------

function isEven(module: nn.AnyModule): boolean {
  if (!isConv(module) || isPatchEmbedding(module as nn.Conv2d)) return false;
  return isSquare(module as nn.Conv2d) && (module as nn.Conv2d).kernelSize.every((size) => size % 2 === 0);
}

/** A zero row and column in front of the kernel, and one more of padding in front of the image. */
function promoteEven(conv: nn.Conv2d, site: Site): nn.AnyModule | string {
  const [size = 2] = conv.kernelSize;
  const [step = 1] = conv.dilation;
  if (conv.paddingMode !== 'zeros') return `padding with '${conv.paddingMode}' is not carried over`;
  if (conv.dilation.some((each) => each !== step)) return 'only equal dilations are carried over';
  if (conv.padding === 'same') {
    if (step !== 1) return "a dilated even kernel with padding 'same' is not carried over";
    return withZeros(conv, convLike(conv, size + 1), [1, 0, 1, 0]);
  }
  const padding = conv.padding === 'valid' ? [0, 0] : conv.padding;
  const fitting = padded(conv, padding, site.inputShape);
  if (fitting !== undefined)
    return withZeros(conv, convLike(conv, size + 1, { padding: fitting.padding }), fitting.taps);
  const shifted = withZeros(conv, convLike(conv, size + 1, { padding }), [1, 0, 1, 0]);
  return new nn.Sequential(new nn.ZeroPad2d([step, 0, step, 0]), shifted);
}

/**
 * Where the size of the input is known and the stride leaves room, the padding of the convolution itself suffices, with the
 * zeros of the kernel in front or behind.
 */
function padded(
  conv: nn.Conv2d,
  padding: readonly number[],
  shape: readonly number[] | undefined,
): { padding: Pair; taps: readonly number[] } | undefined {
  if (shape === undefined) return undefined;
  const [size = 2] = conv.kernelSize;
  const [step = 1] = conv.dilation;
  const choices = [0, 1].map((axis) => {
    const input = shape[axis + 2] ?? 0;
    const stride = conv.stride[axis] ?? 1;
    const outputs = (kernel: number, pad: number) => Math.floor((input + 2 * pad - step * (kernel - 1) - 1) / stride);
    const pad = padding[axis] ?? 0;
    const wanted = outputs(size, pad);
    if (outputs(size + 1, pad) === wanted) return { pad, front: 0 };
    return outputs(size + 1, pad + step) === wanted ? { pad: pad + step, front: 1 } : undefined;
  });
  const [y, x] = choices;
  if (y === undefined || x === undefined) return undefined;
  return { padding: [y.pad, x.pad], taps: [x.front, 1 - x.front, y.front, 1 - y.front] };
}

/** @param taps zeros before and after, in x then in y */
function withZeros(from: nn.Conv2d, to: nn.Conv2d, taps: readonly number[]): nn.Conv2d {
  noGrad(() => scope(() => void to.weight.copy_(from.weight.constantPadNd(taps))));
  fill(to.bias, from.bias);
  return to;
}

function sixToFive(conv: nn.Conv2d, { inputShape }: Site): nn.AnyModule | string {
  const { stride, padding, dilation } = conv;
  if (dilation.some((step) => step !== 1)) return 'a dilated kernel is not carried over';
  if (typeof padding === 'string' && padding === 'same') return convWithMergedTaps(conv);
  if (stride.some((step) => step < 2)) return 'with stride 1 the result would be one larger';
  for (const axis of [0, 1]) {
    const step = stride[axis] ?? 1;
    const around = typeof padding === 'string' ? 0 : (padding[axis] ?? 0);
    const outputs = (kernel: number) => Math.floor(((inputShape?.[axis + 2] ?? 0) + 2 * around - kernel) / step);
    if (inputShape !== undefined && outputs(5) !== outputs(6))
      return 'for this size of input the result would be one larger';
  }
  return convWithMergedTaps(conv);
}

function convWithMergedTaps(conv: nn.Conv2d): nn.Conv2d {
  const made = convLike(conv, 5);
  scope(() => fill(made.weight, mergeLastTaps(conv.weight)));
  fill(made.bias, conv.bias);
  return made;
}

export const convolutionRules: readonly SurgeryRule[] = [
  {
    id: 'conv2d_to_conv2d_dw_conv2d',
    summary:
      'convolution of at least 16 inputs in one group → grouped convolution, norm, ReLU, 1×1 convolution; with groupsDw or groupSizeDw only',
    preserves: 'retrain',
    weights: 'projected: the leading singular vectors of each group',
    burden: null,
    settings: {
      groupsDw: { default: undefined, type: 'number', describe: 'groups of the spatial convolution' },
      groupSizeDw: {
        default: undefined,
        type: 'number',
        describe: 'channels a group of the spatial convolution; 1 is depthwise',
      },
    },
    modules: {
      matches: (module, { groupsDw, groupSizeDw }) =>
        isConv(module) &&
        (groupsDw !== undefined || groupSizeDw !== undefined) &&
        (module as nn.Conv2d).groups === 1 &&
        (module as nn.Conv2d).inChannels >= 16 &&
        (module as nn.Conv2d).kernelSize.every((size) => size > 1),
      replace: (module, site) => depthwiseSeparable(module as nn.Conv2d, site),
    },
  },
  {
    id: 'break_conv2d_with_kernel_size_greater_than_7',
    summary: 'convolution larger than 7×7 → 3×3 convolutions with norm and ReLU, then one of at most 7×7',
    preserves: 'retrain',
    weights: 'projected by alternating least squares',
    burden: 'accelerators convolve with kernels of up to 7×7',
    modules: {
      matches: (module) =>
        isConv(module) &&
        !isPatchEmbedding(module as nn.Conv2d) &&
        Math.max(...(module as nn.Conv2d).kernelSize) > LARGEST,
      replace: (module, site) => scope(() => breakLarge(module as nn.Conv2d, site)),
    },
  },
  {
    id: 'replace_conv_k_size_6_to_k_size_5',
    summary: '6×6 convolution → 5×5 convolution of the same padding and stride',
    preserves: 'retrain',
    weights: 'projected: the last row and column are added to the ones before',
    burden: 'accelerators convolve with odd kernels best; even ones not with stride 2',
    modules: {
      matches: (module) => isEven(module) && (module as nn.Conv2d).kernelSize[0] === 6,
      replace: (module, site) => sixToFive(module as nn.Conv2d, site),
    },
  },
  {
    id: 'promote_conv2d_with_even_kernel_to_larger_odd_kernel',
    summary: 'convolution with an even kernel → the same with a row and column of zeros more',
    preserves: 'exact',
    weights: 'kept, with zeros around',
    burden: 'accelerators convolve with odd kernels best; even ones not with stride 2',
    modules: { matches: isEven, replace: (module, site) => promoteEven(module as nn.Conv2d, site) },
  },
];
