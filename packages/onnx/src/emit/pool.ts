/** @file Pooling. libtorch's rules for the last window are written out as padding, on which all runtimes agree. */

import type { Value } from '../builder.ts';
import type { Emitter, EmitterTable, Lowering } from '../lowering.ts';

interface Windows {
  readonly rank: number;
  readonly kernel: number[];
  readonly strides: number[];
  readonly dilations: number[];
  readonly padding: number[];
  /** Padding at the end that makes the last window whole. */
  readonly end: number[];
}

function windows(call: Lowering, rank: number): Windows {
  const kernel = call.ints('kernel_size', rank);
  const strides = call.ints('stride', rank);
  const padding = call.ints('padding', rank);
  const dilations = call.has('dilation') ? call.ints('dilation', rank) : kernel.map(() => 1);
  if (strides.length === 0) strides.push(...kernel);
  const input = call.meta('self').shape.slice(-rank);
  const output =
    (call.node.meta !== null && 'shape' in call.node.meta ? call.result : call.results[0])?.shape.slice(-rank) ?? [];
  const end = padding.map((size, i) => {
    const covered = ((output[i] ?? 1) - 1) * (strides[i] ?? 1) + (dilations[i] ?? 1) * ((kernel[i] ?? 1) - 1) + 1;
    return Math.max(size, covered - (input[i] ?? 0) - size);
  });
  return { rank, kernel, strides, dilations, padding, end };
}

/** Runs `emit` with a batch dimension, which is added and taken away again where the input has none. */
function batched(call: Lowering, rank: number, emit: (input: Value) => Value): Value {
  const input = call.tensor('self');
  if (call.rank('self') === rank + 2) return emit(input);
  const axes = call.integers([0]);
  return call.op('Squeeze', [emit(call.op('Unsqueeze', [input, axes])), axes]);
}

function maxPool(rank: number): Emitter {
  return (call) => {
    const { kernel, strides, dilations, padding, end } = windows(call, rank);
    return batched(call, rank, (input) =>
      call.op('MaxPool', [input], {
        dilations: dilations.some((size) => size > 1) ? dilations : undefined,
        kernel_shape: kernel,
        pads: [...padding, ...end],
        strides,
      }),
    );
  };
}

function averagePool(rank: number): Emitter {
  return (call) => {
    const { kernel, strides, padding, end } = windows(call, rank);
    const divisor = call.has('divisor_override') ? call.number('divisor_override') : undefined;
    const pool = (input: Value, begin: number[], last: number[], all: boolean) =>
      call.op('AveragePool', [input], {
        count_include_pad: all,
        kernel_shape: kernel,
        pads: [...begin, ...last],
        strides,
      });
    return batched(call, rank, (input) => {
      if (divisor !== undefined) {
        const size = kernel.reduce((product, length) => product * length, 1);
        return call.op('Mul', [pool(input, padding, end, true), call.scalar(size / divisor, call.result.dtype)]);
      }
      const overhang = end.some((size, i) => size > (padding[i] ?? 0));
      if (!call.bool('count_include_pad') || !overhang) {
        return pool(input, padding, end, call.bool('count_include_pad') && padding.some((size) => size > 0));
      }
      // What lies beyond the padding does not count, what is padding does: so the padding becomes part of the input.
      const filled = padding.some((size) => size > 0) ? padZeros(call, input, padding) : input;
      return pool(
        filled,
        padding.map(() => 0),
        end.map((size, i) => size - (padding[i] ?? 0)),
        false,
      );
    });
  };
}

function padZeros(call: Lowering, input: Value, padding: readonly number[]): Value {
  const sides = [0, 0, ...padding];
  return call.op('Pad', [input, call.integers([...sides, ...sides])], { mode: 'constant' });
}

function adaptivePool(rank: number, kind: 'Average' | 'Max'): Emitter {
  return (call) => {
    const sizes = call.ints('output_size', rank);
    const input = call.meta('self').shape.slice(-rank);
    return batched(call, rank, (value) => {
      if (sizes.every((size, i) => size === input[i])) return call.op('Identity', [value]);
      if (sizes.every((size) => size === 1)) return call.op(`Global${kind}Pool`, [value]);
      const kernel = sizes.map((size, i) => (input[i] ?? 0) / size);
      if (kernel.every(Number.isInteger))
        return call.op(`${kind}Pool`, [value], { kernel_shape: kernel, strides: kernel });
      if (kind === 'Max')
        throw call.unsupported(`the sizes [${input.join(', ')}] are no multiples of [${sizes.join(', ')}]`);
      return averageByMatrix(call, value, input, sizes);
    });
  };
}

/** Windows of several sizes: the averages along each dimension are a product with a matrix. */
function averageByMatrix(call: Lowering, value: Value, input: readonly number[], sizes: readonly number[]): Value {
  const rank = sizes.length;
  const batch = call.rank('self') - rank;
  const order = Array.from({ length: 2 + rank }, (_, i) => i);
  let current = value;
  if (batch < 1) throw call.unsupported('the input has no channels');
  sizes.forEach((size, i) => {
    const length = input[i] ?? 0;
    if (size === length) return;
    const matrix = call.constant(poolingMatrix(length, size), call.result.dtype, [length, size]);
    const axis = 2 + i;
    // The dimension goes last, and back afterwards.
    const swapped = order.map((position) =>
      position === axis ? order.length - 1 : position === order.length - 1 ? axis : position,
    );
    const turned = axis === order.length - 1 ? current : call.op('Transpose', [current], { perm: swapped });
    const pooled = call.op('MatMul', [turned, matrix]);
    current = axis === order.length - 1 ? pooled : call.op('Transpose', [pooled], { perm: swapped });
  });
  return current;
}

/** Row-major `(length, size)`: column j averages the window of output j. */
function poolingMatrix(length: number, size: number): number[] {
  const matrix = Array.from({ length: length * size }, () => 0);
  for (let j = 0; j < size; j++) {
    const start = Math.floor((j * length) / size);
    const end = Math.ceil(((j + 1) * length) / size);
    for (let i = start; i < end; i++) matrix[i * size + j] = 1 / (end - start);
  }
  return matrix;
}

export const pools: EmitterTable = {
  max_pool1d: maxPool(1),
  max_pool2d: maxPool(2),
  max_pool3d: maxPool(3),
  avg_pool1d: averagePool(1),
  avg_pool2d: averagePool(2),
  avg_pool3d: averagePool(3),
  adaptive_avg_pool1d: adaptivePool(1, 'Average'),
  adaptive_avg_pool2d: adaptivePool(2, 'Average'),
  adaptive_avg_pool3d: adaptivePool(3, 'Average'),
  // These return positions too; the emitted value stands for the first of the two.
  adaptive_max_pool1d: (call) => [adaptiveMax(1, call)],
  adaptive_max_pool2d: (call) => [adaptiveMax(2, call)],
  adaptive_max_pool3d: (call) => [adaptiveMax(3, call)],
  max_pool2d_with_indices: (call) => [call.single(maxPool(2)(call))],
  max_pool3d_with_indices: (call) => [call.single(maxPool(3)(call))],
};

function adaptiveMax(rank: number, call: Lowering): Value {
  return call.single(adaptivePool(rank, 'Max')(call));
}
