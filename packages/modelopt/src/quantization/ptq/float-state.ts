/** @file The parameters of the float network, kept for as long as steps that change them compare with it. */

import { dispose, keep, noGrad, scope, type Tensor } from '@edgeai/torch';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';

interface Parameters {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** Weights and biases of all quantised layers, as they were when this was made. */
export class FloatState<Args extends unknown[], Out> {
  readonly #model: QuantizedModel<Args, Out>;
  readonly #saved: ReadonlyMap<QuantizedLayer, Parameters>;

  constructor(model: QuantizedModel<Args, Out>) {
    this.#model = model;
    this.#saved = copies(model);
  }

  weightOf(layer: QuantizedLayer): Tensor | undefined {
    return this.#saved.get(layer)?.weight;
  }

  /** Runs `fn` as the float network: with these parameters, and nothing rounds. */
  readonly asFloat = <T>(fn: () => T): T => {
    const now = copies(this.#model);
    try {
      write(this.#saved);
      return this.#model.asFloat(fn);
    } finally {
      write(now);
      release(now);
    }
  };

  dispose(): void {
    release(this.#saved);
  }
}

function copies<Args extends unknown[], Out>(model: QuantizedModel<Args, Out>): Map<QuantizedLayer, Parameters> {
  const result = new Map<QuantizedLayer, Parameters>();
  noGrad(() =>
    scope(() => {
      for (const layer of model.quantizedLayers().values()) {
        const bias = layer.bias === null ? null : keep(layer.bias.detach().clone());
        result.set(layer, { weight: keep(layer.weight.detach().clone()), bias });
      }
    }),
  );
  return result;
}

function write(saved: ReadonlyMap<QuantizedLayer, Parameters>): void {
  noGrad(() => {
    for (const [layer, { weight, bias }] of saved) {
      layer.weight.copy_(weight);
      // A bias that a correction has made was zero before.
      if (bias === null) layer.bias?.zero_();
      else layer.bias?.copy_(bias);
    }
  });
}

function release(saved: ReadonlyMap<QuantizedLayer, Parameters>): void {
  for (const { weight, bias } of saved.values()) {
    dispose(weight);
    dispose(bias);
  }
}
