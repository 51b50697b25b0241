/** @file What a graph is made of: nodes of seven kinds, their arguments, and integers that follow the batch size. */

import type { Operator } from '../core/dispatch.ts';
import type { DType } from '../dtype.ts';

/** The integer `factor · batch + offset`: a size in the arguments that follows the size of the batch. */
export class BatchSize {
  readonly factor: number;
  readonly offset: number;

  constructor(factor: number, offset = 0) {
    this.factor = factor;
    this.offset = offset;
  }

  at(batch: number): number {
    return this.factor * batch + this.offset;
  }

  toString(): string {
    const scaled = this.factor === 1 ? 'N' : `${this.factor}·N`;
    return this.offset === 0 ? scaled : `${scaled}${this.offset < 0 ? ' - ' : ' + '}${Math.abs(this.offset)}`;
  }
}

/** What stands in a node's arguments: results of other nodes, plain values, and arrays and records of them. */
export type Argument =
  | Node
  | BatchSize
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly Argument[]
  | { readonly [key: string]: Argument };

/** A size that is fixed, or follows the batch. */
export type Dimension = number | BatchSize;

/** Shape and element type of a tensor. */
export interface TensorMeta {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** With the sizes that follow the batch marked; only in graphs from `captureWithBatch`. */
  readonly dynamicShape?: readonly Dimension[];
}

/** What is known of the tensors in a node's result: one for a tensor, an array for an array of tensors. */
export type Meta = TensorMeta | readonly (TensorMeta | null)[] | null;

interface NodeBase {
  /** Position in the order of creation; stays when other nodes come and go. */
  readonly id: number;
  /** Unique, an identifier: `layer1_0_conv1`. */
  readonly name: string;
  /** Unique, with the place in the module tree: `layer1.0.conv1`, `layer1.0.add`. */
  readonly path: string;
  args: readonly Argument[];
  meta: Meta;
  /** Path of the innermost module whose forward made this node; `''` for the network itself. */
  readonly modulePath: string;
}

/** An input of the graph. */
export interface PlaceholderNode extends NodeBase {
  readonly kind: 'placeholder';
}

/** A parameter or buffer of the network, by its state-dict key. */
export interface ParameterNode extends NodeBase {
  readonly kind: 'parameter';
  readonly key: string;
}

/** A tensor that is neither input nor state nor the result of an operator; its value is in `Graph.constants`. */
export interface ConstantNode extends NodeBase {
  readonly kind: 'constant';
}

/** A call of a module as a whole. */
export interface ModuleNode extends NodeBase {
  readonly kind: 'module';
  readonly target: string;
}

/** A call of an operator, with its arguments in schema order; those left out take the schema's defaults. */
export interface CallNode extends NodeBase {
  readonly kind: 'call';
  readonly operator: Operator;
}

/** One tensor of a result that is an array or a record: `args[0]` made it, `key` says which. */
export interface ItemNode extends NodeBase {
  readonly kind: 'item';
  readonly key: number | string;
}

/** What the graph returns: `args[0]`, in the structure in which forward returned it. */
export interface OutputNode extends NodeBase {
  readonly kind: 'output';
}

export type Node = PlaceholderNode | ParameterNode | ConstantNode | ModuleNode | CallNode | ItemNode | OutputNode;

const nodes = new WeakSet<object>();

/** @internal Marks an object as a node, so that arguments can be told apart from records. */
export function markNode<T extends Node>(node: T): T {
  nodes.add(node);
  return node;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && nodes.has(value);
}

/** The metadata of a node's single tensor. `undefined` where its result is something else. */
export function tensorMeta(node: Node): TensorMeta | undefined {
  return node.meta !== null && 'shape' in node.meta ? node.meta : undefined;
}

/** Rebuilds an argument with every node and batch size in it replaced. Plain values stay as they are. */
export function mapArgument<T>(argument: Argument, replace: (leaf: Node | BatchSize) => T): unknown {
  if (typeof argument !== 'object' || argument === null) return argument;
  if (isNode(argument) || argument instanceof BatchSize) return replace(argument);
  if (Array.isArray(argument)) return argument.map((item) => mapArgument(item as Argument, replace));
  return Object.fromEntries(Object.entries(argument).map(([key, item]) => [key, mapArgument(item, replace)]));
}

/** Calls `visit` for every node in an argument, in order. */
export function eachNode(argument: Argument | readonly Argument[], visit: (node: Node) => void): void {
  if (typeof argument !== 'object' || argument === null || argument instanceof BatchSize) return;
  if (isNode(argument)) visit(argument);
  else for (const item of Object.values(argument)) eachNode(item as Argument, visit);
}

/** The nodes whose results a node uses, in order, with repetitions. */
export function inputsOf(node: Node): Node[] {
  const found: Node[] = [];
  eachNode(node.args, (input) => found.push(input));
  return found;
}

/** The arguments of an operator call by their schema names, with the schema's defaults for those left out. */
export function namedArguments(node: CallNode): Record<string, Argument> {
  const result: Record<string, Argument> = {};
  node.operator.schema.arguments.forEach((declared, i) => {
    const given = node.args[i];
    result[declared.name] = given === undefined ? (declared.default as Argument) : given;
  });
  return result;
}
