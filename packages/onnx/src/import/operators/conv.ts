/** @file Convolutions and transposed convolutions: layers where the weights are stored, operators where they are computed. */

import { nn, ops, type Tensor } from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';
import { byRank, padSpatial, sizes, type Windows, windowsOf } from './windows.ts';

type AnyConv = nn.Conv2d;

// Geometry is arrays of the right length, which the constructors check; their types want tuples.
const LAYERS = [nn.Conv1d, nn.Conv2d, nn.Conv3d] as unknown as readonly (typeof nn.Conv2d)[];
const TRANSPOSED = [
  nn.ConvTranspose1d,
  nn.ConvTranspose2d,
  nn.ConvTranspose3d,
] as unknown as readonly (typeof nn.ConvTranspose2d)[];

/** Any convolution by its general operator. */
export function convolve(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { strides, begin, dilations, rank }: Windows,
  groups: number,
): Tensor {
  return ops.aten?.convolution?.(
    input,
    weight,
    bias,
    strides,
    begin,
    dilations,
    false,
    sizes(rank, 0),
    groups,
  ) as Tensor;
}

function kernelOf(call: OnnxCall): number[] {
  return call.ints('kernel_shape') ?? call.tensor(1).shape.slice(2);
}

function convolution(call: OnnxCall): Tensor {
  const groups = call.int('group', 1);
  let input = call.tensor(0);
  const given = windowsOf(call, input, call.isStored(1) ? call.stored(1).shape.slice(2) : kernelOf(call));
  if (!given.symmetric) input = padSpatial(input, given.begin, given.end);
  const none = sizes(given.rank, 0);
  const windows = given.symmetric ? given : { ...given, begin: none, end: none };
  if (!call.isStored(1, 2)) return convolve(input, call.tensor(1), call.optional(2) ?? null, windows, groups);
  return call.layer(() => {
    const Layer = byRank(call, windows.rank, LAYERS);
    const [out = 0, inputs = 0] = call.stored(1).shape;
    const layer = new Layer(inputs * groups, out, windows.kernel as [number, number], {
      stride: windows.strides as [number, number],
      padding: windows.begin as [number, number],
      dilation: windows.dilations as [number, number],
      groups,
      bias: call.has(2),
    });
    return takeWeights(call, layer);
  }, 1)(input);
}

/** Gives a layer the stored weights instead of those that it drew. */
export function takeWeights<M extends nn.AnyModule & { weight: nn.Parameter | null; bias: nn.Parameter | null }>(
  call: OnnxCall,
  layer: M,
  transform?: (weight: Tensor) => Tensor,
): M {
  layer.weight?.dispose();
  layer.bias?.dispose();
  layer.weight = transform === undefined ? call.parameter(1) : new nn.Parameter(transform(call.stored(1)));
  layer.bias = call.optionalParameter(2);
  return layer;
}

function transposedConvolution(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const groups = call.int('group', 1);
  const weight = call.isStored(1) ? call.stored(1) : call.tensor(1);
  const kernel = weight.shape.slice(2);
  const rank = kernel.length;
  const strides = call.ints('strides') ?? sizes(rank, 1);
  const dilations = call.ints('dilations') ?? sizes(rank, 1);
  const { begin, end, extra } = transposedPadding(call, input, kernel, strides, dilations);
  // libtorch takes the same away at both ends: the smaller of the two here, the rest afterwards.
  const both = begin.map((size, i) => Math.max(Math.min(size, end[i] ?? 0), 0));
  const full = (): Tensor => {
    if (!call.isStored(1, 2))
      return ops.aten?.convolution?.(
        input,
        weight,
        call.optional(2) ?? null,
        strides,
        both,
        dilations,
        true,
        extra,
        groups,
      ) as Tensor;
    return call.layer(() => {
      const Layer = byRank(call, rank, TRANSPOSED);
      const [inputs = 0, out = 0] = weight.shape;
      const layer = new Layer(inputs, out * groups, kernel as [number, number], {
        stride: strides as [number, number],
        padding: both as [number, number],
        outputPadding: extra as [number, number],
        dilation: dilations as [number, number],
        groups,
        bias: call.has(2),
      }) as unknown as AnyConv;
      return takeWeights(call, layer);
    }, 1)(input);
  };
  let result = full();
  begin.forEach((size, i) => {
    const first = size - (both[i] ?? 0);
    const last = (end[i] ?? 0) - (both[i] ?? 0);
    const length = result.shape[i + 2] ?? 0;
    if (first > 0 || last > 0) result = result.narrow(i + 2, first, length - first - last);
  });
  return result;
}

function transposedPadding(
  call: OnnxCall,
  input: Tensor,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): { begin: number[]; end: number[]; extra: number[] } {
  const rank = kernel.length;
  const extra = call.ints('output_padding') ?? sizes(rank, 0);
  const pads = call.ints('pads') ?? sizes(2 * rank, 0);
  const mode = call.string('auto_pad', 'NOTSET');
  const wanted =
    call.ints('output_shape')?.slice(-rank) ??
    (mode.startsWith('SAME') ? strides.map((stride, i) => (input.shape[i + 2] ?? 0) * stride) : undefined);
  if (wanted === undefined) {
    if (mode === 'VALID') return { begin: sizes(rank, 0), end: sizes(rank, 0), extra };
    return { begin: pads.slice(0, rank), end: pads.slice(rank), extra };
  }
  const total = wanted.map((size, i) => {
    const [stride = 1, dilation = 1, length = 0] = [strides[i], dilations[i], input.shape[i + 2]];
    return stride * (length - 1) + (extra[i] ?? 0) + ((kernel[i] ?? 1) - 1) * dilation + 1 - size;
  });
  const grown = total.map((size, i) => (extra[i] ?? 0) + Math.max(-size, 0));
  const taken = total.map((size) => Math.max(size, 0));
  const half = taken.map((size) => Math.floor(size / 2));
  const rest = taken.map((size, i) => size - (half[i] ?? 0));
  const upper = mode === 'SAME_UPPER';
  return { begin: upper ? half : rest, end: upper ? rest : half, extra: grown };
}

export const convolutions: LoweringTable = { Conv: convolution, ConvTranspose: transposedConvolution };
