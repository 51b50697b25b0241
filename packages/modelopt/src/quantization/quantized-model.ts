/**
 * @file A network with quantisers: a graph module that knows them by place.
 *
 * State-dict keys: those of the float network; `<layer>.weight_fake_quant.*` for weights of layers; `activation_fake_quant.<node>.*` for
 * results, by the name of the node; `parameter_fake_quant.<node>.*` for weights that forward uses by itself. `config` is plain JSON: it and
 * the state dict rebuild the model from the float network (`prepareQuantization`, then `loadStateDict`).
 */

import { fx, nn, scope, type Tensor, zeros } from '@edgeai/torch';
import type { QuantizationConfig } from './config.ts';
import { FakeQuantize } from './fake-quantize.ts';
import { QuantizedLayer } from './quantized-layer.ts';

/** Which quantisers are meant. */
export type QuantizerSelection = 'all' | 'weight' | 'activation';

/** Switches to set; what is left out stays. */
export interface QuantizerState {
  observing?: boolean;
  quantizing?: boolean;
}

/** A network with quantisers, made by `prepareQuantization`. */
export class QuantizedModel<Args extends unknown[] = [Tensor], Out = Tensor> extends fx.GraphModule<Args, Out> {
  /** As it was given; after `foldNorms` with `foldBatchNorm`. */
  declare readonly config: QuantizationConfig;
  /** True while batch norms use their running statistics whatever the mode. */
  declare normsFrozen: boolean;

  /** @internal `prepareQuantization` makes models. */
  static over<Args extends unknown[], Out>(graph: fx.Graph, config: QuantizationConfig): QuantizedModel<Args, Out> {
    const model = new QuantizedModel<Args, Out>(graph);
    // Plain values, not children.
    Object.defineProperty(model, 'config', { value: config, enumerable: false, configurable: true });
    Object.defineProperty(model, 'normsFrozen', {
      value: false,
      enumerable: false,
      writable: true,
      configurable: true,
    });
    return model;
  }

  /** Quantisers by path: `features.0.weight_fake_quant`, `activation_fake_quant.features_0`. */
  quantizers(selection: QuantizerSelection = 'all'): Map<string, FakeQuantize> {
    const result = new Map<string, FakeQuantize>();
    for (const [path, module] of this.namedModules()) {
      if (module instanceof FakeQuantize && (selection === 'all' || module.role === selection))
        result.set(path, module);
    }
    return result;
  }

  /** Layers with weights by path, in the order of the network's definition. */
  quantizedLayers(): Map<string, QuantizedLayer> {
    const result = new Map<string, QuantizedLayer>();
    for (const [path, module] of this.namedModules()) if (module instanceof QuantizedLayer) result.set(path, module);
    return result;
  }

  /** Sets switches of quantisers. Those with a range by definition have nothing to observe. */
  setQuantizers(state: QuantizerState, selection: QuantizerSelection = 'all'): this {
    for (const quantizer of this.quantizers(selection).values()) {
      if (state.observing === false) quantizer.refresh();
      if (state.observing !== undefined) quantizer.observing = state.observing && quantizer.observer !== null;
      if (state.quantizing !== undefined) quantizer.quantizing = state.quantizing;
    }
    return this;
  }

  /** Runs `fn` with switches set, and puts them back. */
  withQuantizers<T>(state: QuantizerState, selection: QuantizerSelection, fn: () => T): T {
    const before = Array.from(this.quantizers(selection).values(), (quantizer) => {
      const { observing, quantizing } = quantizer;
      return { quantizer, observing, quantizing };
    });
    try {
      this.setQuantizers(state, selection);
      return fn();
    } finally {
      for (const { quantizer, observing, quantizing } of before) {
        if (!observing) quantizer.refresh();
        Object.assign(quantizer, { observing, quantizing });
      }
    }
  }

  /** Runs `fn` as the float network: nothing observes, nothing rounds. */
  asFloat<T>(fn: () => T): T {
    return this.withQuantizers({ observing: false, quantizing: false }, 'all', fn);
  }

  /**
   * Makes batch norms use their running statistics in training mode too, and leave them as they are; or lets them follow the mode again.
   * `train()` and `eval()` do not change this.
   */
  freezeNorms(frozen = true): this {
    this.normsFrozen = frozen;
    const inside = new Set<nn.AnyModule>();
    for (const layer of this.quantizedLayers().values()) {
      layer.normFrozen = frozen;
      if (layer.norm !== undefined) inside.add(layer.norm);
    }
    for (const module of this.modules()) {
      if (!(module instanceof nn.BatchNorm1d || module instanceof nn.BatchNorm2d || module instanceof nn.BatchNorm3d))
        continue;
      if (inside.has(module)) continue;
      if (frozen) {
        module.training = false;
        Object.defineProperty(module, 'setTraining', {
          value: stayInEvaluation,
          enumerable: false,
          configurable: true,
        });
      } else {
        Reflect.deleteProperty(module, 'setTraining');
        module.training = this.training;
      }
    }
    return this;
  }

  /**
   * Folds all batch norms inside layers for good; they leave the network and its state dict. Every layer has a bias afterwards, zero where
   * there was none, so that the keys do not depend on which corrections follow.
   */
  foldNorms(): this {
    const paths = new Map(Array.from(this.namedModules(), ([path, module]) => [module, path]));
    const done = new Set<nn.AnyModule>();
    for (const layer of this.quantizedLayers().values()) {
      const { norm } = layer;
      if (norm === undefined) {
        if (layer.bias === null) scope(() => layer.setBias(zeros([layer.outputs], { device: layer.weight.device })));
        continue;
      }
      layer.foldNorm();
      if (done.has(norm)) continue;
      done.add(norm);
      const path = paths.get(norm);
      if (path !== undefined) this.deleteSubmodule(path);
      norm.dispose();
    }
    const { config } = this;
    Object.defineProperty(this, 'config', {
      value: { ...config, foldBatchNorm: true },
      enumerable: false,
      configurable: true,
    });
    return this;
  }

  /** Parameters and buffers are the model's own, so all of them go. */
  override dispose(): void {
    this.graph.dispose();
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.dispose();
  }

  override [nn.copyModuleWith](copyValue: <T>(value: T) => T): this {
    const copy = super[nn.copyModuleWith](copyValue);
    for (const key of ['config', 'normsFrozen'] as const) {
      const property = Object.getOwnPropertyDescriptor(this, key);
      if (property !== undefined) Object.defineProperty(copy, key, property);
    }
    return copy;
  }
}

function stayInEvaluation(this: nn.AnyModule): void {
  this.training = false;
}
