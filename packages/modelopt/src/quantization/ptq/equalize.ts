/**
 * @file Cross-layer equalisation and absorption of high biases (Nagel et al., "Data-Free Quantization Through Weight Equalization and
 * Bias Correction", 2019, arXiv:1906.04721): rescales channels between layers so that one scale fits all of them.
 */

import { noGrad, scope, type Tensor, zeros } from '@edgeai/torch';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { type CalibrationData, forEachBatch, type ProgressCallback } from './batches.ts';
import type { LayerStatistics } from './bias-correction.ts';
import { findLayerPairs, type LayerPair } from './chains.ts';

const MOST_ROUNDS = 20;
/** A channel is not scaled by more than this, nor by less than its reciprocal. */
const LARGEST_GAIN = 1e4;

/**
 * Gives output channels of each layer and input channels of the next the same range, in rounds over all pairs, until nothing moves much.
 * What the network computes stays the same. Batch norms inside layers take the factors of output channels.
 *
 * @param statistics of layers' results, which are scaled too
 * @returns the number of pairs
 */
export function equalizeLayers<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  statistics?: ReadonlyMap<QuantizedLayer, LayerStatistics>,
): number {
  const pairs = findLayerPairs(model);
  noGrad(() => {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      let furthest = 0;
      for (const pair of pairs)
        furthest = Math.max(
          furthest,
          scope(() => equalizePair(pair, statistics?.get(pair.first))),
        );
      if (furthest < 0.01) break;
    }
  });
  return pairs.length;
}

/** @returns how far the largest gain is from 1, in natural logarithms */
function equalizePair({ first, second }: LayerPair, statistics: LayerStatistics | undefined): number {
  const outgoing = largestOutgoing(first);
  const incoming = largestIncoming(second);
  // Dead channels keep their scale.
  const gain = incoming
    .div(outgoing)
    .sqrt()
    .nanToNum(1, 1, 1)
    .clamp({ min: 1 / LARGEST_GAIN, max: LARGEST_GAIN });
  const usable = outgoing.gt(0).logicalAnd(incoming.gt(0)).to({ dtype: 'float32' });
  const factor = gain.sub(1).mul(usable).add(1);
  scaleOutgoing(first, factor, statistics);
  scaleIncoming(second, factor.reciprocal());
  return factor.log().abs().max().item();
}

function largestOutgoing(layer: QuantizedLayer): Tensor {
  return layer.effectiveWeight().abs().flatten(1).amax([1]);
}

/** For each input channel the largest weight that reads it. */
function largestIncoming(layer: QuantizedLayer): Tensor {
  const { groups } = layer.geometry;
  const [outputs = 0, perGroup = 0] = layer.weight.shape;
  return layer
    .effectiveWeight()
    .abs()
    .reshape([groups, outputs / groups, perGroup, -1])
    .amax([1, 3])
    .flatten();
}

/** Multiplies each output channel. @param statistics of the layer's results, which are scaled too */
export function scaleOutgoing(layer: QuantizedLayer, factor: Tensor, statistics?: LayerStatistics): void {
  const { norm } = layer;
  if (norm === undefined) {
    layer.weight.mul_(factor.reshape([-1, ...layer.weight.shape.slice(1).map(() => 1)]));
    layer.bias?.mul_(factor);
  } else {
    norm.weight?.mul_(factor);
    norm.bias?.mul_(factor);
  }
  statistics?.mean.mul_(factor);
  statistics?.deviation.mul_(factor);
}

/** Multiplies what reads each input channel. */
export function scaleIncoming(layer: QuantizedLayer, factor: Tensor): void {
  const { groups } = layer.geometry;
  const [outputs = 0, perGroup = 0] = layer.weight.shape;
  const grouped = layer.weight.reshape([groups, outputs / groups, perGroup, -1]);
  layer.weight.copy_(grouped.mul(factor.reshape([groups, 1, perGroup, 1])).reshape(layer.weight.shape));
}

/** How many standard deviations below its mean a channel counts as always positive. */
const DEVIATIONS = 3;

/**
 * Moves the part of a bias that a ReLU never cuts to the layer after it: c = max(0, mean − 3 · deviation) of each channel before the
 * ReLU, measured on data. Ranges of activations become smaller; results change only where values lie below that, and at padded borders.
 *
 * @param batches how many batches to measure on
 */
export async function absorbHighBiases<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  batches = 4,
  progress?: ProgressCallback,
): Promise<void> {
  const pairs = findLayerPairs(model).filter(
    ({ relu, direct, first, second }) =>
      relu && direct && first.norm === undefined && first.bias !== null && readsWhole(second),
  );
  if (pairs.length === 0) return;
  const moments = await channelMoments(
    model,
    data,
    pairs.map(({ first }) => first),
    batches,
    progress,
  );
  noGrad(() =>
    scope(() => {
      for (const { first, second } of pairs) {
        const found = moments.get(first);
        if (found === undefined) continue;
        const deviation = found.square.sub(found.mean.square()).clamp({ min: 0 }).sqrt();
        const excess = found.mean.sub(deviation.mul(DEVIATIONS)).clamp({ min: 0 });
        first.addToBias(excess.neg());
        second.addToBias(response(second, excess));
      }
    }),
  );
  for (const { mean, square } of moments.values()) {
    mean.dispose();
    square.dispose();
  }
}

/** A padded border would read zeros where the constant is meant. */
function readsWhole(layer: QuantizedLayer): boolean {
  const { padding } = layer.geometry;
  return layer.operation === 'Linear' || (typeof padding !== 'string' && padding.every((size) => size === 0));
}

/** What a layer makes of a constant in each input channel, without its bias: `(outputs)`. */
export function response(layer: QuantizedLayer, constant: Tensor, weight: Tensor = layer.weight): Tensor {
  const { groups } = layer.geometry;
  const [outputs = 0, perGroup = 0] = weight.shape;
  const summed = weight.reshape([groups, outputs / groups, perGroup, -1]).sum(3);
  return summed
    .mul(constant.reshape([groups, 1, perGroup]))
    .sum(2)
    .flatten();
}

interface Moments {
  mean: Tensor;
  square: Tensor;
}

/** Mean and mean square of each channel of layers' results in the float network. */
async function channelMoments<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  layers: readonly QuantizedLayer[],
  batches: number,
  progress?: ProgressCallback,
): Promise<Map<QuantizedLayer, Moments>> {
  const sums = new Map<QuantizedLayer, Moments>();
  for (const layer of layers) sums.set(layer, { mean: zeros([layer.outputs]), square: zeros([layer.outputs]) });
  const hooks = layers.map((layer) =>
    layer.registerForwardHook((_, __, output) => {
      const result = output as Tensor;
      const rest = otherAxes(result, layer.channelAxis(result));
      const found = sums.get(layer);
      found?.mean.add_(result.mean(rest));
      found?.square.add_(result.square().mean(rest));
      return undefined;
    }),
  );
  try {
    const count = await forEachBatch(
      model,
      data,
      (inputs, index) => {
        model.asFloat(() => model(...inputs));
        progress?.({ step: 'equalize', done: index + 1, total: batches });
      },
      batches,
    );
    for (const { mean, square } of sums.values()) {
      mean.div_(count);
      square.div_(count);
    }
  } finally {
    for (const remove of hooks) remove();
  }
  return sums;
}

/** All dimensions but one. */
export function otherAxes(x: Tensor, axis: number): number[] {
  return Array.from({ length: x.ndim }, (_, i) => i).filter((i) => i !== axis);
}
