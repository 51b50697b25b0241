/** @file How much noise at each channel of values, and in each weight, becomes noise of the network's results: squared gradients, averaged. */

import { dispose, Generator, keep, scope, type Tensor, zeros } from '@edgeai/torch';
import type { FakeQuantize } from '../fake-quantize.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { type Places, passBackward } from './backward-pass.ts';
import { type CalibrationData, forEachBatch, type ProgressCallback } from './batches.ts';
import { otherAxes } from './equalize.ts';

/** Values at a quantiser, channel by channel: `(channels)`. */
export interface ChannelNoise {
  /** Squared error of the results, relative to them, for noise of variance 1 at all values of the channel but zeros, which rounding keeps. */
  readonly gain: Tensor;
  /** Means over images of the largest and of the least value; 0 where all are on the other side. */
  readonly high: Tensor;
  readonly low: Tensor;
}

/** What noise does, by quantiser and by layer. The caller calls `dispose`. */
export interface NoiseGains {
  readonly values: ReadonlyMap<FakeQuantize, ChannelNoise>;
  /** In the shape of the weight: squared error of the results, relative to them, for a weight's noise of variance 1. */
  readonly weights: ReadonlyMap<QuantizedLayer, Tensor>;
  dispose(): void;
}

/** Channels of values `(N, C, …)`. */
const CHANNEL_AXIS = 1;

/**
 * Measures gains of the float network on data.
 *
 * @param batches how many batches at most
 */
export async function measureNoiseGains<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  places: Places,
  batches: number,
  progress?: ProgressCallback,
): Promise<NoiseGains> {
  const values = new Map<FakeQuantize, ChannelNoise>();
  const weights = new Map(places.layers.map((layer) => [layer, zeros(layer.weight.shape)]));
  const generator = new Generator({ seed: 0 });
  let count = 0;
  await forEachBatch(
    model,
    data,
    (inputs, index) => {
      const { weights: gradients, images } = passBackward(
        model,
        inputs,
        places,
        generator,
        (quantizer, value, gradient) => addValues(noiseOf(quantizer, value), value, gradient),
      );
      for (const [i, layer] of places.layers.entries()) {
        const gradient = gradients[i] ?? null;
        if (gradient !== null) weights.get(layer)?.add_(gradient.square());
      }
      count += images;
      progress?.({ step: 'noise-gains', done: index + 1, total: batches });
    },
    batches,
  );
  for (const { gain, high, low } of values.values()) for (const sum of [gain, high, low]) sum.div_(count);
  for (const sum of weights.values()) sum.div_(count);
  return {
    values,
    weights,
    dispose() {
      for (const noise of values.values()) dispose([noise.gain, noise.high, noise.low]);
      dispose([...weights.values()]);
    },
  };

  function noiseOf(quantizer: FakeQuantize, { shape }: Tensor): ChannelNoise {
    const make = () => scope(() => keep(zeros([shape[CHANNEL_AXIS] ?? 0])));
    const noise = values.get(quantizer) ?? { gain: make(), high: make(), low: make() };
    values.set(quantizer, noise);
    return noise;
  }
}

function addValues({ gain, high, low }: ChannelNoise, value: Tensor, gradient: Tensor): void {
  const flat = value.ndim > 2 ? value.flatten(2) : value.unsqueeze(2);
  high.add_(flat.amax([2]).clamp({ min: 0 }).sum(0));
  low.add_(flat.amin([2]).clamp({ max: 0 }).sum(0));
  gain.add_(gradient.square().mul(value.ne(0)).sum(otherAxes(value, CHANNEL_AXIS)));
}
