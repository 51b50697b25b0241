/**
 * @file Channel spaces: values of a graph whose channels can be rescaled together without a change of what the network computes.
 *
 * A space is what layers write and layers read, with ReLUs, pooling, additions and quantisers in between. Networks are equivariant to
 * positive factors there: what writes a channel is multiplied by its factor, what reads it is divided by it.
 */

import { fx } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import { operatorRule } from '../operators.ts';
import { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { actsOnChannels } from './chains.ts';

/** Values whose channels have one factor each. */
export interface ChannelSpace {
  readonly channels: number;
  /** Layers whose output channels these are. */
  readonly writers: ReadonlySet<QuantizedLayer>;
  /** Layers whose input channels these are. */
  readonly readers: ReadonlySet<QuantizedLayer>;
  /** Quantisers of values in the space. */
  readonly quantizers: ReadonlySet<FakeQuantize>;
}

class Space {
  readonly writers = new Set<QuantizedLayer>();
  readonly readers = new Set<QuantizedLayer>();
  readonly quantizers = new Set<FakeQuantize>();
  readonly channels: number;
  /** Something else than layers looks at the values, or made them. */
  fixed: boolean;
  #into: Space | undefined;

  constructor(channels: number, fixed: boolean) {
    this.channels = channels;
    this.fixed = fixed;
  }

  /** The space that this one has become part of. */
  get root(): Space {
    return this.#into?.root ?? this;
  }

  unite(other: Space): void {
    const [from, to] = [other.root, this.root];
    if (from === to) return;
    from.#into = to;
    for (const writer of from.writers) to.writers.add(writer);
    for (const reader of from.readers) to.readers.add(reader);
    for (const quantizer of from.quantizers) to.quantizers.add(quantizer);
    to.fixed ||= from.fixed || from.channels !== to.channels;
  }
}

/** All spaces that can be rescaled. Layers that are called more than once, and those with batch norms, leave theirs as they are. */
export function findChannelSpaces<Args extends unknown[], Out>(model: QuantizedModel<Args, Out>): ChannelSpace[] {
  const { graph } = model;
  const moduleOf = (path: string) => model.getSubmodule(path);
  const calls = new Map<string, number>();
  for (const node of graph.nodes) if (node.kind === 'module') calls.set(node.target, (calls.get(node.target) ?? 0) + 1);
  const spaces = new Map<fx.Node, Space>();
  const spaceOf = (value: unknown) => (fx.isNode(value) ? spaces.get(value)?.root : undefined);
  for (const node of graph.nodes) {
    const inputs = fx.inputsOf(node);
    const own = new Space(channelsOf(node), true);
    const module = node.kind === 'module' ? moduleOf(node.target) : undefined;
    const [source] = node.args;
    const before = spaceOf(source);
    if (module instanceof QuantizedLayer && node.kind === 'module' && calls.get(node.target) === 1 && isPlain(module)) {
      own.fixed = channelsOf(node) !== module.outputs;
      own.writers.add(module);
      if (before !== undefined) {
        before.readers.add(module);
        before.fixed ||= before.channels !== inputChannels(module);
      }
    } else if (before !== undefined && inputs.length === 1 && passesChannels(node, source as fx.Node)) {
      own.fixed = false;
      if (module instanceof FakeQuantize) {
        before.quantizers.add(module);
        before.fixed ||= module.scale.numel() !== 1;
      }
      before.unite(own);
    } else if (before !== undefined && isSum(node)) {
      own.fixed = false;
      for (const input of inputs) before.unite(spaces.get(input) ?? own);
      before.unite(own);
    } else for (const input of inputs) fix(spaces.get(input));
    spaces.set(node, own);
  }
  const roots = new Set([...spaces.values()].map(({ root }) => root));
  return [...roots].filter(({ fixed, writers, readers }) => !fixed && writers.size > 0 && readers.size > 0);

  function passesChannels(node: fx.Node, from: fx.Node): boolean {
    const isQuantizer = node.kind === 'module' && moduleOf(node.target) instanceof FakeQuantize;
    return isQuantizer || actsOnChannels(node, from, moduleOf);
  }

  /** An addition of two values of one shape. */
  function isSum(node: fx.Node): boolean {
    if (operatorRule(node, moduleOf)?.name !== 'add') return false;
    const [a, b, ...others] = node.args;
    if (!fx.isNode(a) || !fx.isNode(b) || others.some((argument) => argument !== 1)) return false;
    return String(fx.tensorMeta(a)?.shape) === String(fx.tensorMeta(b)?.shape);
  }
}

function fix(space: Space | undefined): void {
  if (space !== undefined) space.root.fixed = true;
}

function isPlain(layer: QuantizedLayer): boolean {
  return layer.norm === undefined && layer.outputAxis === 0;
}

/** How many channels a layer reads. */
export function inputChannels({ weight, geometry }: QuantizedLayer): number {
  return (weight.shape[1] ?? 0) * geometry.groups;
}

function channelsOf(node: fx.Node): number {
  const shape = fx.tensorMeta(node)?.shape ?? [];
  return shape[shape.length <= 2 ? shape.length - 1 : 1] ?? 0;
}
