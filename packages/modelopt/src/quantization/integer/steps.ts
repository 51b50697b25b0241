/** @file On which quantiser's steps the values of a graph lie, and which nodes an integer device computes in one go. */

import { fx, nn } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import { QuantizedLayer } from '../quantized-layer.ts';

/** Operators that only move values about: what comes out lies on the steps of what went in. */
const MOVES =
  /^aten::(max_pool[123]d|adaptive_max_pool[123]d|flatten|reshape|view|_reshape_alias|permute|transpose|t|squeeze|unsqueeze|contiguous|clone|detach|alias|slice|narrow|select|expand|pixel_shuffle|pixel_unshuffle|channel_shuffle|dropout|feature_dropout|upsample_nearest[123]d)$/;
const RELU = /^aten::relu_?$/;
const ADD = /^aten::add_?$/;

/** What one integer kernel computes: an operator, perhaps a ReLU, and the rounding to the steps of its result. */
export interface IntegerKernel {
  readonly head: fx.Node;
  readonly relu: fx.Node | undefined;
  readonly output: fx.Node;
  readonly result: FakeQuantize;
  readonly operation:
    | { readonly kind: 'layer'; readonly layer: QuantizedLayer; readonly input: FakeQuantize }
    | { readonly kind: 'add'; readonly inputs: readonly [FakeQuantize, FakeQuantize] }
    | { readonly kind: 'global-average'; readonly input: FakeQuantize };
}

/** The kernels of a graph with quantisers: those with integers on all sides. */
export function findKernels(graph: fx.Graph, moduleOf: (path: string) => nn.AnyModule): IntegerKernel[] {
  const users = graph.users();
  const onlyUser = (node: fx.Node): boolean => users.get(node)?.length === 1;
  const quantizerAt = (node: fx.Node): FakeQuantize | undefined => {
    if (node.kind !== 'module') return undefined;
    const module = moduleOf(node.target);
    return module instanceof FakeQuantize && module.role === 'activation' && isPlain(module) ? module : undefined;
  };
  const stepsOf = (value: unknown): FakeQuantize | undefined => {
    let node = value;
    while (fx.isNode(node)) {
      const quantizer = quantizerAt(node);
      if (quantizer !== undefined) return quantizer;
      if (node.kind !== 'call' || !MOVES.test(node.operator.name)) return undefined;
      [node] = node.args;
    }
    return undefined;
  };
  const kernels: IntegerKernel[] = [];
  for (const output of graph.nodes) {
    const result = quantizerAt(output);
    let [head] = output.args;
    if (result === undefined || !fx.isNode(head)) continue;
    let relu: fx.Node | undefined;
    if (isRelu(head, moduleOf)) {
      // Rounding cuts negative values off where no integer stands for them.
      if (!onlyUser(head) || !startsAtZero(result)) continue;
      relu = head;
      [head] = head.args;
    }
    if (!fx.isNode(head) || !onlyUser(head)) continue;
    const operation = operationOf(head, moduleOf, stepsOf, result);
    if (operation !== undefined) kernels.push({ head, relu, output, result, operation });
  }
  return kernels;
}

function operationOf(
  head: fx.Node,
  moduleOf: (path: string) => nn.AnyModule,
  stepsOf: (value: unknown) => FakeQuantize | undefined,
  result: FakeQuantize,
): IntegerKernel['operation'] | undefined {
  const input = stepsOf(head.args[0]);
  if (input === undefined) return undefined;
  if (head.kind === 'module') {
    const layer = moduleOf(head.target);
    if (!(layer instanceof QuantizedLayer)) return undefined;
    const weight = layer.weight_fake_quant;
    const plain = weight !== null && weight.scheme.bits <= 8 && typeof weight.scheme.granularity === 'string';
    return plain && layer.geometry.paddingMode === 'zeros' ? { kind: 'layer', layer, input } : undefined;
  }
  if (head.kind !== 'call') return undefined;
  if (ADD.test(head.operator.name)) {
    const other = stepsOf(head.args[1]);
    const [, , alpha] = head.args;
    return other === undefined || (alpha !== undefined && alpha !== 1)
      ? undefined
      : { kind: 'add', inputs: [input, other] };
  }
  return isGlobalAverage(head) && result.limits.quantMin === input.limits.quantMin
    ? { kind: 'global-average', input }
    : undefined;
}

function isRelu(node: fx.Node, moduleOf: (path: string) => nn.AnyModule): boolean {
  if (node.kind === 'module') return moduleOf(node.target) instanceof nn.ReLU;
  return node.kind === 'call' && RELU.test(node.operator.name);
}

/** The mean over whole maps: of `(N, C, H, W)`, one value a channel. */
function isGlobalAverage(node: fx.CallNode): boolean {
  if (node.operator.name !== 'aten::adaptive_avg_pool2d') return false;
  const shape = fx.tensorMeta(node)?.shape ?? [];
  return shape.length === 4 && shape[2] === 1 && shape[3] === 1;
}

/** One scale for the tensor, 8 bits, halves to even: what integer kernels have. */
function isPlain({ scheme }: FakeQuantize): boolean {
  return scheme.granularity === 'tensor' && scheme.bits <= 8 && scheme.rounding === 'half-even';
}

function startsAtZero(quantizer: FakeQuantize): boolean {
  return quantizer.zero_point.item() === quantizer.limits.quantMin;
}
