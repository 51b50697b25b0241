/** @file Walks a prepared graph and emits each node. */

import { ArgumentError, fx, scope, type Tensor } from '@edgeai/torch';
import { GraphBuilder, type Value } from './builder.ts';
import { emitterOf } from './emit/index.ts';
import { UnsupportedOperatorError } from './errors.ts';
import { Lowering, type LoweringContext } from './lowering.ts';

export interface GraphNames {
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
}

/** A tensor in a network's result, and its name: the keys and positions that lead to it. */
export interface NamedResult<T> {
  readonly name: string;
  readonly value: T;
}

/** The tensors of a structured result in order. A single one is called `output`. */
export function namedResults<T>(result: unknown, isLeaf: (value: unknown) => value is T): NamedResult<T>[] {
  if (isLeaf(result)) return [{ name: 'output', value: result }];
  const found: NamedResult<T>[] = [];
  const walk = (value: unknown, name: string) => {
    if (isLeaf(value)) found.push({ name, value });
    else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) walk(item, name === '' ? key : `${name}.${key}`);
    }
  };
  walk(result, '');
  // Positions alone are no names.
  return found.map(({ name, value }) => ({
    name: /^\d/.test(name) ? `output_${name.replaceAll('.', '_')}` : name,
    value,
  }));
}

/** Emits all nodes of a graph. */
export function emitGraph(graph: fx.Graph, opset: number, names: GraphNames): GraphBuilder {
  return new GraphEmitter(graph, opset).emit(names);
}

class GraphEmitter implements LoweringContext {
  readonly builder = new GraphBuilder();
  readonly opset: number;
  readonly #graph: fx.Graph;
  readonly #values = new Map<fx.Node, Value | Value[]>();
  readonly #state: ReadonlyMap<string, Tensor>;
  readonly #transposed = new Map<fx.Node, Value>();
  #batch: Value | undefined;

  constructor(graph: fx.Graph, opset: number) {
    this.#graph = graph;
    this.opset = opset;
    const { root } = graph;
    this.#state = new Map<string, Tensor>([...root.namedParameters(), ...root.namedBuffers()]);
  }

  emit(names: GraphNames): GraphBuilder {
    const { placeholders, output, nodes } = this.#graph;
    const results = namedResults(output.args[0], fx.isNode);
    const inputNames = checkNames(
      'inputNames',
      names.inputs ?? (placeholders.length === 1 ? ['input'] : placeholders.map(({ name }) => name)),
      placeholders.length,
    );
    const outputNames = checkNames('outputNames', names.outputs ?? results.map(({ name }) => name), results.length);
    const shared = outputNames.find((name) => inputNames.includes(name));
    if (shared !== undefined)
      throw new ArgumentError('outputNames', `'${shared}' is the name of an input and of an output`);
    placeholders.forEach((node, i) => {
      this.#values.set(node, this.builder.input(inputNames[i] ?? node.name, metaOf(node)));
    });
    // Outputs get their names last, but nothing else may take them.
    for (const name of outputNames) this.builder.unique(name);
    for (const node of nodes) this.#emitNode(node);
    results.forEach(({ value }, i) => {
      this.builder.output(outputNames[i] ?? '', this.#single(value), metaOf(value));
    });
    return this.builder;
  }

  valueOf(node: fx.Node): Value | Value[] {
    let value = this.#values.get(node);
    // Initialisers are made when something uses them: a transposed weight is not stored a second time.
    if (value === undefined && (node.kind === 'parameter' || node.kind === 'constant')) {
      value = this.builder.initializer(nameOf(node), this.#tensorOf(node));
      this.#values.set(node, value);
    }
    if (value === undefined) throw new Error(`internal: '${node.name}' has no value yet`);
    return value;
  }

  transposedState(node: fx.Node): Value | undefined {
    if (node.kind !== 'parameter' && node.kind !== 'constant') return undefined;
    let value = this.#transposed.get(node);
    if (value === undefined) {
      value = scope(() => this.builder.initializer(`${nameOf(node)}_transposed`, this.#tensorOf(node).t()));
      this.#transposed.set(node, value);
    }
    return value;
  }

  batchSize(): Value {
    if (this.#batch === undefined) {
      const { batchSource } = this.#graph;
      if (batchSource === undefined) throw new Error('internal: a size follows the batch, but no input has it');
      const [shape = ''] = this.builder.node('batch/Shape', 'Shape', [this.#single(batchSource.node)]);
      const [size = ''] = this.builder.node(
        'batch/Gather',
        'Gather',
        [shape, this.builder.constant([batchSource.dim], 'int64')],
        { axis: 0 },
      );
      this.#batch = size;
    }
    return this.#batch;
  }

  #emitNode(node: fx.Node): void {
    if (node.kind === 'call') this.#emitCall(node);
    else if (node.kind === 'item') this.#values.set(node, this.#item(node));
    else if (node.kind === 'module') throw new Error(`internal: '${node.target}' was not captured as operators`);
  }

  #emitCall(node: fx.CallNode): void {
    const call = new Lowering(node, this);
    const emitter = emitterOf(node.operator.name);
    if (emitter === undefined) throw call.unsupported('no ONNX counterpart is known');
    const value = emitter(call);
    this.#values.set(node, value);
    const metas = node.meta === null || 'shape' in node.meta ? [node.meta] : node.meta;
    [value].flat().forEach((name, i) => {
      const meta = metas[i];
      if (meta !== null && meta !== undefined) this.builder.describe(name, meta);
    });
  }

  #item(node: fx.ItemNode): Value {
    const [parent] = node.args as readonly fx.Node[];
    const values = parent === undefined ? undefined : this.#values.get(parent);
    const found = Array.isArray(values) ? values[Number(node.key)] : undefined;
    if (found === undefined) {
      const name = parent?.kind === 'call' ? parent.operator.qualifiedName : (parent?.name ?? node.name);
      throw new UnsupportedOperatorError(
        name,
        node.modulePath,
        [],
        `its result number ${node.key} has no ONNX counterpart`,
      );
    }
    return found;
  }

  #tensorOf(node: fx.ParameterNode | fx.ConstantNode): Tensor {
    const found = node.kind === 'parameter' ? this.#state.get(node.key) : this.#graph.constants.get(node.name);
    if (found === undefined) throw new Error(`internal: '${node.name}' has no tensor`);
    return found;
  }

  #single(node: fx.Node): Value {
    const value = this.valueOf(node);
    if (typeof value !== 'string') throw new Error(`internal: '${node.name}' is a list`);
    return value;
  }
}

function nameOf(node: fx.ParameterNode | fx.ConstantNode): string {
  return node.kind === 'parameter' ? node.key : node.path;
}

function metaOf(node: fx.Node): fx.TensorMeta {
  const meta = fx.tensorMeta(node);
  if (meta === undefined) throw new Error(`internal: the shape of '${node.name}' is not known`);
  return meta;
}

function checkNames(argument: string, names: readonly string[], count: number): readonly string[] {
  if (names.length !== count)
    throw new ArgumentError(argument, `Expected ${count} names for ${argument} but received ${names.length}`);
  if (new Set(names).size !== count || names.includes(''))
    throw new ArgumentError(argument, `Names must differ and not be empty: ${names.join(', ')}`);
  return names;
}
