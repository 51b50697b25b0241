/**
 * @file Fills networks and inputs with numbers that any language reproduces bit for bit, to compare their outputs with outputs
 * recorded elsewhere. For tests only.
 *
 * Stream `seed` of a 32-bit linear congruential generator gives states s; `s / 2^31 - 1` is uniform on [-1, 1). Entry t of the
 * state dict is filled from stream t, scaled by the kind of parameter.
 */

import { fromTypedArray, isFloatingPoint, type nn, noGrad, scope, type Tensor } from '@edgeai/torch';

const MULTIPLIER = 1664525;
const INCREMENT = 1013904223;
/** Spreads the start values of neighbouring streams: 2^32 divided by the golden ratio. */
const SPREAD = 2654435761;
const INPUT_STREAM = 1_000_000;

function start(seed: number): number {
  return Math.imul(SPREAD, seed + 1) >>> 0;
}

/** The first `count` states of a stream. */
export function states(seed: number, count: number): number[] {
  const found: number[] = [];
  for (let state = start(seed); found.length < count; ) {
    state = (Math.imul(MULTIPLIER, state) + INCREMENT) >>> 0;
    found.push(state);
  }
  return found;
}

/** `offset + scale · u` for u uniform on [-1, 1), computed in double precision and rounded once. */
function fillUniform(target: Float32Array, seed: number, offset: number, scale: number): void {
  let state = start(seed);
  for (let i = 0; i < target.length; i++) {
    state = (Math.imul(MULTIPLIER, state) + INCREMENT) >>> 0;
    const u = state / 2147483648 - 1;
    target[i] = offset + scale * u;
  }
}

/** How an entry of the state dict is filled, `undefined` for those that stay as constructed. */
function rule(
  key: string,
  shape: readonly number[],
  gain: number,
): readonly [offset: number, scale: number] | undefined {
  const last = key.slice(key.lastIndexOf('.') + 1);
  if (last === 'relative_coords_table') return undefined;
  if (last === 'running_mean') return [0, 0.1];
  if (last === 'running_var') return [1, 0.5];
  if (last === 'layer_scale') return [1, 0.1];
  if (last.endsWith('weight')) {
    if (shape.length < 2) return [1, 0.1];
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
    return [0, gain * Math.sqrt(3 / fanIn)];
  }
  return last.endsWith('bias') ? [0, 0.1] : [0, 0.5];
}

/** Sum of the bit patterns of float32 values, modulo 2^32. */
export function sumOfBits(values: Float32Array, sum = 0): number {
  let total = sum;
  for (const bits of new Uint32Array(values.buffer, values.byteOffset, values.length)) total = (total + bits) | 0;
  return total >>> 0;
}

export interface FillOptions {
  /** Which stream an entry takes: its position in the state dict, or among the sorted keys. Default `'state-dict'`. */
  order?: 'state-dict' | 'sorted';
}

/**
 * Fills the parameters and floating-point buffers of a model.
 *
 * @returns the sum of all bit patterns filled in, modulo 2^32: two models that agree in it agree in keys, order, shapes, values
 */
export function fillModel(model: nn.AnyModule, gain: number, { order = 'state-dict' }: FillOptions = {}): number {
  let sum = 0;
  let stream = -1;
  const entries = Object.entries(model.stateDict());
  if (order === 'sorted') entries.sort(([left], [right]) => (left < right ? -1 : 1));
  for (const [key, tensor] of entries) {
    stream++;
    const scaling = isFloatingPoint(tensor.dtype) ? rule(key, tensor.shape, gain) : undefined;
    if (scaling === undefined) continue;
    const values = new Float32Array(tensor.numel());
    fillUniform(values, stream, ...scaling);
    sum = sumOfBits(values, sum);
    noGrad(() => scope(() => tensor.copy_(fromTypedArray(values, tensor.shape))));
  }
  return sum;
}

/** Input number `index` of a model, uniform on [-1, 1). */
export function makeInput(shape: readonly number[], index = 0): Tensor {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  fillUniform(values, INPUT_STREAM + index, 0, 1);
  return fromTypedArray(values, [...shape]);
}

/** ‖actual − expected‖ / ‖expected‖, in double precision. */
export function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    const wanted = expected[i] ?? Number.NaN;
    difference += ((actual[i] ?? Number.NaN) - wanted) ** 2;
    norm += wanted ** 2;
  }
  return Math.sqrt(difference / norm);
}
