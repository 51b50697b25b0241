/** @file Walks a prepared graph and emits each node. */

import { ArgumentError, fx, scope, type Tensor } from '@edgeai/torch';
import { GraphBuilder, type Value } from './builder.ts';
import { emitterOf } from './emit/index.ts';
import { emitActivation, emitBias, emitWeight, type QuantizationFormat } from './emit/quantize.ts';
import { UnsupportedOperatorError } from './errors.ts';
import { Lowering, type LoweringContext } from './lowering.ts';
import {
  asQuantizer,
  type Quantizer,
  type QuantizerNode,
  quantizedInput,
  quantizerOf,
  sameQuantizer,
  stepsOf,
} from './quantizer.ts';

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

/** An ONNX graph, and what a comparison of its results needs to know. */
export interface EmittedGraph {
  readonly builder: GraphBuilder;
  /** Size of a step of each output; `null` for those that no quantiser rounds. */
  readonly outputSteps: readonly (number | null)[];
  readonly quantized: boolean;
}

/** Emits all nodes of a graph. */
export function emitGraph(
  graph: fx.Graph,
  opset: number,
  names: GraphNames,
  format: QuantizationFormat = 'qdq',
): EmittedGraph {
  return new GraphEmitter(graph, opset, format).emit(names);
}

class GraphEmitter implements LoweringContext {
  readonly builder = new GraphBuilder();
  readonly opset: number;
  readonly #graph: fx.Graph;
  readonly #values = new Map<fx.Node, Value | Value[]>();
  readonly #state: ReadonlyMap<string, Tensor>;
  readonly #transposed = new Map<fx.Node, Value>();
  readonly #format: QuantizationFormat;
  readonly #quantizers = new Map<fx.Node, Quantizer>();
  #batch: Value | undefined;

  constructor(graph: fx.Graph, opset: number, format: QuantizationFormat) {
    this.#graph = graph;
    this.opset = opset;
    this.#format = format;
    const { root } = graph;
    this.#state = new Map<string, Tensor>([...root.namedParameters(), ...root.namedBuffers()]);
  }

  emit(names: GraphNames): EmittedGraph {
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
    const outputSteps = results.map(({ value }) => {
      const quantizer = stepsOf(this.#graph, value);
      return quantizer === undefined ? null : Math.max(...this.#quantizerOf(quantizer).scales);
    });
    return { builder: this.builder, outputSteps, quantized: this.#quantizers.size > 0 };
  }

  valueOf(node: fx.Node): Value | Value[] {
    let value = this.#values.get(node);
    // Initialisers are made when something uses them: a transposed weight is not stored a second time.
    if (value === undefined && (node.kind === 'parameter' || node.kind === 'constant')) {
      value = this.builder.initializer(nameOf(node), this.#tensorOf(node));
      this.#values.set(node, value);
    }
    const quantizer = value === undefined ? asQuantizer(this.#graph, node) : undefined;
    if (quantizer !== undefined) {
      value = this.#emitWeight(quantizer, false);
      this.#values.set(node, value);
    }
    if (value === undefined) throw new Error(`internal: '${node.name}' has no value yet`);
    return value;
  }

  transposedState(node: fx.Node): Value | undefined {
    const quantizer = asQuantizer(this.#graph, node);
    const ofWeight = quantizer !== undefined && isState(quantizedInput(quantizer)) ? quantizer : undefined;
    if (!isState(node) && ofWeight === undefined) return undefined;
    let value = this.#transposed.get(node);
    if (value === undefined) {
      value =
        ofWeight === undefined
          ? scope(() => this.builder.initializer(`${nameOf(node)}_transposed`, this.#tensorOf(node).t()))
          : this.#emitWeight(ofWeight, true);
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

  quantizedBias(input: fx.Node, weight: fx.Node, bias: fx.Node): Value | undefined {
    const activation = stepsOf(this.#graph, input);
    if (this.#format !== 'qdq' || activation === undefined || !isState(bias)) return undefined;
    const ofWeight = asQuantizer(this.#graph, weight);
    if (ofWeight === undefined || !isState(quantizedInput(ofWeight))) return undefined;
    const { scales, axis } = this.#quantizerOf(activation);
    const { scales: weightScales } = this.#quantizerOf(ofWeight);
    const [scale] = scales;
    const length = this.#tensorOf(bias).numel();
    if (axis !== null || scale === undefined || (weightScales.length !== 1 && weightScales.length !== length))
      return undefined;
    return emitBias(this.builder, nameOf(bias), this.#tensorOf(bias), scale, weightScales);
  }

  #quantizerOf(node: QuantizerNode): Quantizer {
    let found = this.#quantizers.get(node);
    if (found === undefined) {
      found = quantizerOf(this.#graph, node, (parameter) => this.#tensorOf(parameter));
      this.#quantizers.set(node, found);
    }
    return found;
  }

  /** Weights are emitted when something uses them, activations in their turn. */
  #emitQuantizer(node: QuantizerNode): void {
    const input = quantizedInput(node);
    if (isState(input)) return;
    const quantizer = this.#quantizerOf(node);
    // What lies on the very same steps already is not rounded again.
    const before = stepsOf(this.#graph, input);
    const value =
      before !== undefined && sameQuantizer(this.#quantizerOf(before), quantizer)
        ? this.#single(input)
        : emitActivation(this.builder, node.path.replaceAll('.', '/'), this.#single(input), quantizer, this.#format);
    this.#values.set(node, value);
    this.builder.describe(value, metaOf(node));
  }

  /** A stored weight, under its own name or that of the layer that computed it. */
  #emitWeight(node: QuantizerNode, transposed: boolean): Value {
    const input = quantizedInput(node);
    const name = input.kind === 'parameter' ? input.key : `${node.modulePath || node.path}.weight`;
    return emitWeight(this.builder, name, this.#tensorOf(input), this.#quantizerOf(node), this.#format, transposed);
  }

  #emitNode(node: fx.Node): void {
    const quantizer = asQuantizer(this.#graph, node);
    if (quantizer !== undefined) this.#emitQuantizer(quantizer);
    else if (node.kind === 'call') this.#emitCall(node);
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

  #tensorOf(node: fx.Node): Tensor {
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

function isState(node: fx.Node): node is fx.ParameterNode | fx.ConstantNode {
  return node.kind === 'parameter' || node.kind === 'constant';
}

function nameOf(node: fx.Node): string {
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
