/** @file Convolutions and transposed convolutions. */

import { dimensionsOf, type EmitterTable, type Lowering } from '../lowering.ts';

/** Spatial dimensions; a sample without a batch dimension is not told apart by ONNX. */
function spatial(call: Lowering): number {
  const rank = call.rank('weight') - 2;
  if (call.rank('input') !== rank + 2)
    throw call.unsupported('the input has no batch dimension; add one with unsqueeze(0)');
  return rank;
}

/** Begin and end padding of each spatial dimension. */
function pads(call: Lowering, rank: number, kernel: readonly number[], dilation: readonly number[]): number[] {
  const given = call.argument('padding');
  if (given === 'valid') return Array.from({ length: 2 * rank }, () => 0);
  if (given === 'same') {
    const total = kernel.map((size, i) => (dilation[i] ?? 1) * (size - 1));
    // The odd element goes to the end.
    const begin = total.map((size) => Math.floor(size / 2));
    return [...begin, ...total.map((size, i) => size - (begin[i] ?? 0))];
  }
  const both = call.ints('padding', rank);
  return [...both, ...both];
}

function convolution(call: Lowering): string {
  const rank = spatial(call);
  const kernel = call.meta('weight').shape.slice(2);
  const dilations = call.ints('dilation', rank);
  const inputs = [call.tensor('input'), call.tensor('weight'), call.bias('input', 'weight', 'bias')];
  return call.op('Conv', inputs, {
    dilations,
    group: call.number('groups'),
    kernel_shape: kernel,
    pads: pads(call, rank, kernel, dilations),
    strides: call.ints('stride', rank),
  });
}

function transposedConvolution(call: Lowering): string {
  const rank = spatial(call);
  const kernel = call.meta('weight').shape.slice(2);
  const padding = call.ints('padding', rank);
  const extra = call.ints('output_padding', rank);
  const inputs = [call.tensor('input'), call.tensor('weight'), call.bias('input', 'weight', 'bias')];
  return call.op('ConvTranspose', inputs, {
    dilations: call.ints('dilation', rank),
    group: call.number('groups'),
    kernel_shape: kernel,
    output_padding: extra.some((size) => size > 0) ? extra : undefined,
    pads: [...padding, ...padding],
    strides: call.ints('stride', rank),
  });
}

/** Windows side by side (`unfold`): a convolution of each channel by itself, with one filter for each place of the window. */
function windows(call: Lowering): string {
  const [batch = 1, channels = 1] = dimensionsOf(call.meta('self'));
  if (call.rank('self') !== 4 || typeof channels !== 'number')
    throw call.unsupported('the input is no batch of images; add a dimension with unsqueeze(0)');
  const kernel = call.ints('kernel_size', 2);
  const places = kernel.reduce((product, size) => product * size, 1);
  const filters = Array.from({ length: channels * places ** 2 }, (_, i) =>
    Math.floor(i / places) % places === i % places ? 1 : 0,
  );
  const padding = call.ints('padding', 2);
  const weight = call.constant(filters, call.result.dtype, [channels * places, 1, ...kernel]);
  const maps = call.op('Conv', [call.tensor('self'), weight], {
    dilations: call.ints('dilation', 2),
    group: channels,
    kernel_shape: kernel,
    pads: [...padding, ...padding],
    strides: call.ints('stride', 2),
  });
  return call.reshape(maps, [batch, ...dimensionsOf(call.result).slice(1)]);
}

export const convolutions: EmitterTable = {
  conv1d: convolution,
  conv2d: convolution,
  conv3d: convolution,
  conv_transpose1d: transposedConvolution,
  conv_transpose2d: transposedConvolution,
  conv_transpose3d: transposedConvolution,
  im2col: windows,
  convolution: (call) => (call.bool('transposed') ? transposedConvolution(call) : convolution(call)),
};
