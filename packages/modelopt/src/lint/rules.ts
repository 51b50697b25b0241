/** @file The kinds of rules that a device profile is made of. Each looks at one operation and says what is wrong with it. */

import type { fx } from '@edgeai/torch';
import type { Operation } from './operation.ts';

type Shape = readonly number[];

/** What is wrong, and the surgery rule that mends it; `null` where it cannot be mended by a rule. */
export interface Verdict {
  readonly why: string;
  readonly mendedBy: string | null;
}

/** What a rule may look at. */
export interface Place {
  readonly node: fx.CallNode;
  readonly operation: Operation;
  readonly output: Shape;
  /** How often the module that this call belongs to is called in all. */
  readonly moduleCalls: number;
  /** A slice that takes one corner of each 2×2 square, all four of which are put side by side. */
  readonly mergesPatches: boolean;
}

/** Each kind of rule with its parameters. Kernels are `[height, width]`. */
export interface RuleParameters {
  /** Operators other than those that some other rule speaks of. */
  operators: { readonly allowed: readonly string[] };
  /** Activations that run at full speed. */
  activations: { readonly allowed: readonly string[] };
  convolutionKernels: { readonly kernels: readonly Shape[] };
  /** The largest kernel with stride 2, kernels with stride 4, and pairs of kernel and stride that do not run. */
  convolutionStrides: {
    readonly largestAtStride2: number;
    readonly atStride4: readonly number[];
    readonly not: readonly (readonly [kernel: number, stride: number])[];
  };
  convolutionDilation: Record<never, never>;
  /** Kernels and the strides with which they run where each channel has a filter of its own. */
  depthwiseKernels: { readonly kernels: readonly (readonly [height: number, width: number, strides: Shape])[] };
  transposedConvolution: { readonly kernels: readonly number[]; readonly stride: number };
  deformableConvolution: { readonly kernel: number; readonly stride: number };
  pools: { readonly kernels: readonly number[]; readonly strides: readonly number[] };
  /** Elements of a plane that a global pool may average. */
  globalPool: { readonly largestPlane: number };
  normalization: { readonly allowed: readonly string[] };
  resize: { readonly modes: readonly string[]; readonly bySize: boolean };
  softmaxAxis: { readonly axes: readonly number[] };
  concatAxis: { readonly axes: readonly number[] };
  /** Steps other than 1. */
  slices: Record<never, never>;
  elementwiseShapes: Record<never, never>;
  ranks: { readonly largest: number };
  padding: Record<never, never>;
  argmaxAxis: { readonly axis: number };
  /** A gate of one number a channel, whose range the quantiser of the product has to cover. */
  channelGates: Record<never, never>;
  batchSize: { readonly size: number };
  moduleReuse: Record<never, never>;
}

export type RuleKind = keyof RuleParameters;

type Check<Kind extends RuleKind> = (place: Place, parameters: RuleParameters[Kind]) => Verdict | null;

const bad = (why: string, mendedBy: string | null = null): Verdict => ({ why, mendedBy });
const times = (sizes: Shape) => sizes.join('×');
const same = (a: Shape, b: Shape) => a.length === b.length && a.every((size, i) => size === b[i]);
const equalSizes = (sizes: Shape) => sizes.every((size) => size === sizes[0]);

/** Surgery rules that replace an activation by a ReLU. */
const ACTIVATION_RULES: Readonly<Record<string, string>> = {
  gelu: 'gelu_to_relu',
  relu6: 'relu6_to_relu',
  silu: 'silu_to_relu',
  hardswish: 'hardswish_to_relu',
  hardsigmoid: 'hardsigmoid_to_relu',
  leaky_relu: 'leakyrelu_to_relu',
};
const NORM_RULES: Readonly<Record<string, string>> = {
  group_norm: 'groupnorm_to_batchnorm',
  instance_norm: 'instancenorm_to_batchnorm',
  layer_norm: 'layernorm_to_batchnorm',
};
const LARGE_KERNEL = 'break_conv2d_with_kernel_size_greater_than_7';
const EVEN_KERNEL = 'promote_conv2d_with_even_kernel_to_larger_odd_kernel';
const SIX = 'replace_conv_k_size_6_to_k_size_5';

function isDepthwise(operation: Operation): operation is Extract<Operation, { kind: 'conv' }> {
  return (
    operation.kind === 'conv' &&
    !operation.transposed &&
    operation.groups > 1 &&
    operation.groups === operation.inChannels
  );
}

/** A convolution whose stride is its kernel cuts the image into patches, which runs whatever their size. */
function cutsPatches({ kernel, stride }: { kernel: Shape; stride: Shape }): boolean {
  return equalSizes(kernel) && same(kernel, stride);
}

function kernelMender(kernel: Shape): string | null {
  const largest = Math.max(...kernel);
  if (largest > 7) return LARGE_KERNEL;
  if (largest === 6) return SIX;
  return kernel.some((size) => size % 2 === 0) ? EVEN_KERNEL : null;
}

export const ruleKinds: { readonly [Kind in RuleKind]: Check<Kind> } = {
  operators: ({ operation }, { allowed }) =>
    operation.kind === 'other' && !allowed.includes(operation.name) ? bad(`there is no ${operation.name}`) : null,

  activations: ({ operation }, { allowed }) =>
    operation.kind === 'activation' && !allowed.includes(operation.name)
      ? bad(`${operation.name} is not among ${allowed.join(', ')}`, ACTIVATION_RULES[operation.name] ?? null)
      : null,

  convolutionKernels({ operation }, { kernels }) {
    if (operation.kind !== 'conv' || operation.transposed || isDepthwise(operation) || cutsPatches(operation))
      return null;
    const { kernel } = operation;
    if (kernels.some((allowed) => same(allowed, kernel))) return null;
    return bad(`kernels of ${times(kernel)} are not among ${kernels.map(times).join(', ')}`, kernelMender(kernel));
  },

  convolutionStrides({ operation }, { largestAtStride2, atStride4, not }) {
    if (operation.kind !== 'conv' || operation.transposed) return null;
    const { kernel, stride } = operation;
    if (!equalSizes(stride)) return bad(`strides differ: ${times(stride)}`);
    const [step = 1] = stride;
    const largest = Math.max(...kernel);
    if (not.some(([size, by]) => kernel.every((k) => k === size) && step === by))
      return bad(`${times(kernel)} with stride ${step} does not run`);
    if (cutsPatches(operation)) return null;
    if (step === 2 && largest > largestAtStride2)
      return bad(`stride 2 goes with kernels up to ${largestAtStride2}`, LARGE_KERNEL);
    if (step === 2 && kernel.some((size) => size % 2 === 0))
      return bad('stride 2 does not go with even kernels', largest === 6 ? SIX : EVEN_KERNEL);
    if (step === 4 && !atStride4.includes(largest))
      return bad(`stride 4 goes with kernels of ${atStride4.join(', ')} only`);
    return step === 3 || step > 4 ? bad(`stride ${step} runs only where it is the kernel's size`) : null;
  },

  convolutionDilation: ({ operation }) =>
    operation.kind === 'conv' && operation.dilation.some((d) => d > 1) && operation.stride.some((s) => s > 1)
      ? bad('dilation goes with stride 1 only')
      : null,

  depthwiseKernels({ operation }, { kernels }) {
    if (!isDepthwise(operation)) return null;
    const { kernel, stride } = operation;
    const [height = 0, width = 0] = kernel;
    const [step = 1] = stride;
    if (kernels.some(([h, w, strides]) => h === height && w === width && strides.includes(step) && equalSizes(stride)))
      return null;
    return bad(`depthwise ${times(kernel)} with stride ${times(stride)} does not run`, kernelMender(kernel));
  },

  transposedConvolution({ operation }, { kernels, stride }) {
    if (operation.kind !== 'conv' || !operation.transposed) return null;
    const { kernel, dilation } = operation;
    const fits = equalSizes(kernel) && kernels.includes(kernel[0] ?? 0) && operation.stride.every((s) => s === stride);
    if (fits && dilation.every((d) => d === 1)) return null;
    return bad(`transposed convolutions need kernels of ${kernels.join(', ')}, stride ${stride} and dilation 1`);
  },

  deformableConvolution: ({ operation }, { kernel, stride }) =>
    operation.kind === 'deformConv' &&
    !(operation.kernel.every((k) => k === kernel) && operation.stride.every((s) => s === stride))
      ? bad(`deformable convolutions need kernels of ${kernel}×${kernel} and stride ${stride}`)
      : null,

  pools({ operation }, { kernels, strides }) {
    if (operation.kind !== 'pool') return null;
    const { kernel, stride, name } = operation;
    const [size = 0] = kernel;
    const [step = 0] = stride;
    const mender = name.startsWith('max')
      ? 'break_maxpool2d_with_kernel_size_greater_than_equal_to_5'
      : 'break_avgpool2d_with_kernel_size_greater_than_equal_to_5';
    if (!equalSizes(kernel) || !kernels.includes(size))
      return bad(`kernels of ${times(kernel)} are not among ${kernels.join(', ')}`, size >= 5 ? mender : null);
    if (!equalSizes(stride) || !strides.includes(step))
      return bad(`stride ${times(stride)} is not among ${strides.join(', ')}`);
    return size === 2 && step === 1 ? bad('2×2 with stride 1 does not run') : null;
  },

  globalPool({ operation }, { largestPlane }) {
    if (operation.kind !== 'adaptivePool') return null;
    const { input, output } = operation;
    if (output.some((size) => size !== 1))
      return same(input, output) ? null : bad(`only global pools run, this one gives ${times(output)}`);
    const plane = input.reduce((all, size) => all * size, 1);
    return plane > largestPlane
      ? bad(`a plane of ${times(input)} has ${plane} elements, more than ${largestPlane}`)
      : null;
  },

  normalization({ operation }, { allowed }) {
    if (operation.kind !== 'norm') return null;
    const { name, axes, afterConv } = operation;
    if (name === 'batch_norm') return afterConv ? null : bad('no convolution before it takes this batch norm in');
    if (!allowed.includes(name)) return bad(`there is no ${name}`, NORM_RULES[name] ?? null);
    return name === 'layer_norm' && axes > 1 ? bad('layer norms run over the last axis only') : null;
  },

  resize({ operation }, { modes, bySize }) {
    if (operation.kind !== 'resize') return null;
    const { mode, scales, alignCorners } = operation;
    if (!modes.includes(mode)) return bad(`mode ${mode} is not among ${modes.join(', ')}`);
    if (alignCorners) return bad('corners may not be aligned');
    const [scale = 1] = scales;
    if (!equalSizes(scales)) return bad(`height and width are resized differently: ${times(scales)}`);
    if (scale < 1 || !Number.isInteger(Math.log2(scale)))
      return bad(`a scale of ${Number(scale.toFixed(4))} is no power of 2 from 1 on`);
    return operation.bySize && !bySize
      ? bad('it is told a size, not scales', 'convert_resize_params_size_to_scale')
      : null;
  },

  softmaxAxis: ({ operation }, { axes }) =>
    operation.kind === 'softmax' && !axes.includes(operation.axis)
      ? bad(`axis ${operation.axis} is not among ${axes.join(', ')}`)
      : null,

  concatAxis: ({ operation }, { axes }) =>
    operation.kind === 'concat' && !axes.includes(operation.axis)
      ? bad(`axis ${operation.axis} is not among ${axes.join(', ')}`)
      : null,

  slices: ({ operation, mergesPatches }) =>
    operation.kind === 'slice' && operation.step !== 1 && !mergesPatches
      ? bad(`steps of ${operation.step} run only where patches are merged`)
      : null,

  elementwiseShapes({ operation }) {
    if (operation.kind !== 'eltwise') return null;
    const [a, b] = operation.shapes;
    if (a === undefined || b === undefined || same(a, b)) return null;
    const [large, small] = a.reduce((n, s) => n * s, 1) >= b.reduce((n, s) => n * s, 1) ? [a, b] : [b, a];
    const wide = small.map((size, i) => [i - small.length, size] as const).filter(([, size]) => size > 1);
    const whole = wide.every(([axis, size]) => large.at(axis) === size);
    // One number for all, or one for each channel or column, or the shape without the batch.
    if (whole && (wide.length === 0 || (wide.length === 1 && [-1, -3].includes(wide[0]?.[0] ?? 0)))) return null;
    if (
      whole &&
      same(
        large.slice(large.length - wide.length),
        wide.map(([, size]) => size),
      )
    )
      return null;
    return bad(`shapes ${times(a)} and ${times(b)} go together along other axes than channel or width`);
  },

  ranks({ operation, output }, { largest }) {
    if (operation.kind === 'reshape')
      return operation.rank > largest ? bad(`${operation.rank} dimensions are more than ${largest}`) : null;
    if (operation.kind !== 'permute') return null;
    if (output.length > largest) return bad(`${output.length} dimensions are more than ${largest}`);
    const width = operation.dims.indexOf(5);
    return operation.dims.length === 6 && width < 2
      ? bad('the last of six dimensions may not become one of the first two')
      : null;
  },

  padding({ operation }) {
    if (operation.kind !== 'pad') return null;
    if (operation.mode !== 'constant' || operation.value !== 0) return bad('only zeros may be added');
    return operation.dims > 2 ? bad('only height and width may be padded') : null;
  },

  argmaxAxis: ({ operation }, { axis }) =>
    operation.kind === 'argmax' && (operation.axis !== axis || !operation.keepDim)
      ? bad(`argmax needs axis ${axis} and keepDim`)
      : null,

  channelGates({ operation }) {
    if (operation.kind !== 'eltwise' || operation.name !== 'mul') return null;
    const [a, b] = operation.shapes;
    if (a === undefined || b === undefined || a.length !== 4 || b.length !== 4) return null;
    const isGate = (gate: Shape, map: Shape) =>
      gate[1] === map[1] && gate[2] === 1 && gate[3] === 1 && (map[2] ?? 1) * (map[3] ?? 1) > 1;
    return isGate(a, b) || isGate(b, a)
      ? bad(
          'a gate scales each channel, which costs a pass over the map and accuracy in 8 bits',
          'squeeze_and_excite_to_identity',
        )
      : null;
  },

  batchSize({ operation, output }, { size }) {
    if (operation.kind !== 'conv' || output[0] === undefined || output[0] <= size) return null;
    return bad(`the batch is ${output[0]}, not ${size}`);
  },

  moduleReuse: ({ operation, moduleCalls }) =>
    moduleCalls > 1 && operation.kind !== 'nothing'
      ? bad(`the module is called ${moduleCalls} times, with one range for all results`)
      : null,
};
