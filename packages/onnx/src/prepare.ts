/** @file From a network to a graph of operators alone: captured in evaluation mode, batch norms folded, constants computed. */

import { ArgumentError, arange, fx, type nn, scope, Tensor } from '@edgeai/torch';

const QUANTIZERS = /^aten::fake_quantize_per_/;

export interface PrepareOptions {
  readonly dynamicBatch: boolean;
  readonly foldBatchNorm: boolean;
}

/**
 * Calls `use` with the graph to export, in which every node is an input, a parameter, a constant or an operator. The network
 * is in evaluation mode while this runs and as it was afterwards. Its memory format does not matter: weights and example
 * inputs are read in row-major order.
 */
export function withExportGraph<T>(
  model: nn.AnyModule,
  inputs: readonly unknown[],
  options: PrepareOptions,
  use: (graph: fx.Graph) => T,
): T {
  return inEvaluation(model, () => {
    const capture = options.dynamicBatch
      ? (network: nn.AnyModule, more?: fx.CaptureOptions) =>
          fx.captureWithBatch(network, (batch) => withBatch(inputs, batch), more)
      : (network: nn.AnyModule, more?: fx.CaptureOptions) => fx.capture(network, inputs, more);
    // Folding needs layers as nodes; emission needs their operators, which a second capture of the folded graph records.
    // Quantisers stay whole in both: what they do is for the export to say.
    const isQuantizer = (module: nn.AnyModule) => fx.isFakeQuantizer(module);
    using layers = capture(model, { isLeaf: (module) => fx.isLeafModule(module) || isQuantizer(module) });
    using network = new fx.GraphModule<unknown[], unknown>(layers);
    using folded = options.foldBatchNorm ? fx.fuseConvBn(network) : new fx.GraphModule<unknown[], unknown>(layers);
    using graph = capture(folded, { isLeaf: isQuantizer });
    return use(fx.foldConstants(graph, { freeze: true, keep: (node) => QUANTIZERS.test(node.operator.name) }));
  });
}

/** Runs `fn` with all modules in evaluation mode and restores each one's mode. */
export function inEvaluation<T>(model: nn.AnyModule, fn: () => T): T {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    return fn();
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

/** The inputs with another batch size: samples are repeated as often as needed. */
function withBatch(inputs: readonly unknown[], batch: number): unknown[] {
  const first = firstTensor(inputs);
  const size = first?.shape[0];
  if (size === undefined || size === 0)
    throw new ArgumentError('exampleInputs', 'A dynamic batch needs an input tensor with a batch dimension');
  const resize = (value: unknown): unknown => {
    if (value instanceof Tensor) {
      if (value.shape[0] !== size) return value;
      return scope(() => value.indexSelect(0, arange(batch, undefined, 1, { device: value.device }).remainder(size)));
    }
    if (Array.isArray(value)) return value.map(resize);
    if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resize(item)]));
    return value;
  };
  return inputs.map(resize);
}

function firstTensor(value: unknown): Tensor | undefined {
  if (value instanceof Tensor) return value;
  const items = Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
  for (const item of items) {
    const found = firstTensor(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
