/** @file Quantisers in a graph as an export sees them: scale, zero point and range, however they are written there. */

import {
  ArgumentError,
  fakeQuantizePerChannelAffine,
  fakeQuantizePerTensorAffine,
  fromTypedArray,
  fx,
  noGrad,
  scope,
  type Tensor,
} from '@edgeai/torch';

/** How one quantiser rounds, as plain numbers. */
export interface Quantizer {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** Dimension of the channels; `null` per tensor. */
  readonly axis: number | null;
  readonly min: number;
  readonly max: number;
  /** The type in which the integers are stored. */
  readonly dtype: 'int8' | 'uint8';
}

const CALLS = /^aten::fake_quantize_per_(tensor|channel)_affine$/;

/** A node that stands for a quantiser. */
export type QuantizerNode = fx.CallNode | fx.ModuleNode;

/** The node itself where it stands for a quantiser; `undefined` for all others. */
export function asQuantizer(graph: fx.Graph, node: fx.Node): QuantizerNode | undefined {
  if (node.kind === 'call') return CALLS.test(node.operator.name) ? node : undefined;
  if (node.kind !== 'module') return undefined;
  return fx.isFakeQuantizer(graph.root.getSubmodule(node.target)) ? node : undefined;
}

/** The node whose result a quantiser rounds. */
export function quantizedInput(node: fx.Node): fx.Node {
  const [input] = node.args;
  if (!fx.isNode(input)) throw new Error(`internal: the quantiser '${node.name}' rounds nothing`);
  return input;
}

/**
 * What a quantiser does.
 *
 * @param tensorOf values of parameters and constants
 * @throws {ArgumentError} for more than 8 bits, which ONNX's quantisers of these versions do not have
 */
export function quantizerOf(graph: fx.Graph, node: QuantizerNode, tensorOf: (node: fx.Node) => Tensor): Quantizer {
  if (node.kind === 'module') {
    const module = graph.root.getSubmodule(node.target);
    if (!fx.isFakeQuantizer(module)) throw new Error(`internal: '${node.target}' is no quantiser`);
    const { scale, zeroPoint, axis, quantMin, quantMax, signed } = module.fakeQuantInfo();
    return described(node, numbers(scale), numbers(zeroPoint), axis, quantMin, quantMax, signed);
  }
  const args = fx.namedArguments(node);
  const list = (name: string) => {
    const value = args[name];
    return fx.isNode(value) ? numbers(tensorOf(value)) : [Number(value)];
  };
  const axis = args.axis === undefined ? null : Number(args.axis);
  const [min, max] = [Number(args.quant_min), Number(args.quant_max)];
  return described(node, list('scale'), list('zero_point'), axis, min, max, min < 0);
}

function described(
  node: fx.Node,
  scales: number[],
  zeroPoints: number[],
  axis: number | null,
  min: number,
  max: number,
  signed: boolean,
): Quantizer {
  const [low, high] = signed ? [-128, 127] : [0, 255];
  if (min < low || max > high)
    throw new ArgumentError(
      'model',
      `The quantiser '${node.path}' has integers from ${min} to ${max}; ONNX stores 8 bits`,
    );
  const perChannel = axis !== null && scales.length > 1;
  const rank = fx.tensorMeta(node)?.shape.length ?? 0;
  return {
    scales,
    zeroPoints: zeroPoints.length === scales.length ? zeroPoints : scales.map(() => zeroPoints[0] ?? 0),
    axis: perChannel ? (axis < 0 ? axis + rank : axis) : null,
    min,
    max,
    dtype: signed ? 'int8' : 'uint8',
  };
}

function numbers(value: Tensor): number[] {
  return scope(() => Array.from(value.detach().double().reshape([-1]).toTypedArray() as Float64Array));
}

export function sameQuantizer(a: Quantizer, b: Quantizer): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The values to which a quantiser rounds `x`: what libtorch's own operator computes. */
export function fakeQuantized(x: Tensor, { scales, zeroPoints, axis, min, max }: Quantizer): Tensor {
  return noGrad(() =>
    scope(() => {
      const values = x.detach().float();
      if (axis === null) return fakeQuantizePerTensorAffine(values, scales[0] ?? 1, zeroPoints[0] ?? 0, min, max);
      const scale = fromTypedArray(Float32Array.from(scales), [scales.length]);
      const zeroPoint = fromTypedArray(Int32Array.from(zeroPoints), [scales.length]);
      return fakeQuantizePerChannelAffine(values, scale, zeroPoint, axis, min, max);
    }),
  );
}

/** The integers themselves, in the type in which they are stored. */
export function quantizedIntegers(x: Tensor, quantizer: Quantizer): Tensor {
  const { scales, zeroPoints, axis, dtype } = quantizer;
  return scope(() => {
    const along = (values: readonly number[]) => {
      const shape = x.shape.map((_, i) => (i === axis ? scales.length : 1));
      return fromTypedArray(Float64Array.from(values), axis === null ? [] : shape);
    };
    const steps = fakeQuantized(x, quantizer).double().div(along(scales)).round();
    return steps.add(along(zeroPoints)).to(dtype);
  });
}

/** Operators that only move values about, so that what comes out lies on the same steps as what went in. */
const MOVES =
  /^aten::(max_pool[123]d|adaptive_max_pool[123]d|relu|flatten|reshape|view|_reshape_alias|permute|transpose|t|squeeze|unsqueeze|contiguous|clone|detach|alias|slice|narrow|select|expand|pixel_shuffle|pixel_unshuffle|channel_shuffle|dropout|upsample_nearest[123]d)$/;

/** The quantiser on whose steps a node's values lie; `undefined` where they lie on none. */
export function stepsOf(graph: fx.Graph, node: fx.Node): QuantizerNode | undefined {
  let current: fx.Node = node;
  for (;;) {
    const quantizer = asQuantizer(graph, current);
    if (quantizer !== undefined) return quantizer;
    const [input] = current.args;
    if (current.kind !== 'call' || !MOVES.test(current.operator.name) || !fx.isNode(input)) return undefined;
    current = input;
  }
}
