/** @file Graphs as JSON and back. Parameters, buffers and constants are not in it: they are named, and lie in a state dict. */

import { Operator } from '../core/dispatch.ts';
import { keep } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import type { DType } from '../dtype.ts';
import { ArgumentError } from '../errors.ts';
import { type AnyModule, Module } from '../nn/module.ts';
import { Buffer, Parameter } from '../nn/parameter.ts';
import type { StateDict } from '../nn/state-dict.ts';
import { Graph, type NodeInit } from './graph.ts';
import {
  type Argument,
  BatchSize,
  isNode,
  type Meta,
  type Node,
  type PlaceholderNode,
  type TensorMeta,
} from './node.ts';

/** A value of JSON. */
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A graph as JSON has it. */
export interface GraphJson {
  readonly format: 'edgeai-graph';
  readonly version: 1;
  readonly inputNames: readonly string[];
  readonly signature: Json;
  /** Name of the input and its dimension where the size of the batch is read; `null` for a fixed batch. */
  readonly batch: { readonly node: string; readonly dim: number } | null;
  readonly nodes: readonly NodeJson[];
}

interface NodeJson {
  readonly kind: Node['kind'];
  readonly name: string;
  readonly path: string;
  readonly modulePath: string;
  readonly args: Json;
  readonly meta: Json;
  /** Operator and overload of a call, path of a module, key of a parameter or item. */
  readonly of?: string | number;
}

/** Constants are in the state dict under this prefix and the name of their node. */
const CONSTANTS = 'constants.';

/** The graph without its tensors, which {@link graphState} has. */
export function graphToJson(graph: Graph): GraphJson {
  const { inputNames, batchSource } = graph;
  return {
    format: 'edgeai-graph',
    version: 1,
    inputNames,
    signature: toJson(graph.signature),
    batch: batchSource === undefined ? null : { node: batchSource.node.name, dim: batchSource.dim },
    nodes: graph.nodes.map((node): NodeJson => {
      const { kind, name, path, modulePath } = node;
      const of = subject(node);
      const common = { kind, name, path, modulePath, args: toJson(node.args), meta: metaToJson(node.meta) };
      return of === undefined ? common : { ...common, of };
    }),
  };
}

function subject(node: Node): string | number | undefined {
  switch (node.kind) {
    case 'call':
      return node.operator.qualifiedName;
    case 'module':
      return node.target;
    case 'parameter':
    case 'item':
      return node.key;
    default:
      return undefined;
  }
}

/** The tensors that a graph needs: the state dict of its network, and its constants. They are the graph's own, not copies. */
export function graphState(graph: Graph): StateDict {
  const constants = Array.from(graph.constants, ([name, value]) => [`${CONSTANTS}${name}`, value] as const);
  return { ...graph.root.stateDict(), ...Object.fromEntries(constants) };
}

/**
 * Makes a graph of its JSON.
 *
 * @param state what {@link graphState} returned; tensors are shared with it, constants copied
 * @param root the network with the leaf modules that the graph calls. Default: one that holds the parameters of `state`, for
 * graphs without modules (captured with `isLeaf: () => false`)
 * @throws {ArgumentError} for JSON of another kind, or state that is missing
 */
export function graphFromJson(json: GraphJson, state: StateDict, root: AnyModule = stateHolder(json, state)): Graph {
  if (json.format !== 'edgeai-graph' || json.version !== 1)
    throw ArgumentError.expected('json', "a graph of the format 'edgeai-graph', version 1", json.format);
  const graph = new Graph(root);
  const nodes = new Map<string, Node>();
  const find = (name: string): Node => {
    const found = nodes.get(name);
    if (found === undefined) throw new ArgumentError('json', `Node '${name}' is used before it is defined`);
    return found;
  };
  graph.inputNames = json.inputNames;
  for (const made of json.nodes) {
    const { path, modulePath } = made;
    const common = {
      path,
      modulePath,
      args: fromJson(made.args, find) as readonly Argument[],
      meta: metaFromJson(made.meta),
    };
    const node = graph.add({ ...common, ...initOf(made) } as NodeInit);
    nodes.set(made.name, node);
    if (made.kind === 'constant')
      graph.constants.set(
        node.name,
        keep(
          tensorOf(state, CONSTANTS + made.name)
            .detach()
            .clone(),
        ),
      );
  }
  graph.signature = fromJson(json.signature, find) as readonly Argument[];
  if (json.batch !== null) graph.batchSource = { node: find(json.batch.node) as PlaceholderNode, dim: json.batch.dim };
  return graph.lint();
}

function initOf({ kind, of }: NodeJson): object {
  switch (kind) {
    case 'call': {
      const [name = '', overload = ''] = String(of).split('.');
      return { kind, operator: new Operator(name, overload) };
    }
    case 'module':
      return { kind, target: String(of) };
    case 'parameter':
      return { kind, key: String(of) };
    case 'item':
      return { kind, key: of };
    default:
      return { kind };
  }
}

function tensorOf(state: StateDict, key: string): Tensor {
  const found = state[key];
  if (found === undefined) throw new ArgumentError('state', `The state has no '${key}', which the graph uses`);
  return found;
}

/** Keeps parameters under their keys. */
class StateHolder extends Module<never[], never> {
  forward(): never {
    throw new ArgumentError('this', 'This module only holds the state of a graph');
  }
}

function stateHolder(json: GraphJson, state: StateDict): AnyModule {
  const root = new StateHolder() as AnyModule;
  for (const { kind, of, modulePath } of json.nodes) {
    if (kind === 'module')
      throw new ArgumentError('root', `The graph calls the module '${of}', so it needs its network`);
    holderAt(root, modulePath);
    if (kind !== 'parameter') continue;
    const key = String(of);
    const at = key.lastIndexOf('.');
    const tensor = tensorOf(state, key);
    const owner = holderAt(root, key.slice(0, Math.max(at, 0))) as unknown as Record<string, unknown>;
    owner[key.slice(at + 1)] = tensor instanceof Parameter || tensor instanceof Buffer ? tensor : Buffer.from(tensor);
  }
  return root.eval();
}

/** The module at a path, made where there is none. */
function holderAt(root: AnyModule, path: string): AnyModule {
  let module = root;
  for (const name of path === '' ? [] : path.split('.')) {
    const owner = module as unknown as Record<string, AnyModule>;
    owner[name] ??= new StateHolder() as AnyModule;
    module = owner[name];
  }
  return module;
}

/** What JSON has no word for is a record with one key that begins with `$`. */
function toJson(argument: Argument | readonly Argument[]): Json {
  if (argument === undefined) return { $undefined: true };
  if (typeof argument === 'bigint') return { $bigint: argument.toString() };
  if (typeof argument === 'number')
    return Number.isFinite(argument) && !Object.is(argument, -0)
      ? argument
      : { $number: Object.is(argument, -0) ? '-0' : String(argument) };
  if (typeof argument !== 'object' || argument === null) return argument;
  if (isNode(argument)) return { $node: argument.name };
  if (argument instanceof BatchSize) return { $batch: [argument.factor, argument.offset] };
  if (Array.isArray(argument)) return argument.map((item: Argument) => toJson(item));
  return {
    $record: Object.fromEntries(Object.entries(argument).map(([key, item]) => [key, toJson(item as Argument)])),
  };
}

function fromJson(json: Json, find: (name: string) => Node): Argument {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map((item: Json) => fromJson(item, find));
  const [[key, value] = ['', null]] = Object.entries(json);
  switch (key) {
    case '$node':
      return find(String(value));
    case '$batch': {
      const [factor = 1, offset = 0] = value as readonly number[];
      return new BatchSize(factor, offset);
    }
    case '$bigint':
      return BigInt(String(value));
    case '$number':
      return Number(value);
    case '$record':
      return Object.fromEntries(
        Object.entries(value as object).map(([name, item]) => [name, fromJson(item as Json, find)]),
      );
    default:
      return undefined;
  }
}

function metaToJson(meta: Meta): Json {
  if (meta === null) return null;
  if (!('shape' in meta)) return meta.map(metaToJson);
  const { shape, dtype, dynamicShape } = meta;
  return { shape, dtype, ...(dynamicShape === undefined ? {} : { dynamicShape: toJson(dynamicShape) }) };
}

function metaFromJson(json: Json): Meta {
  if (json === null) return null;
  if (Array.isArray(json)) return json.map((item: Json) => metaFromJson(item) as TensorMeta | null);
  const { shape, dtype, dynamicShape } = json as { shape: number[]; dtype: DType; dynamicShape?: Json };
  const noNodes = (name: string): never => {
    throw new ArgumentError('json', `A shape may not name a node: '${name}'`);
  };
  return {
    shape,
    dtype,
    ...(dynamicShape === undefined ? {} : { dynamicShape: fromJson(dynamicShape, noNodes) as TensorMeta['shape'] }),
  };
}
