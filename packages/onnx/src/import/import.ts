/** @file `importOnnx`: from an ONNX file to a network that can be trained, changed and exported like any other. */

import {
  ArgumentError,
  type DType,
  EdgeAIError,
  full,
  fx,
  getRngState,
  isFloatingPoint,
  nn,
  noGrad,
  scope,
  setRngState,
  type Tensor,
} from '@edgeai/torch';
import { OnnxImportError, type UnsupportedNode } from '../errors.ts';
import { decode } from '../proto/decode.ts';
import { type GraphProto, type ModelProto, modelProto, type NodeProto, type ValueInfoProto } from '../proto/onnx.ts';
import { readOnnx } from '../read.ts';
import { torchType } from '../types.ts';
import { Execution } from './execution.ts';
import { fuseLinear } from './fuse-linear.ts';
import { validPath } from './names.ts';
import { loweringOf } from './operators/index.ts';
import { prune } from './tree.ts';

export interface ImportOptions {
  /** Sizes of inputs by name, where the file leaves them open. The first is that of the example batch. */
  inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** Values of inputs that shall be part of the network instead: shapes and the like, which must be known. */
  fixedInputs?: Readonly<Record<string, Tensor>>;
  /** Let the network take any batch size. Default: whether the file does; where the graph cannot, it is imported for one. */
  dynamicBatch?: boolean;
}

/** What a file says of itself. */
export interface ImportedInfo {
  readonly opset: number;
  readonly producer: string;
  /** Name of the graph in the file. */
  readonly name: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Sizes of the inputs with which the file was run. */
  readonly inputShapes: readonly (readonly number[])[];
  /** The network takes any batch size. */
  readonly dynamicBatch: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A network from a file. It owns its parameters. */
export class ImportedNetwork extends fx.GraphModule<Tensor[], Tensor | Record<string, Tensor>> {
  declare readonly info: ImportedInfo;

  constructor(graph: fx.Graph, info: ImportedInfo) {
    super(graph);
    Object.defineProperty(this, 'info', { value: info, enumerable: false });
  }

  override dispose(): void {
    super.dispose();
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.dispose();
  }
}

/** The network while it is captured; its forward runs the file. */
class Root extends nn.Module<Tensor[], unknown> {
  readonly #run: (inputs: readonly Tensor[]) => unknown;

  constructor(run: (inputs: readonly Tensor[]) => unknown) {
    super();
    this.#run = run;
  }

  forward(...inputs: Tensor[]): unknown {
    return this.#run(inputs);
  }
}

interface Input {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly followsBatch: boolean;
}

/**
 * Imports a model. Convolutions, norms, linear layers, activations and pools become layers of `nn`, everything else operators
 * of the graph; weights become parameters, under the names that they have in the file as far as these can be state-dict keys.
 * The network is in evaluation mode; its result is a tensor, or a record by the names of the outputs where there are several.
 *
 * ```ts
 * const network = importOnnx('model.onnx');
 * network(torch.randn([1, 3, 224, 224]));
 * ```
 *
 * @param source path or contents of a file, or a model that was read
 * @throws {OnnxImportError} naming all nodes without a counterpart, or the one whose attributes have none
 * @throws {DynamicValueError} when a shape depends on the values of inputs
 * @throws {FileFormatError} when the file is none
 */
export function importOnnx(source: string | Uint8Array | ModelProto, options: ImportOptions = {}): ImportedNetwork {
  const model = read(source);
  const { graph } = model;
  if (graph === undefined) throw new ArgumentError('source', 'The model has no graph');
  const opset = model.opsetImport?.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx')?.version ?? 1;
  const problems = unsupportedNodes(graph);
  if (problems.length > 0) throw new OnnxImportError(problems);
  const { fixedInputs = {} } = options;
  const inputs = describeInputs(graph, options);
  const wanted = options.dynamicBatch ?? inputs.some(({ followsBatch }) => followsBatch);
  const fused = fuseLinear(graph);
  const attempt = (dynamicBatch: boolean) =>
    importGraph(fused, opset, inputs, fixedInputs, { ...describe(model, graph, opset), dynamicBatch });
  if (!wanted) return attempt(false);
  try {
    return attempt(true);
  } catch (error) {
    // The graph has a batch size built in: it is imported for that one, unless any was asked for.
    if (options.dynamicBatch === true || !(error instanceof EdgeAIError)) throw error;
    return attempt(false);
  }
}

/** Nodes of operators that cannot be imported, those in sub-graphs too. */
export function unsupportedNodes(graph: GraphProto): UnsupportedNode[] {
  return (graph.node ?? []).flatMap((node) => {
    const inner = (node.attribute ?? []).flatMap(({ g, graphs = [] }) => (g === undefined ? graphs : [g]));
    const own = loweringOf(node) === undefined ? [problem(node)] : [];
    return [...own, ...inner.flatMap(unsupportedNodes)];
  });
}

function problem({ name = '', opType = '', output = [], domain = '' }: NodeProto): UnsupportedNode {
  const reason =
    domain === '' || domain === 'ai.onnx' ? 'no counterpart is known' : `operators of '${domain}' are not known`;
  return { node: name === '' ? (output[0] ?? '') : name, opType, reason };
}

function read(source: string | Uint8Array | ModelProto): ModelProto {
  if (typeof source === 'string') return readOnnx(source);
  return source instanceof Uint8Array ? decode(modelProto, source) : source;
}

function describe(model: ModelProto, graph: GraphProto, opset: number) {
  return {
    opset,
    producer: model.producerName ?? '',
    name: graph.name ?? '',
    metadata: Object.fromEntries((model.metadataProps ?? []).map(({ key = '', value = '' }) => [key, value])),
  };
}

/** The inputs that are not stored values and not fixed. */
function describeInputs(graph: GraphProto, { inputShapes = {}, fixedInputs = {} }: ImportOptions): Input[] {
  const stored = new Set([...(graph.initializer ?? []).map(({ name = '' }) => name), ...Object.keys(fixedInputs)]);
  const infos = (graph.input ?? []).filter(({ name = '' }) => !stored.has(name));
  const names = infos.map(({ name = '' }) => name);
  for (const name of [...Object.keys(inputShapes), ...Object.keys(fixedInputs)]) {
    if (!(graph.input ?? []).some((input) => input.name === name))
      throw new ArgumentError('inputShapes', `The model has no input '${name}'; its inputs: ${names.join(', ')}`);
  }
  return infos.map((info) => describeInput(info, inputShapes[info.name ?? '']));
}

function describeInput({ name = '', type }: ValueInfoProto, given: readonly number[] | undefined): Input {
  const dtype = torchType(type?.tensorType?.elemType);
  if (dtype === undefined)
    throw new OnnxImportError([
      {
        node: name,
        opType: 'input',
        reason: `torch has no tensors of ONNX's element type ${type?.tensorType?.elemType}`,
      },
    ]);
  const dims = type?.tensorType?.shape?.dim;
  if (dims === undefined && given === undefined) throw openShape(name, 'an unknown number of dimensions');
  if (given !== undefined && dims !== undefined && given.length !== dims.length)
    throw new ArgumentError('inputShapes', `Input '${name}' has ${dims.length} dimensions, not ${given.length}`);
  const isOpen = (i: number) => !((dims?.[i]?.dimValue ?? 0) > 0);
  const shape = (given ?? dims ?? []).map((_, i) => {
    const size = given?.[i] ?? dims?.[i]?.dimValue;
    if (given === undefined && isOpen(i)) {
      if (i === 0) return 1;
      throw openShape(name, `dimension ${i} ('${dims?.[i]?.dimParam ?? '?'}') open`);
    }
    return size ?? 1;
  });
  return {
    name,
    shape,
    dtype,
    followsBatch: dims !== undefined && dims.length > 1 && isOpen(0) && dims[0]?.dimValue !== 0,
  };
}

function openShape(name: string, what: string): ArgumentError {
  return new ArgumentError(
    'inputShapes',
    `The file leaves input '${name}' with ${what}; give its sizes in inputShapes`,
  );
}

function importGraph(
  graph: GraphProto,
  opset: number,
  inputs: readonly Input[],
  fixed: Readonly<Record<string, Tensor>>,
  facts: Omit<ImportedInfo, 'inputNames' | 'outputNames' | 'inputShapes'>,
): ImportedNetwork {
  const random = getRngState();
  const root: Root = new Root((values) => {
    const results = execution.run(new Map(inputs.map(({ name }, i) => [name, values[i] as Tensor])));
    const [only] = results;
    if (results.length === 1) return only;
    return Object.fromEntries(execution.outputNames.map((name, i) => [name, results[i]]));
  });
  const execution = new Execution(root, graph, opset, fixed);
  const exampleInputs = (batch?: number) =>
    inputs.map(({ shape, dtype, followsBatch }) =>
      // Integers may be divisors or positions: 1 is safe for both nearly everywhere.
      full(batch !== undefined && followsBatch ? [batch, ...shape.slice(1)] : shape, isFloatingPoint(dtype) ? 0 : 1, {
        dtype,
      }),
    );
  try {
    root.eval();
    noGrad(() => scope(() => void root(...exampleInputs(facts.dynamicBatch ? 2 : undefined))));
    root.eval();
    const inputNames = inputs.map(({ name }) => validPath(name).replaceAll('.', '_'));
    using captured = scope(() =>
      facts.dynamicBatch
        ? fx.captureWithBatch(root, (batch) => exampleInputs(batch), { inputNames })
        : fx.capture(root, exampleInputs(), { inputNames }),
    );
    fx.foldConstants(captured);
    prune(root, {
      modules: new Set(captured.nodes.flatMap((node) => (node.kind === 'module' ? [node.target] : []))),
      keys: new Set(captured.nodes.flatMap((node) => (node.kind === 'parameter' ? [node.key] : []))),
    });
    return new ImportedNetwork(captured, {
      ...facts,
      inputNames: inputs.map(({ name }) => name),
      outputNames: execution.outputNames,
      inputShapes: inputs.map(({ shape }) => shape),
    });
  } catch (error) {
    execution.abandon();
    throw error;
  } finally {
    execution.dispose();
    setRngState(random);
    random.dispose();
  }
}
