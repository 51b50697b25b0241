/** @file Graphs for any batch size: two captures with different batches tell which integers follow the batch. */

import { equal } from '../core/generated/functions.ts';
import { scope } from '../core/scope.ts';
import type { AnyModule } from '../nn/module.ts';
import { type CaptureOptions, capture } from './capture.ts';
import { CaptureError } from './errors.ts';
import { formatArgument } from './format.ts';
import type { Graph } from './graph.ts';
import {
  type Argument,
  BatchSize,
  type Dimension,
  isNode,
  type Meta,
  type Node,
  type PlaceholderNode,
  type TensorMeta,
} from './node.ts';

/** Apart enough that halves, squares and remainders of one are not those of the other by the same rule. */
const BATCHES = [2, 5] as const;

/**
 * Captures `model` twice and marks what follows the batch size: integers in arguments become `BatchSize`, metadata gets
 * `dynamicShape`, and the graph runs with any batch.
 *
 * @param makeInputs forward's arguments for a batch of the given size; called in a scope
 * @throws {CaptureError} when the network does something else for another batch size than the same with other sizes
 */
export function captureWithBatch(
  model: AnyModule,
  makeInputs: (batch: number) => readonly unknown[],
  options: CaptureOptions = {},
): Graph {
  const [first, second] = BATCHES;
  return scope(() => {
    const graph = capture(model, makeInputs(first), options);
    try {
      using other = capture(model, makeInputs(second), options);
      merge(graph, other);
      return graph;
    } catch (error) {
      graph.dispose();
      throw error;
    }
  });
}

function merge(graph: Graph, other: Graph): void {
  if (graph.nodes.length !== other.nodes.length) {
    throw new CaptureError(
      `${graph.nodes.length} steps with a batch of ${BATCHES[0]} but ${other.nodes.length} with ${BATCHES[1]}`,
      '',
    );
  }
  graph.nodes.forEach((node, i) => {
    const twin = other.nodes[i];
    if (twin === undefined || describe(node) !== describe(twin) || node.path !== twin.path) {
      throw new CaptureError(`with another batch size '${twin?.path}' runs where '${node.path}' did`, node.modulePath);
    }
    node.args = node.args.map((argument, position) => mergeArgument(argument, twin.args[position], node));
    node.meta = mergeMeta(node.meta, twin.meta, node);
    if (node.kind === 'constant') checkConstant(graph, other, node, twin);
    if (node.kind === 'placeholder') graph.batchSource ??= batchSource(node);
  });
}

function describe(node: Node): string {
  switch (node.kind) {
    case 'call':
      return node.operator.qualifiedName;
    case 'module':
      return `module ${node.target}`;
    case 'parameter':
    case 'item':
      return `${node.kind} ${node.key}`;
    default:
      return node.kind;
  }
}

function batchSource(node: PlaceholderNode): { node: PlaceholderNode; dim: number } | undefined {
  const shape = node.meta !== null && 'shape' in node.meta ? node.meta.dynamicShape : undefined;
  const dim = shape?.findIndex((size) => size instanceof BatchSize && size.factor === 1) ?? -1;
  return dim < 0 ? undefined : { node, dim };
}

function checkConstant(graph: Graph, other: Graph, node: Node, twin: Node): void {
  const a = graph.constants.get(node.name);
  const b = other.constants.get(twin.name);
  if (a === undefined || b === undefined || !equal(a, b)) {
    throw new CaptureError(`the constant '${node.name}' has another value with another batch size`, node.modulePath);
  }
}

function mergeArgument(a: Argument, b: Argument, node: Node): Argument {
  if (Object.is(a, b)) return a;
  if (typeof a === 'number' && typeof b === 'number') return follow(a, b, node);
  if (isNode(a) && isNode(b) && a.path === b.path) return a;
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length)
    return a.map((item, i) => mergeArgument(item as Argument, b[i], node));
  if (isRecord(a) && isRecord(b) && Object.keys(a).join() === Object.keys(b).join()) {
    return Object.fromEntries(Object.entries(a).map(([key, item]) => [key, mergeArgument(item, b[key], node)]));
  }
  throw new CaptureError(
    `an argument of '${node.name}' is ${formatArgument(a)} with a batch of ${BATCHES[0]} and ${formatArgument(b)} with ${BATCHES[1]}`,
    node.modulePath,
  );
}

function isRecord(value: Argument): value is { readonly [key: string]: Argument } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !isNode(value) &&
    !(value instanceof BatchSize)
  );
}

/** A multiple of the batch size, or the batch size plus a constant: what two values can prove with some confidence. */
function follow(a: number, b: number, node: Node): Dimension {
  if (a === b) return a;
  const factor = (b - a) / (BATCHES[1] - BATCHES[0]);
  const offset = a - factor * BATCHES[0];
  if (Number.isInteger(factor) && (offset === 0 || factor === 1)) return new BatchSize(factor, offset);
  throw new CaptureError(
    `a number in '${node.name}' is ${a} with a batch of ${BATCHES[0]} and ${b} with ${BATCHES[1]}, which is no multiple of the batch`,
    node.modulePath,
  );
}

function mergeMeta(a: Meta, b: Meta, node: Node): Meta {
  if (a === null || b === null) return null;
  if ('shape' in a) return 'shape' in b ? mergeTensorMeta(a, b, node) : null;
  return a.map((item, i) => {
    const twin = 'shape' in b ? undefined : b[i];
    return item === null || twin === null || twin === undefined ? null : mergeTensorMeta(item, twin, node);
  });
}

function mergeTensorMeta(a: TensorMeta, b: TensorMeta, node: Node): TensorMeta {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length) {
    throw new CaptureError(
      `the result of '${node.name}' has another dtype or rank with another batch size`,
      node.modulePath,
    );
  }
  return { ...a, dynamicShape: a.shape.map((size, i) => follow(size, b.shape[i] ?? size, node)) };
}
