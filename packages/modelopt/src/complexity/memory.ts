/** @file How much memory the values of a graph need when its nodes run in their order and each value goes after its last use. */

import { fx, type nn } from '@edgeai/torch';

/** Operators whose result shares the memory of their first argument. */
const VIEWS = new Set([
  ...['view', 'reshape', 'flatten', 'unflatten', 'squeeze', 'unsqueeze', 'permute', 'transpose', 't', 'swapaxes'],
  ...['select', 'slice', 'narrow', 'expand', 'expand_as', 'chunk', 'split', 'unbind', 'tensor_split', 'movedim'],
  ...['detach', 'alias', 'view_as', 'as_strided', 'contiguous'],
]);
/** Layers that hand on what they are given. */
const TRANSPARENT = new Set(['Identity', 'Flatten', 'Unflatten', 'Dropout', 'Dropout1d', 'Dropout2d', 'Dropout3d']);

const BYTES: Readonly<Record<string, number>> = {
  ...{ float64: 8, int64: 8, complex64: 8, complex128: 16, float32: 4, int32: 4, float16: 2, bfloat16: 2, int16: 2 },
  ...{ int8: 1, uint8: 1, bool: 1, qint8: 1, quint8: 1, qint32: 4 },
};

/** Bytes of an element. */
export function elementBytes(dtype: string): number {
  return BYTES[dtype] ?? 4;
}

/** Bytes of the tensors in a node's result. */
export function resultBytes(node: fx.Node): number {
  const metas = node.meta === null ? [] : 'shape' in node.meta ? [node.meta] : node.meta;
  return metas.reduce(
    (sum, meta) =>
      sum + (meta === null ? 0 : meta.shape.reduce((all, size) => all * size, 1) * elementBytes(meta.dtype)),
    0,
  );
}

/** Whether a node's result lies in the memory of its first argument. */
export function sharesInput(node: fx.Node, root: nn.AnyModule): boolean {
  if (node.kind === 'item') return true;
  if (node.kind === 'call') return VIEWS.has(fx.operatorBaseName(node.operator.name));
  if (node.kind !== 'module') return false;
  const module = root.getSubmodule(node.target);
  return TRANSPARENT.has(module.constructor.name) || ('inplace' in module && module.inplace === true);
}

/** The most memory at any time, and when. */
export interface PeakMemory {
  /** Of all values alive while `node` runs, inputs among them, parameters not. */
  readonly bytes: number;
  /** The node that runs then. */
  readonly node: fx.Node;
  /** Bytes alive while each node runs, in the order of the graph. */
  readonly timeline: readonly number[];
}

/** Follows the values through the graph's own order. Views and in-place layers need no memory of their own. */
export function peakMemory(graph: fx.Graph): PeakMemory {
  const { nodes, root } = graph;
  /** The node that owns the memory in which each node's result lies. */
  const owners = new Map<fx.Node, fx.Node>();
  const lastUse = new Map<fx.Node, number>();
  for (const [position, node] of nodes.entries()) {
    const inputs = fx.inputsOf(node);
    const [first] = inputs;
    owners.set(node, first !== undefined && sharesInput(node, root) ? (owners.get(first) ?? first) : node);
    for (const used of [node, ...inputs]) lastUse.set(owners.get(used) ?? used, position);
  }
  const counts = (node: fx.Node) =>
    owners.get(node) === node && node.kind !== 'parameter' && node.kind !== 'constant' && node.kind !== 'output';
  const timeline: number[] = [];
  const alive = new Set<fx.Node>();
  let bytes = 0;
  for (const [position, node] of nodes.entries()) {
    if (counts(node)) {
      alive.add(node);
      bytes += resultBytes(node);
    }
    timeline.push(bytes);
    for (const value of alive) {
      if ((lastUse.get(value) ?? 0) > position) continue;
      alive.delete(value);
      bytes -= resultBytes(value);
    }
  }
  const at = timeline.indexOf(Math.max(...timeline));
  return { bytes: timeline[at] ?? 0, node: nodes[at] ?? graph.output, timeline };
}
