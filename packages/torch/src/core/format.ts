/** @file How a tensor prints: its values, shortened in the middle, with shape and dtype. */

import type { Tensor } from './tensor.ts';

/** Above this many elements only the edges of each dimension are shown. */
const SUMMARY_ABOVE = 1000;
const EDGE = 3;

/** @internal */
export function formatTensor(tensor: Tensor): string {
  const { shape, dtype, device } = tensor;
  const notes = [`shape=[${shape.join(', ')}]`];
  if (dtype !== 'float32' && dtype !== 'int64' && dtype !== 'bool') notes.push(`dtype=${dtype}`);
  if (device !== 'cpu') notes.push(`device=${device}`);
  if (tensor.gradFn !== null) notes.push(`gradFn=<${tensor.gradFn}>`);
  else if (tensor.requiresGrad) notes.push('requiresGrad');
  if (dtype.startsWith('complex') || dtype.startsWith('q')) return `tensor(…, ${notes.join(', ')}, dtype=${dtype})`;
  const values = tensor.toArray();
  const total = shape.reduce((a, b) => a * b, 1);
  const show = numberFormatter(values);
  return `tensor(${render(values, show, total > SUMMARY_ABOVE, 8)}, ${notes.join(', ')})`;
}

function render(value: unknown, show: (value: unknown) => string, summarise: boolean, indent: number): string {
  if (!Array.isArray(value)) return show(value);
  const cut = summarise && value.length > 2 * EDGE;
  const shown = cut ? [...value.slice(0, EDGE), undefined, ...value.slice(-EDGE)] : value;
  const parts = shown.map((item) => (item === undefined ? '…' : render(item, show, summarise, indent + 1)));
  const nested = Array.isArray(value[0]);
  return `[${parts.join(nested ? `,\n${' '.repeat(indent)}` : ', ')}]`;
}

/** Four decimals as PyTorch prints; exponents where the range asks for them; integers as they are. */
function numberFormatter(values: unknown): (value: unknown) => string {
  const flat = (Array.isArray(values) ? values.flat(Infinity) : [values]) as unknown[];
  const finite = flat.filter((v): v is number => typeof v === 'number' && Number.isFinite(v) && v !== 0).map(Math.abs);
  if (finite.every(Number.isInteger)) return (v) => String(v);
  const largest = finite.reduce((a, b) => Math.max(a, b), 0);
  const smallest = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const exponent = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
  return (v) =>
    typeof v === 'number' && Number.isFinite(v) ? (exponent ? v.toExponential(4) : v.toFixed(4)) : String(v);
}
