/** @file Puts quantisers into a network: captures it, decides where they go, and inserts them. */

import { fx, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import { type ActivationSite, type Annotation, annotate, type QuantizationGroup } from './annotate.ts';
import { type QuantizationConfig, type ResolvedConfig, resolveConfig } from './config.ts';
import { QuantizationError } from './errors.ts';
import { FakeQuantize } from './fake-quantize.ts';
import { isQuantizationLeaf } from './operators.ts';
import { createQuantizer } from './qat/create-quantizer.ts';
import type { RangeMethod } from './qat/range-method.ts';
import { QuantizedLayer, type WeightedLayer } from './quantized-layer.ts';
import { QuantizedModel } from './quantized-model.ts';

const ACTIVATIONS = 'activation_fake_quant';
const PARAMETERS = 'parameter_fake_quant';

/**
 * A copy of `model` with quantisers for weights and results. They observe and round from the first call on; `model` itself is left
 * alone, and no part of it is kept.
 *
 * ```ts
 * const quantized = prepareQuantization(model, [x], { target: 'tidl' });
 * quantized.setQuantizers({ quantizing: false });
 * for (const batch of calibration) scope(() => quantized(batch));
 * quantized.setQuantizers({ observing: false, quantizing: true });
 * ```
 *
 * The network is captured in evaluation mode; layers keep following the mode afterwards.
 *
 * @param exampleInputs forward's arguments; where these are tensors with a batch in dimension 0, the result takes any batch
 * @throws {ArgumentError} for a config that cannot be; {QuantizationError} for a network that has quantisers already
 */
export function prepareQuantization<Args extends unknown[] = [Tensor], Out = Tensor>(
  model: nn.Module<Args, Out>,
  exampleInputs: readonly unknown[],
  config: QuantizationConfig = {},
): QuantizedModel<Args, Out> {
  const resolved = resolveConfig(config);
  const own = nn.cloneModule(model);
  const { training } = model;
  own.eval();
  const prepared = noGrad(() =>
    scope(() => {
      const graph = captureAnyBatch(own as nn.AnyModule, exampleInputs);
      try {
        return insertQuantizers(QuantizedModel.over<Args, Out>(graph, config), resolved);
      } finally {
        graph.dispose();
      }
    }),
  );
  return prepared.train(training);
}

/** Captures with two batch sizes where the inputs and the network allow it, else once. */
function captureAnyBatch(model: nn.AnyModule, inputs: readonly unknown[]): fx.Graph {
  const options = { isLeaf: isQuantizationLeaf };
  const isBatch = (value: unknown): value is Tensor => isTensor(value) && value.ndim > 0 && value.size(0) > 0;
  if (!inputs.some(isBatch)) return fx.capture(model, inputs, options);
  const make = (batch: number) =>
    inputs.map((value) =>
      isBatch(value)
        ? value
            .narrow(0, 0, 1)
            .expand([batch, ...value.shape.slice(1)])
            .contiguous()
        : value,
    );
  try {
    return fx.captureWithBatch(model, make, options);
  } catch (error) {
    if (error instanceof fx.CaptureError) return fx.capture(model, inputs, options);
    throw error;
  }
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'ndim' in value && 'dtype' in value;
}

/** Edits the model's graph and tree. */
function insertQuantizers<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  config: ResolvedConfig,
): QuantizedModel<Args, Out> {
  const { graph } = model;
  const moduleOf = (path: string) => model.getSubmodule(path);
  for (const module of model.modules())
    if (fx.isFakeQuantizer(module)) throw new QuantizationError('This network has quantisers already');
  const annotation = annotate(graph, config, moduleOf);
  const activations = new nn.ModuleDict();
  const parameters = new nn.ModuleDict();
  // Results first: layers then take in the norms whose results these are.
  insertActivations(graph, annotation, config, activations);
  for (const group of annotation.groups)
    if (group.rule.role === 'weighted') quantizeWeight(model, group, config, parameters);
  model.addSubmodule(ACTIVATIONS, activations);
  if (parameters.entries().length > 0) model.addSubmodule(PARAMETERS, parameters);
  if (config.roundBiases) linkInputs(model);
  if (config.foldBatchNorm) model.foldNorms();
  return model.recompile();
}

/** Tells each layer which quantiser its input comes from, unless calls differ. */
function linkInputs<Args extends unknown[], Out>(model: QuantizedModel<Args, Out>): void {
  const inputs = new Map<QuantizedLayer, Set<FakeQuantize | undefined>>();
  for (const node of model.graph.nodes) {
    if (node.kind !== 'module') continue;
    const layer = model.getSubmodule(node.target);
    if (!(layer instanceof QuantizedLayer)) continue;
    const [source] = node.args;
    const before = fx.isNode(source) && source.kind === 'module' ? model.getSubmodule(source.target) : undefined;
    const found = before instanceof FakeQuantize && before.scale.numel() === 1 ? before : undefined;
    inputs.set(layer, (inputs.get(layer) ?? new Set()).add(found));
  }
  for (const [layer, found] of inputs) if (found.size === 1) [layer.input] = found;
}

function quantizeWeight<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  { head, norm, weight: scheme }: QuantizationGroup,
  config: ResolvedConfig,
  parameters: nn.ModuleDict,
): void {
  const { graph } = model;
  if (head.kind === 'module') {
    const layer = model.getSubmodule(head.target);
    if (!(layer instanceof QuantizedLayer)) {
      const inside = norm === undefined ? undefined : model.getSubmodule(norm.target);
      // The rule for weighted modules names exactly these classes, that for norms those with these properties.
      const made = new QuantizedLayer(
        layer as WeightedLayer,
        head.target,
        scheme,
        inside as QuantizedLayer['norm'],
        config.preserveSparsity,
        config.ranges,
      );
      model.setSubmodule(head.target, made as nn.AnyModule);
    }
    if (norm !== undefined) {
      graph.replaceUses(norm, head);
      graph.erase(norm);
    }
    return;
  }
  const weight = head.args[1];
  if (scheme === null || !fx.isNode(weight) || head.kind !== 'call') return;
  const meta = fx.tensorMeta(weight);
  if (meta === undefined) return;
  const transposed = fx.operatorBaseName(head.operator.name).startsWith('conv_transpose');
  if (!parameters.has(weight.name)) {
    const options = { layer: weight.path, role: 'weight', axis: transposed ? 1 : 0, shape: meta.shape } as const;
    parameters.set(weight.name, createQuantizer(scheme, options, config.ranges) as unknown as nn.Module);
  }
  const target = `${PARAMETERS}.${weight.name}`;
  const node = graph.add({ kind: 'module', target, path: target, args: [weight], meta }, head);
  head.args = head.args.map((argument, i) => (i === 1 ? node : argument));
}

function insertActivations(
  graph: fx.Graph,
  { sites, moved }: Annotation,
  config: ResolvedConfig,
  activations: nn.ModuleDict,
): void {
  const users = graph.users();
  for (const [value, site] of sites) {
    const meta = fx.tensorMeta(value);
    if (meta === undefined) continue;
    if (!config.quantizeOutput && (users.get(value) ?? []).every((user) => user.kind === 'output')) continue;
    if (!activations.has(site.name))
      activations.set(site.name, makeQuantizer(site, config.ranges) as unknown as nn.Module);
    const target = `${ACTIVATIONS}.${site.name}`;
    const after = graph.nodes[graph.nodes.indexOf(value) + 1];
    const args = moved.has(value) ? [value, true] : [value];
    const node = graph.add({ kind: 'module', target, path: target, args, meta }, after);
    graph.replaceUses(value, node);
    node.args = args;
  }
}

function makeQuantizer({ scheme, place, nonNegative, values }: ActivationSite, ranges: RangeMethod): FakeQuantize {
  return createQuantizer(scheme, { layer: place.path, role: 'activation', nonNegative, values }, ranges);
}
