/**
 * @file Second moments of what layers read: E[x xᵀ] over the positions of a kernel, which is all that the squared error of a layer's
 * result depends on. Collected in one pass, in memory that does not grow with the data.
 */

import { nn, noGrad, type Tensor, zeros } from '@edgeai/torch';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { type CalibrationData, forEachBatch, type ProgressCallback } from './batches.ts';

/** Maps are read in windows of at most this many positions a side. */
const WINDOW = 28;

/** Moments of the columns that a layer's weight multiplies: d = inputs per group · kernel size. */
export interface SecondMoments {
  /** E[x xᵀ]: `(groups, d, d)` */
  readonly square: Tensor;
  /** E[x]: `(groups, d)` */
  readonly mean: Tensor;
}

/** True for layers whose input can be laid out as columns here. */
export function hasColumns(layer: QuantizedLayer): boolean {
  return layer.operation === 'Linear' || (layer.operation === 'Conv2d' && layer.geometry.paddingMode === 'zeros');
}

/** Bytes that the moments of a layer take. */
export function momentBytes(layer: QuantizedLayer): number {
  const { groups } = layer.geometry;
  const columns = layer.weight.numel() / layer.outputs;
  return groups * columns * columns * 4;
}

/** Collects moments of the inputs of `layers` while the model runs as it is set. The caller disposes the tensors. */
export async function collectMoments<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  layers: readonly QuantizedLayer[],
  data: CalibrationData,
  progress?: ProgressCallback,
): Promise<Map<QuantizedLayer, SecondMoments>> {
  const sums = new Map<QuantizedLayer, { square: Tensor; mean: Tensor; count: number }>();
  for (const layer of layers) {
    const { groups } = layer.geometry;
    const d = layer.weight.numel() / layer.outputs;
    const { device } = layer.weight;
    sums.set(layer, { square: zeros([groups, d, d], { device }), mean: zeros([groups, d], { device }), count: 0 });
  }
  let turn = 0;
  const hooks = layers.map((layer) =>
    layer.registerForwardPreHook((_, args) => {
      const sum = sums.get(layer);
      if (sum === undefined) return undefined;
      const x = columns(layer, args[0] as Tensor, turn);
      sum.square.add_(x.matmul(x.transpose(1, 2)));
      sum.mean.add_(x.sum(2));
      sum.count += x.size(2);
      return undefined;
    }),
  );
  try {
    await forEachBatch(model, data, (inputs, index) => {
      turn = index;
      model(...inputs);
      progress?.({ step: 'second-moments', done: index + 1 });
    });
  } finally {
    for (const remove of hooks) remove();
  }
  noGrad(() => {
    for (const { square, mean, count } of sums.values()) {
      square.div_(Math.max(count, 1));
      mean.div_(Math.max(count, 1));
    }
  });
  return sums;
}

/** What a layer's weight multiplies, as columns: `(groups, d, positions)`. Large maps are read in a window that moves from batch to batch. */
export function columns(layer: QuantizedLayer, x: Tensor, turn = 0): Tensor {
  if (layer.operation === 'Linear')
    return x
      .reshape([-1, x.size(-1)])
      .t()
      .unsqueeze(0);
  const { kernelSize, stride, padding, dilation, groups } = layer.geometry;
  const whole = x.ndim === 3 ? x.unsqueeze(0) : x;
  const explicit = typeof padding === 'string' ? samePadding(padding, kernelSize, dilation) : padding;
  const [, channels = 0, height = 0, width = 0] = whole.shape;
  const [kh = 1, kw = 1] = kernelSize;
  const [sh = 1, sw = 1] = stride;
  const cutH = windowSize(kh, sh, dilation[0] ?? 1);
  const cutW = windowSize(kw, sw, dilation[1] ?? 1);
  let source = whole;
  let pad: readonly number[] = explicit;
  if (height > cutH && width > cutW) {
    // Inside a window there is no border.
    const top = spread(turn, height - cutH, 7);
    const left = spread(turn, width - cutW, 3);
    source = whole.narrow(2, top, cutH).narrow(3, left, cutW);
    pad = [0, 0];
  }
  const unfolded =
    kh === 1 && kw === 1 && sh === 1 && sw === 1
      ? source.flatten(2)
      : nn.functional.unfold(source, kernelSize as [number, number], {
          stride: stride as [number, number],
          padding: pad as [number, number],
          dilation: dilation as [number, number],
        });
  const d = (channels / groups) * kh * kw;
  return unfolded
    .reshape([source.size(0), groups, d, -1])
    .permute([1, 2, 0, 3])
    .reshape([groups, d, -1]);
}

function windowSize(kernel: number, stride: number, dilation: number): number {
  return (WINDOW - 1) * stride + dilation * (kernel - 1) + 1;
}

/** Offsets that go over a span in steps with no common factor, the same in every run. */
function spread(turn: number, span: number, seed: number): number {
  return Math.floor(((turn * 0.618033988749895 + seed * 0.1375) % 1) * (span + 1));
}

function samePadding(padding: 'same' | 'valid', kernelSize: readonly number[], dilation: readonly number[]): number[] {
  return kernelSize.map((size, i) => (padding === 'valid' ? 0 : Math.floor(((dilation[i] ?? 1) * (size - 1)) / 2)));
}
