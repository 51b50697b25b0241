/**
 * @file Runs an ONNX graph operator by operator in torch.
 *
 * The first run makes the layers and computes what depends on stored values alone; the runs after it, which a capture
 * listens to, find both ready.
 */

import { EdgeAIError, isFloatingPoint, keep, nn, scope, type Tensor } from '@edgeai/torch';
import { OnnxImportError } from '../errors.ts';
import type { GraphProto, NodeProto } from '../proto/onnx.ts';
import { type ImportContext, OnnxCall, type Rounding, storedTensor } from './call.ts';
import { layerPath, validPath } from './names.ts';
import { loweringOf } from './operators/index.ts';
import { place } from './tree.ts';

/** Results that are known whatever the values of the input are. */
const READS_SHAPE = new Set(['Shape', 'Size']);

/** Stay operators although all they take is stored: random numbers, and quantisers of weights, which exports look for. */
const NOT_FOLDED = /^(Random|Multinomial|Bernoulli|If$|QuantizeLinear$)/;

export class Execution implements ImportContext {
  readonly opset: number;
  readonly #root: nn.AnyModule;
  readonly #graph: GraphProto;
  readonly #stored = new Map<string, Tensor>();
  readonly #parameters = new Map<string, nn.Parameter>();
  /** Parameters that operators use directly. */
  readonly #ownerless = new Set<nn.Parameter>();
  readonly #layers = new Map<NodeProto, nn.AnyModule>();
  readonly #folded = new Set<NodeProto>();
  #built = false;
  #folding = false;
  #values = new Map<string, Tensor>();
  #known = new Map<string, Tensor>();
  #roundings = new Map<string, Rounding>();

  /** @param fixed values of inputs that are no inputs of the network */
  constructor(root: nn.AnyModule, graph: GraphProto, opset: number, fixed: Readonly<Record<string, Tensor>>) {
    this.#root = root;
    this.#graph = graph;
    this.opset = opset;
    for (const [name, value] of Object.entries(fixed)) this.#stored.set(name, keep(value.detach().clone()));
    this.#load(graph);
  }

  /** Names of the outputs, in order. */
  get outputNames(): string[] {
    return (this.#graph.output ?? []).map(({ name = '' }) => name);
  }

  /** Runs the graph on the inputs that are not fixed, by name. */
  run(inputs: ReadonlyMap<string, Tensor>): Tensor[] {
    this.#values = new Map(inputs);
    this.#known = new Map();
    this.#roundings = new Map();
    this.#runNodes(this.#graph.node ?? []);
    this.#built = true;
    return this.outputNames.map((name) => this.value(name));
  }

  /** Releases the stored values; parameters stay. */
  dispose(): void {
    for (const value of this.#stored.values()) value.dispose();
    this.#stored.clear();
  }

  /** Releases the parameters and layers too: the import failed. */
  abandon(): void {
    this.dispose();
    for (const parameter of this.#parameters.values()) parameter.dispose();
    for (const layer of this.#layers.values()) layer.dispose();
  }

  get folding(): boolean {
    return this.#folding;
  }

  value(name: string): Tensor {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    const stored = this.#stored.get(name);
    if (stored === undefined) throw new Error(`internal: '${name}' has no value`);
    return !this.#folding && isTrainable(stored) ? this.#placed(name, this.parameter(name)) : stored;
  }

  known(name: string): Tensor | undefined {
    return this.#stored.get(name) ?? this.#known.get(name);
  }

  stored(name: string): Tensor | undefined {
    return this.#stored.get(name);
  }

  parameter(name: string): nn.Parameter {
    let found = this.#parameters.get(name);
    if (found === undefined) {
      const stored = this.#stored.get(name);
      if (stored === undefined) throw new Error(`internal: '${name}' is not stored`);
      found = new nn.Parameter(stored);
      this.#parameters.set(name, found);
    }
    return found;
  }

  dequantizedParameter(name: string, make: () => Tensor): nn.Parameter {
    let found = this.#parameters.get(name);
    if (found === undefined) {
      found = new nn.Parameter(scope(make));
      this.#parameters.set(name, found);
    }
    return this.#placed(name, found);
  }

  layer(node: NodeProto, weight: string | undefined, make: () => nn.AnyModule): nn.AnyModule {
    let found = this.#layers.get(node);
    if (found === undefined) {
      found = make();
      this.#layers.set(node, found);
      place(this.#root, layerPath(node, weight), found);
    }
    return found;
  }

  rounding(name: string): Rounding | undefined {
    return this.#roundings.get(name);
  }

  setRounding(name: string, rounding: Rounding): void {
    this.#roundings.set(name, rounding);
  }

  inline(graph: GraphProto): Tensor[] {
    if (!this.#built) this.#load(graph);
    this.#runNodes(graph.node ?? []);
    return (graph.output ?? []).map(({ name = '' }) => this.value(name));
  }

  /** Gives a parameter that no layer owns a place in the network. */
  #placed(name: string, parameter: nn.Parameter): nn.Parameter {
    if (!this.#ownerless.has(parameter)) {
      this.#ownerless.add(parameter);
      place(this.#root, validPath(name), parameter);
    }
    return parameter;
  }

  #load(graph: GraphProto): void {
    for (const initializer of graph.initializer ?? []) {
      const { name = '' } = initializer;
      if (!this.#stored.has(name)) this.#stored.set(name, keep(scope(() => storedTensor(initializer))));
    }
  }

  #runNodes(nodes: readonly NodeProto[]): void {
    for (const node of nodes) if (!this.#folded.has(node)) this.#runNode(node);
  }

  #runNode(node: NodeProto): void {
    const call = new OnnxCall(node, this);
    const lower = loweringOf(node);
    if (lower === undefined) throw call.unsupported('no counterpart is known');
    const inputs = (node.input ?? []).filter((name) => name !== '');
    const { opType = '' } = node;
    const fold =
      !this.#built &&
      !NOT_FOLDED.test(opType) &&
      !isWeightOfQuantiser(call) &&
      inputs.every((name) => this.#stored.has(name));
    if (fold) {
      this.#fold(node, () => lower(call));
      return;
    }
    const results = guarded(call, () => lower(call));
    const isKnown =
      READS_SHAPE.has(opType) || (inputs.length > 0 && inputs.every((name) => this.known(name) !== undefined));
    outputsOf(node, results, (name, value) => {
      this.#values.set(name, value);
      if (isKnown) this.#known.set(name, value);
    });
  }

  #fold(node: NodeProto, compute: () => ReturnType<NonNullable<ReturnType<typeof loweringOf>>>): void {
    this.#folding = true;
    try {
      scope(() => {
        const results = guarded(new OnnxCall(node, this), compute);
        // A copy: results may be views of what they were made from.
        outputsOf(node, results, (name, value) => this.#stored.set(name, keep(value.detach().clone())));
      });
    } finally {
      this.#folding = false;
    }
    this.#folded.add(node);
  }
}

/** Weights are trained; single numbers and integers are part of the graph. */
function isTrainable(value: Tensor): boolean {
  return isFloatingPoint(value.dtype) && value.numel() > 1;
}

function isWeightOfQuantiser(call: OnnxCall): boolean {
  return call.opType === 'DequantizeLinear' && (call.context.stored(call.inputName(0))?.ndim ?? 0) > 1;
}

function outputsOf(
  { output = [] }: NodeProto,
  results: Tensor | readonly (Tensor | null)[],
  use: (name: string, value: Tensor) => void,
): void {
  const list = Array.isArray(results) ? (results as readonly (Tensor | null)[]) : [results as Tensor];
  output.forEach((name, i) => {
    const value = list[i];
    if (name !== '' && value !== null && value !== undefined) use(name, value);
  });
}

/** Says which node it was when torch refuses what it was given. */
function guarded<T>(call: OnnxCall, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof OnnxImportError || !(error instanceof EdgeAIError)) throw error;
    throw new OnnxImportError([{ node: call.label, opType: call.opType, reason: error.message }], { cause: error });
  }
}
