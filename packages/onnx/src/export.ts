/** @file `exportOnnx`: from a network to an ONNX file. */

import { readFileSync } from 'node:fs';
import { ArgumentError, describeValue, type nn, noGrad, scope, Tensor } from '@edgeai/torch';
import { checkModel } from './check.ts';
import type { QuantizationFormat } from './emit/quantize.ts';
import { emitGraph } from './emit-graph.ts';
import { InvalidModelError } from './errors.ts';
import { withExportGraph } from './prepare.ts';
import type { ModelProto, StringStringEntryProto } from './proto/onnx.ts';
import { writeOnnx } from './write.ts';

/** Versions of the ONNX operators that can be chosen, and the file format that belongs to each. */
const IR_VERSIONS: Readonly<Record<number, number>> = { 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9 };

const OPSETS = Object.keys(IR_VERSIONS).map(Number);

/** What is stored beside the graph. Texts as they are, everything else as JSON. */
export interface ExportMetadata {
  /** Names of the classes, in the order of the outputs. */
  readonly classes?: readonly string[];
  /** How images become inputs. */
  readonly preprocessing?: unknown;
  readonly [key: string]: unknown;
}

export interface ExportOptions {
  /** Where to write the file. Without it, only the model in memory is made. */
  path?: string;
  /** Version of the ONNX operators, 13 to 20. Default 17. */
  opset?: number;
  /** Let the model take any batch size, not only that of the example. Default `false`. */
  dynamicBatch?: boolean;
  /** Default: `input` for a single one, else the names of forward's parameters. */
  inputNames?: readonly string[];
  /** Default: `output` for a single one, the keys of a record, `output_0` … of an array. */
  outputNames?: readonly string[];
  /** Name of the graph. Default: the class of the network. */
  modelName?: string;
  metadata?: ExportMetadata;
  /** How quantisers are written: `qdq` (default) for runtimes with integer kernels, `clip` for those that quantise by themselves. */
  quantizationFormat?: QuantizationFormat;
  /** Fold batch norms into the convolutions before them. Default `true`. */
  foldBatchNorm?: boolean;
  /** Bytes of weights from which on they go to `<path>.data`. Default: just under 2 GiB, where they must. */
  externalDataThreshold?: number;
}

export interface ExportedModel {
  readonly model: ModelProto;
  readonly path: string | undefined;
  /** The second file, for weights of 2 GiB and more. */
  readonly dataPath: string | undefined;
  readonly opset: number;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** The network has quantisers: results are compared by steps. */
  readonly quantized: boolean;
  /** Size of a step of each output; `null` for those that no quantiser rounds. */
  readonly outputSteps: readonly (number | null)[];
}

/**
 * Exports a network, in evaluation mode; its mode, weights and memory format are left as they are.
 *
 * ```ts
 * exportOnnx(model, [torch.randn([1, 3, 224, 224])], { path: 'model.onnx' });
 * await verifyOnnx('model.onnx', model, [[torch.randn([1, 3, 224, 224])]]);
 * ```
 *
 * @param exampleInputs forward's arguments; their shapes become those of the model
 * @throws {UnsupportedOperatorError} naming the operator, the module that calls it and its inputs
 * @throws {FileWriteError} when the file cannot be written; one that was there stays
 */
export function exportOnnx(
  model: nn.AnyModule,
  exampleInputs: readonly unknown[],
  options: ExportOptions = {},
): ExportedModel {
  const { path, opset = 17, dynamicBatch = false, foldBatchNorm = true, externalDataThreshold } = options;
  const irVersion = IR_VERSIONS[opset];
  if (irVersion === undefined) {
    throw new ArgumentError(
      'opset',
      `Expected an opset between ${OPSETS[0]} and ${OPSETS.at(-1)} for opset but received ${describeValue(opset)}`,
    );
  }
  if (!Array.isArray(exampleInputs)) {
    throw new ArgumentError(
      'exampleInputs',
      `Expected an array of forward's arguments for exampleInputs but received ${describeValue(exampleInputs)}`,
    );
  }
  const {
    builder: made,
    quantized,
    outputSteps,
  } = noGrad(() =>
    scope(() =>
      // Copies in row-major order: a network may write to its input.
      withExportGraph(model, exampleInputs.map(copyInputs), { dynamicBatch, foldBatchNorm }, (graph) =>
        emitGraph(
          graph,
          opset,
          { inputs: options.inputNames, outputs: options.outputNames },
          options.quantizationFormat,
        ),
      ),
    ),
  );
  const proto: ModelProto = {
    irVersion,
    producerName: '@edgeai/onnx',
    producerVersion: version(),
    graph: {
      name: options.modelName ?? model.constructor.name,
      node: made.nodes,
      initializer: made.initializers,
      input: made.inputs,
      output: made.outputs,
      valueInfo: made.valueInfo,
    },
    opsetImport: [{ domain: '', version: opset }],
    metadataProps: metadataEntries(options.metadata ?? {}),
  };
  const problems = checkModel(proto);
  if (problems.length > 0) throw new InvalidModelError(problems);
  const dataPath = path === undefined ? undefined : writeOnnx(path, proto, { externalDataThreshold });
  const names = (values: { name?: string }[]) => values.map(({ name = '' }) => name);
  return {
    model: proto,
    path,
    dataPath,
    opset,
    inputNames: names(made.inputs),
    outputNames: names(made.outputs),
    quantized,
    outputSteps,
  };
}

function copyInputs(value: unknown): unknown {
  if (value instanceof Tensor) return value.detach().clone({ memoryFormat: 'contiguous_format' });
  if (Array.isArray(value)) return value.map(copyInputs);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyInputs(item)]));
}

function metadataEntries(metadata: ExportMetadata): StringStringEntryProto[] {
  return Object.entries(metadata).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: typeof value === 'string' ? value : JSON.stringify(value) }],
  );
}

let ownVersion: string | undefined;

function version(): string {
  ownVersion ??= (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
  return ownVersion;
}
