/** @file How a tensor prints: its values, shortened in the middle, with shape and dtype. */

import { type DType, isComplex, isFloatingPoint } from '../dtype.ts';
import { callOp, Operator, setRecorder } from './dispatch.ts';
import { scope } from './scope.ts';
import type { NestedArray, Tensor } from './tensor.ts';
import type { Complex } from './types.ts';

/** Above this many elements only the edges of each dimension are shown. */
const SUMMARY_ABOVE = 1000;
const EDGE = 3;
const INDENT = 'tensor('.length + 1;

const NARROW = new Operator('aten::narrow');
const CAT = new Operator('aten::cat');

/** @internal */
export function formatTensor(tensor: Tensor): string {
  const { shape, dtype, device } = tensor;
  const notes = [`shape=[${shape.join(', ')}]`];
  if (dtype !== 'float32' && dtype !== 'int64' && dtype !== 'bool') notes.push(`dtype=${dtype}`);
  if (device !== 'cpu') notes.push(`device=${device}`);
  if (tensor.gradFn !== null) notes.push(`gradFn=<${tensor.gradFn}>`);
  else if (tensor.requiresGrad) notes.push('requiresGrad');
  // Quantised and meta tensors have no plain values to show.
  if (dtype.startsWith('q') || device === 'meta') return `tensor(…, ${notes.join(', ')})`;
  const summarise = tensor.numel() > SUMMARY_ABOVE;
  const values = readValues(tensor, summarise);
  return `tensor(${render(values, shape, 0, numberFormatter(values, dtype), summarise)}, ${notes.join(', ')})`;
}

/** The values that will be shown; of a large tensor only the edges are fetched. */
function readValues(tensor: Tensor, summarise: boolean): NestedArray {
  const recorder = setRecorder(undefined);
  try {
    return scope(() => {
      let shown = tensor.detach();
      if (!summarise) return shown.toArray();
      tensor.shape.forEach((size, dim) => {
        if (size <= 2 * EDGE) return;
        const ends = [callOp(NARROW, shown, dim, 0, EDGE), callOp(NARROW, shown, dim, size - EDGE, EDGE)];
        shown = callOp(CAT, ends, dim) as Tensor;
      });
      return shown.toArray();
    });
  } finally {
    setRecorder(recorder);
  }
}

function render(
  value: NestedArray,
  shape: readonly number[],
  depth: number,
  show: (value: NestedArray) => string,
  summarise: boolean,
): string {
  if (!Array.isArray(value)) return show(value);
  const parts = value.map((item) => render(item, shape, depth + 1, show, summarise));
  if (summarise && (shape[depth] ?? 0) > 2 * EDGE) parts.splice(EDGE, 0, '…');
  const nested = depth + 1 < shape.length;
  return `[${parts.join(nested ? `,\n${' '.repeat(INDENT + depth)}` : ', ')}]`;
}

/** Four decimals as PyTorch prints; exponents where the range asks for them; whole floats with a point, integers without. */
function numberFormatter(values: NestedArray, dtype: DType): (value: NestedArray) => string {
  if (isComplex(dtype)) {
    const parts = flatten(values).flatMap((value) => [(value as Complex).real, (value as Complex).imag]);
    const show = realFormatter(parts);
    return (value) => {
      const { real, imag } = value as Complex;
      return `${show(real)}${imag < 0 || Object.is(imag, -0) ? '-' : '+'}${show(Math.abs(imag))}j`;
    };
  }
  return isFloatingPoint(dtype)
    ? (realFormatter(flatten(values) as number[]) as (value: NestedArray) => string)
    : String;
}

function flatten(values: NestedArray): NestedArray[] {
  return Array.isArray(values) ? values.flatMap(flatten) : [values];
}

function realFormatter(values: readonly number[]): (value: number) => string {
  const finite = values.filter((v) => Number.isFinite(v) && v !== 0).map(Math.abs);
  const largest = finite.reduce((a, b) => Math.max(a, b), 0);
  const smallest = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const whole = finite.every(Number.isInteger);
  const exponent = largest / smallest > 1000 ? !whole || largest > 1e8 : largest > 1e8 || smallest < 1e-4;
  return (v) => {
    if (!Number.isFinite(v)) return String(v);
    if (exponent) return v.toExponential(4);
    const sign = Object.is(v, -0) ? '-' : '';
    return sign + (whole ? `${v}.` : v.toFixed(4));
  };
}
