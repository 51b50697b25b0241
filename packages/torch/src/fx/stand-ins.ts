/**
 * @file Zeros in the place of what costly operators compute. A graph holds shapes and no values, so a capture need not compute the
 * convolutions and linear layers that it passes.
 */

import { isAutocasting } from '../autograd/modes.ts';
import { zeros } from '../core/creation.ts';
import type { Operator } from '../core/dispatch.ts';
import { Tensor } from '../core/tensor.ts';

type Shape = readonly number[];

const CONVOLUTION = /^aten::conv[123]d$/;

/** Operators whose results have shapes that depend on values. */
const SHAPED_BY_VALUES =
  /^aten::(nonzero\w*|argwhere|where|masked_select|_?unique\w*|repeat_interleave\.\w*Tensor|bincount|one_hot)$/;

/** Whether something may stand in for what an operator computes. */
export function isCostly({ name }: Operator): boolean {
  return name === 'aten::linear' || CONVOLUTION.test(name);
}

/**
 * Zeros in the shape, type and layout of an operator's result; `undefined` where it has to be computed: all operators but
 * convolutions and linear layers, and calls of these that are out of the ordinary or wrong.
 */
export function standIn(operator: Operator, args: readonly unknown[]): Tensor | undefined {
  if (!isCostly(operator) || operator.overload !== '' || isAutocasting()) return undefined;
  const [input, weight, bias, ...geometry] = args;
  if (!(input instanceof Tensor) || !(weight instanceof Tensor)) return undefined;
  if (bias instanceof Tensor && (bias.ndim !== 1 || bias.shape[0] !== weight.shape[0])) return undefined;
  const { dtype, device } = input;
  const alike = [weight, bias].every((t) => !(t instanceof Tensor) || (t.dtype === dtype && t.device === device));
  if (!alike || !input.isContiguous() || !weight.isContiguous()) return undefined;
  const shapeOf = operator.name === 'aten::linear' ? linear : convolution;
  const shape = shapeOf(input.shape, weight.shape, geometry);
  return shape === undefined ? undefined : zeros(shape, { dtype, device });
}

/** Whether the shape of an operator's result may depend on values, which stand-ins do not have. */
export function needsValues(operator: Operator, args: readonly unknown[]): boolean {
  if (operator.name === 'aten::index') return Array.isArray(args[1]) && args[1].some(isMask);
  return !operator.name.startsWith('aten::') || SHAPED_BY_VALUES.test(operator.qualifiedName);
}

function isMask(index: unknown): boolean {
  return index instanceof Tensor && (index.dtype === 'bool' || index.dtype === 'uint8');
}

function linear(input: Shape, weight: Shape): number[] | undefined {
  const [outFeatures, inFeatures] = weight;
  if (weight.length !== 2 || outFeatures === undefined || input.at(-1) !== inFeatures) return undefined;
  return [...input.slice(0, -1), outFeatures];
}

function convolution(input: Shape, weight: Shape, geometry: readonly unknown[]): number[] | undefined {
  const [stride = 1, padding = 0, dilation = 1, groups = 1] = geometry;
  const [outChannels = 0, groupChannels = 0, ...kernel] = weight;
  if (typeof groups !== 'number' || outChannels % groups !== 0) return undefined;
  if (input.length !== kernel.length + 2 || input[1] !== groupChannels * groups) return undefined;
  const result = [input[0] ?? 0, outChannels];
  for (const [i, size] of kernel.entries()) {
    const [step, pad, spread] = [sizeAt(stride, i), sizeAt(padding, i), sizeAt(dilation, i)];
    const room = (input[i + 2] ?? 0) + 2 * pad - spread * (size - 1) - 1;
    if (!(room >= 0 && step > 0 && pad >= 0 && spread > 0)) return undefined;
    result.push(Math.floor(room / step) + 1);
  }
  return result;
}

/** Of one spatial dimension; not a number where the argument is no size. */
function sizeAt(sizes: unknown, dimension: number): number {
  if (typeof sizes === 'number') return sizes;
  return Array.isArray(sizes) ? Number(sizes.length === 1 ? sizes[0] : sizes[dimension]) : Number.NaN;
}
