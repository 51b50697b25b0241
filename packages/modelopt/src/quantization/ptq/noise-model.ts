/** @file The noise of a network's results as a function of factors for the channels of its spaces, with a gradient. */

import { dispose, keep, stack, type Tensor } from '@edgeai/torch';
import type { FakeQuantize } from '../fake-quantize.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { ChannelSpace } from './channel-spaces.ts';
import type { ChannelNoise, NoiseGains } from './noise-gains.ts';

/** The largest of n numbers is taken as their norm of this order, which has a gradient for all. */
const ORDER = 32;
const SMALLEST = 1e-30;
/** Rows of a weight that are looked at. */
const ROWS = 64;

type Term = (factors: readonly Tensor[]) => Tensor;

/** Variances of rounding, Δ²/12, seen behind the network. */
export class NoiseModel {
  readonly #terms: Term[] = [];
  readonly #kept: Tensor[] = [];

  constructor(spaces: readonly ChannelSpace[], gains: NoiseGains) {
    const written = new Map<QuantizedLayer, number>();
    const read = new Map<QuantizedLayer, number>();
    for (const [i, { writers, readers, quantizers }] of spaces.entries()) {
      for (const writer of writers) written.set(writer, i);
      for (const reader of readers) read.set(reader, i);
      for (const quantizer of quantizers) {
        const noise = gains.values.get(quantizer);
        if (noise !== undefined) this.#terms.push(this.#values(quantizer, noise, i));
      }
    }
    for (const [layer, gain] of gains.weights) {
      if (layer.weight_fake_quant !== null)
        this.#terms.push(this.#weights(layer, layer.weight_fake_quant, gain, read.get(layer), written.get(layer)));
    }
  }

  /** Nothing is rounded. */
  get isSilent(): boolean {
    return this.#terms.length === 0;
  }

  /** @param factors logarithms, `(channels)` of each space. @returns a number: energy of the noise against that of the results */
  total(factors: readonly Tensor[]): Tensor {
    return stack(this.#terms.map((term) => term(factors))).sum();
  }

  dispose(): void {
    dispose(this.#kept.splice(0));
  }

  #values({ scheme, limits }: FakeQuantize, { gain, high, low }: ChannelNoise, space: number): Term {
    const [logHigh, logLow] = [this.#logOf(high), this.#logOf(low.neg())];
    const levels = limits.quantMax - limits.quantMin;
    const constant = 1 / (12 * levels * levels);
    const signed = low.min().item() < 0;
    return (factors) => {
      const factor = factors[space] as Tensor;
      const up = largest(logHigh.add(factor), 0).exp();
      const down = signed ? largest(logLow.add(factor), 0).exp() : undefined;
      const range = down === undefined ? up : scheme.symmetric ? up.maximum(down).mul(2) : up.add(down);
      return range
        .square()
        .mul(gain.mul(factor.mul(-2).exp()).sum())
        .mul(constant);
    };
  }

  #weights(
    layer: QuantizedLayer,
    { scheme, limits }: FakeQuantize,
    gain: Tensor,
    input?: number,
    output?: number,
  ): Term {
    const [outputs = 0, perGroup = 0] = layer.weight.shape;
    const { groups } = layer.geometry;
    const perTensor = scheme.granularity === 'tensor';
    // Where each row has a scale of its own, some rows speak for all.
    const every = perTensor || groups > 1 ? 1 : Math.ceil(outputs / ROWS);
    const some = (values: Tensor) => values.reshape([outputs, perGroup, -1]).slice(0, 0, null, every);
    const magnitudes = this.#logOf(some(layer.weight.detach().abs()).amax([2]));
    const gains = this.#keep(some(gain).sum(2));
    const [rows = 0] = gains.shape;
    const levels = limits.quantMax - limits.quantMin;
    const constant = ((4 / (12 * levels * levels)) * outputs) / rows;
    return (factors) => {
      // log s(in) − log s(out) of each weight, as what the weight is divided by.
      let shrink = input === undefined ? undefined : alongInputs(factors[input] as Tensor, groups, rows, perGroup);
      // A scale for each output channel follows its factor.
      if (output !== undefined && perTensor) {
        const grow = (factors[output] as Tensor).reshape([-1, 1]);
        shrink = shrink === undefined ? grow.neg() : shrink.sub(grow);
      }
      const sizes = shrink === undefined ? magnitudes : magnitudes.sub(shrink);
      const range = perTensor ? largest(sizes.flatten(), 0).exp() : largest(sizes, 1).exp().unsqueeze(1);
      const seen = shrink === undefined ? gains : gains.mul(shrink.mul(2).exp());
      return range.square().mul(seen).sum().mul(constant);
    };
  }

  #logOf(values: Tensor): Tensor {
    return this.#keep(values.clamp({ min: SMALLEST }).log());
  }

  #keep(value: Tensor): Tensor {
    const kept = keep(value);
    this.#kept.push(kept);
    return kept;
  }
}

/** The factor of the channel that each weight reads: `(outputs, inputs per group)`. */
function alongInputs(factor: Tensor, groups: number, outputs: number, perGroup: number): Tensor {
  return factor
    .reshape([groups, 1, perGroup])
    .expand([groups, outputs / groups, perGroup])
    .reshape([outputs, perGroup]);
}

/** Logarithm of the largest, of logarithms. */
function largest(logarithms: Tensor, dim: number): Tensor {
  return logarithms.mul(ORDER).logsumexp([dim]).div(ORDER);
}
