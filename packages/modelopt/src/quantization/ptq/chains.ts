/** @file Pairs of layers between which channels can be rescaled without a change of what the network computes. */

import { fx, type nn } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import { operatorRule } from '../operators.ts';
import { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';

/** `second` alone reads what `first` makes, channel by channel, perhaps after a ReLU. */
export interface LayerPair {
  readonly firstPath: string;
  readonly secondPath: string;
  readonly first: QuantizedLayer;
  readonly second: QuantizedLayer;
  /** There is a ReLU between the two. */
  readonly relu: boolean;
  /** Nothing but the ReLU is between the two. */
  readonly direct: boolean;
}

/** Operators that work on each channel by itself and commute with scaling by a positive number. */
const PER_CHANNEL = new Set(['relu', 'max_pool', 'avg_pool', 'identity']);

/** All pairs, in the order of execution. Layers that are called more than once are in none. */
export function findLayerPairs<Args extends unknown[], Out>(model: QuantizedModel<Args, Out>): LayerPair[] {
  const { graph } = model;
  const users = graph.users();
  const moduleOf = (path: string) => model.getSubmodule(path);
  const calls = new Map<string, number>();
  for (const node of graph.nodes) if (node.kind === 'module') calls.set(node.target, (calls.get(node.target) ?? 0) + 1);
  const layerAt = (node: fx.Node): QuantizedLayer | undefined => {
    if (node.kind !== 'module' || calls.get(node.target) !== 1) return undefined;
    const module = moduleOf(node.target);
    return module instanceof QuantizedLayer && canScale(module) && hasTwoAxes(module) ? module : undefined;
  };
  const pairs: LayerPair[] = [];
  for (const node of graph.nodes) {
    const first = layerAt(node);
    if (first === undefined || node.kind !== 'module') continue;
    const found = follow(node);
    if (found !== undefined) pairs.push({ ...found, first, firstPath: node.target });
  }
  return pairs;

  function follow(start: fx.Node): Pick<LayerPair, 'second' | 'secondPath' | 'relu' | 'direct'> | undefined {
    let relu = false;
    let direct = true;
    let at = start;
    for (;;) {
      const [next, ...others] = users.get(at) ?? [];
      if (next === undefined || others.length > 0 || next.args[0] !== at) return undefined;
      const second = layerAt(next);
      if (second !== undefined && next.kind === 'module') {
        return channelsMatch(start, second) ? { second, secondPath: next.target, relu, direct } : undefined;
      }
      if (!isQuantizer(next)) {
        if (!actsOnChannels(next, at, moduleOf)) return undefined;
        const name = isFlattenOfVector(at, next) ? 'identity' : operatorRule(next, moduleOf)?.name;
        if (name === 'relu') relu = true;
        else if (name !== 'identity') direct = false;
      }
      at = next;
    }
  }

  function isQuantizer(node: fx.Node): boolean {
    return node.kind === 'module' && moduleOf(node.target) instanceof FakeQuantize;
  }

  function channelsMatch(start: fx.Node, second: QuantizedLayer): boolean {
    const channels =
      second.operation === 'Linear' ? second.weight.shape[1] : (second.weight.shape[1] ?? 0) * second.geometry.groups;
    const meta = fx.tensorMeta(start);
    const axis = meta === undefined ? -1 : meta.shape.length <= 2 ? meta.shape.length - 1 : 1;
    return meta?.shape[axis] === channels;
  }
}

/** True for operators that work on each channel by itself and commute with scaling it by a positive number. @param from its input */
export function actsOnChannels(node: fx.Node, from: fx.Node, moduleOf: (path: string) => nn.AnyModule): boolean {
  if (isFlattenOfVector(from, node)) return true;
  const name = operatorRule(node, moduleOf)?.name;
  return name !== undefined && PER_CHANNEL.has(name) && !mixesChannels(node);
}

/** A batch norm inside can take factors of its channels when it has weights. */
function canScale({ norm }: QuantizedLayer): boolean {
  return norm === undefined || (norm.weight !== null && norm.bias !== null);
}

/** Transposed convolutions count channels the other way round; they are left out. */
function hasTwoAxes(layer: QuantizedLayer): boolean {
  return layer.outputAxis === 0;
}

/** True for means and maxima over the channels. */
function mixesChannels(node: fx.Node): boolean {
  if (node.kind !== 'call' || !['mean', 'amax'].includes(fx.operatorBaseName(node.operator.name))) return false;
  const { dim } = fx.namedArguments(node);
  return !Array.isArray(dim) || dim.some((axis) => typeof axis !== 'number' || axis === 1 || axis < -2);
}

/** `(N, C, 1, 1)` to `(N, C)`. */
function isFlattenOfVector(from: fx.Node, node: fx.Node): boolean {
  const before = fx.tensorMeta(from)?.shape ?? [];
  const after = fx.tensorMeta(node)?.shape ?? [];
  return after.length === 2 && before.length === 4 && before[2] === 1 && before[3] === 1 && before[1] === after[1];
}
