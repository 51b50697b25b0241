/** @file The layers of a quantised network as analyses see them: each with the quantisers of its weight and of its result. */

import { fx } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';

/** One place where something is rounded: a layer with a weight, or an operator without one. */
export interface AnalysedLayer {
  /** Path in the network: `features.3.conv.0`, `features.3.add`, the name of an input. */
  readonly name: string;
  /** `Conv2d`, `Linear`, or the kind of an operator. */
  readonly operation: string;
  readonly layer: QuantizedLayer | null;
  readonly weight: FakeQuantize | null;
  readonly activation: FakeQuantize | null;
  /** The node of the graph whose result is rounded. */
  readonly node: string;
}

/** Lists them in the order in which they run. A layer that is called several times is listed once. */
export function analysedLayers<Args extends unknown[], Out>(model: QuantizedModel<Args, Out>): AnalysedLayer[] {
  const { graph } = model;
  const users = graph.users();
  const found: AnalysedLayer[] = [];
  const taken = new Set<unknown>();
  const quantizerAfter = (node: fx.Node): FakeQuantize | null => {
    let at: fx.Node | undefined = node;
    while (at !== undefined) {
      const next: readonly fx.Node[] = users.get(at) ?? [];
      const quantizer = next.map((user) => quantizerOf(model, user)).find((value) => value !== null);
      if (quantizer !== undefined) return quantizer;
      at = next.length === 1 ? next[0] : undefined;
    }
    return null;
  };
  for (const node of graph.nodes) {
    const layer = node.kind === 'module' ? model.getSubmodule(node.target) : null;
    if (layer instanceof QuantizedLayer) {
      if (taken.has(layer)) continue;
      taken.add(layer);
      const activation = quantizerAfter(node);
      if (activation !== null) taken.add(activation);
      const weight = layer.weight_fake_quant;
      if (weight === null && activation === null) continue;
      found.push({ name: node.path, operation: layer.operation, layer, weight, activation, node: node.name });
      continue;
    }
    const activation = quantizerOf(model, node);
    const [source] = node.args;
    if (activation === null || taken.has(activation) || !fx.isNode(source)) continue;
    taken.add(activation);
    const operation =
      source.kind === 'placeholder'
        ? 'input'
        : source.kind === 'call'
          ? fx.operatorBaseName(source.operator.name)
          : source.kind;
    found.push({ name: activation.layer, operation, layer: null, weight: null, activation, node: source.name });
  }
  return found;
}

function quantizerOf<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  node: fx.Node,
): FakeQuantize | null {
  if (node.kind !== 'module') return null;
  const module = model.getSubmodule(node.target);
  return module instanceof FakeQuantize && module.role === 'activation' ? module : null;
}
