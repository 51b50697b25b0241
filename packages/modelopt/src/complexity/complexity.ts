/** @file What a network costs: parameters, multiply-accumulates and memory, layer by layer and in all. */

import { fx, type nn, scope, type Tensor } from '@edgeai/torch';
import { layerMacs, operatorMacs } from './layer-macs.ts';
import { elementBytes, peakMemory, resultBytes, sharesInput } from './memory.ts';

/** One step of the graph. */
export interface LayerCost {
  /** Where in the network: the layer's path, or that of an operator or parameter. */
  readonly path: string;
  /** Class of the layer, name of the operator, or `Parameter`. */
  readonly type: string;
  /** Numbers in the layer's own parameters; a layer that is called twice has them at its first call. */
  readonly params: number;
  /** Multiply-accumulates of convolutions and linear layers. */
  readonly macs: number;
  /** Multiply-accumulates of whatever multiplies matrices: `macs`, and those of attention and correlation. */
  readonly matmulMacs: number;
  /** Shape of the result; `null` where it is not a single tensor. */
  readonly shape: readonly number[] | null;
  /** Memory that the result needs; 0 for views and in-place layers. */
  readonly activationBytes: number;
}

export interface Complexity {
  /** In the order of execution. */
  readonly layers: readonly LayerCost[];
  /** Numbers in all parameters of the network, those that the graph does not use among them. */
  readonly params: number;
  /** Of these, the ones that the graph uses. */
  readonly usedParams: number;
  /** Bytes of all parameters and buffers. */
  readonly stateBytes: number;
  readonly macs: number;
  readonly matmulMacs: number;
  /** Sum over the layers. */
  readonly activationBytes: number;
  /** The most memory that activations need at any time, when they go after their last use. */
  readonly peakBytes: number;
  /** Path of the step during which that is. */
  readonly peakAt: string;
}

/** Measures a graph. Shapes are those of the capture: with a batch of 1, figures are for one input. */
export function graphComplexity(graph: fx.Graph): Complexity {
  const { root } = graph;
  const state = new Map<string, Tensor>(root.namedParameters());
  const counted = new Set<Tensor>();
  const count = (tensors: Iterable<Tensor | undefined>): number => {
    let total = 0;
    for (const tensor of tensors) {
      if (tensor === undefined || counted.has(tensor)) continue;
      counted.add(tensor);
      total += tensor.numel();
    }
    return total;
  };
  const layers = graph.nodes.flatMap((node): LayerCost[] => {
    const shape = fx.tensorMeta(node)?.shape ?? null;
    const own = { path: node.path, shape, activationBytes: sharesInput(node, root) ? 0 : resultBytes(node) };
    switch (node.kind) {
      case 'module': {
        const module = root.getSubmodule(node.target);
        const [input] = fx.inputsOf(node);
        const macs = layerMacs(module, (input && fx.tensorMeta(input)?.shape) ?? [], shape ?? []) ?? 0;
        const params = count(module.parameters());
        return [{ ...own, path: node.target, type: module.constructor.name, params, macs, matmulMacs: macs }];
      }
      case 'call': {
        const matmulMacs = operatorMacs(node);
        const type = fx.operatorBaseName(node.operator.name);
        // A subclass of a layer is looked into; what its operator does is the layer's work.
        const ofLayer = layerMacs(root.getSubmodule(node.modulePath), [], []) !== null;
        return [{ ...own, type, params: 0, macs: ofLayer ? matmulMacs : 0, matmulMacs }];
      }
      case 'parameter': {
        const params = count([state.get(node.key)]);
        const path = node.key;
        return params === 0
          ? []
          : [{ path, type: 'Parameter', params, macs: 0, matmulMacs: 0, shape, activationBytes: 0 }];
      }
      default:
        return [];
    }
  });
  const sum = (of: (layer: LayerCost) => number) => layers.reduce((total, layer) => total + of(layer), 0);
  const peak = peakMemory(graph);
  const parameters = root.parameters();
  return {
    layers,
    params: parameters.reduce((total, parameter) => total + parameter.numel(), 0),
    usedParams: sum(({ params }) => params),
    stateBytes: [...parameters, ...root.buffers()].reduce(
      (total, tensor) => total + tensor.numel() * elementBytes(tensor.dtype),
      0,
    ),
    macs: sum(({ macs }) => macs),
    matmulMacs: sum(({ matmulMacs }) => matmulMacs),
    activationBytes: sum(({ activationBytes }) => activationBytes),
    peakBytes: peak.bytes,
    peakAt: peak.node.path,
  };
}

/**
 * Captures a network in evaluation mode and measures it. The network's mode is put back.
 *
 * @throws {CaptureError} where the network cannot be captured
 */
export function measureComplexity(model: nn.AnyModule, inputs: readonly unknown[]): Complexity {
  const modes = model.modules().map((module) => [module, module.training] as const);
  try {
    model.eval();
    return scope(() => {
      using graph = fx.capture(model, inputs);
      return graphComplexity(graph);
    });
  } finally {
    for (const [module, mode] of modes) module.training = mode;
  }
}

/** Adds up the layers whose paths have the same first `depth` parts. Order: where each group begins. */
export function groupLayers(layers: readonly LayerCost[], depth: number): LayerCost[] {
  const groups = new Map<string, LayerCost>();
  for (const layer of layers) {
    const path = layer.path.split('.').slice(0, depth).join('.');
    const before = groups.get(path);
    groups.set(
      path,
      before === undefined
        ? { ...layer, path, type: path === layer.path ? layer.type : '' }
        : {
            path,
            type: '',
            shape: layer.shape,
            params: before.params + layer.params,
            macs: before.macs + layer.macs,
            matmulMacs: before.matmulMacs + layer.matmulMacs,
            activationBytes: before.activationBytes + layer.activationBytes,
          },
    );
  }
  return [...groups.values()];
}
