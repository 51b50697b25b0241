/** @file Padding: the modes of `torch.nn.functional.pad`, and those of convolutions that do not pad with zeros. */

import { callOp } from '../../core/dispatch.ts';
import { cat } from '../../core/generated/functions.ts';
import {
  constantPadNd$,
  reflectionPad1d$,
  reflectionPad2d$,
  reflectionPad3d$,
  replicationPad1d$,
  replicationPad2d$,
  replicationPad3d$,
} from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import { wrap } from '../../fx/active.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

export interface PadOptions {
  /** Default `constant`. */
  mode?: PadMode;
  /** What `constant` pads with. Default 0. */
  value?: number;
}

const REFLECTION = [reflectionPad1d$, reflectionPad2d$, reflectionPad3d$] as const;
const REPLICATION = [replicationPad1d$, replicationPad2d$, replicationPad3d$] as const;

/**
 * Adds elements at the ends of dimensions.
 *
 * @param padding how many before and after the last dimension, then the one before it, and so on. Negative numbers cut
 * (`constant` only). Modes other than `constant` pad the 1 to 3 spatial dimensions of `(C, …)` or `(N, C, …)`.
 * @throws {ArgumentError} for an odd number of paddings, an unknown mode, or a number of dimensions that the mode cannot pad
 */
export const pad = wrap('pad', padSides);

function padSides(input: Tensor, padding: readonly number[], options: PadOptions = {}): Tensor {
  const { mode = 'constant', value = 0 } = options;
  if (padding.length % 2 !== 0) {
    throw new ArgumentError(
      'padding',
      `Expected an even number of paddings for padding but received [${padding.join(', ')}]`,
    );
  }
  if (mode === 'constant') return callOp(constantPadNd$, input, padding, value) as Tensor;
  if (mode !== 'reflect' && mode !== 'replicate' && mode !== 'circular') {
    throw ArgumentError.expected('mode', "'constant', 'reflect', 'replicate' or 'circular'", mode);
  }
  const spatial = padding.length / 2;
  if (spatial < 1 || spatial > 3 || (input.ndim !== spatial + 1 && input.ndim !== spatial + 2)) {
    throw new ArgumentError(
      'padding',
      `Mode '${mode}' pads 1 to 3 spatial dimensions of (C, …) or (N, C, …); received ${padding.length} paddings for shape [${input.shape.join(', ')}]`,
    );
  }
  if (mode === 'circular') return scope(() => padCircular(input, padding));
  const operators = mode === 'reflect' ? REFLECTION : REPLICATION;
  return callOp(operators[spatial - 1] ?? operators[0], input, padding) as Tensor;
}

/** Each dimension continues with its own other end. */
function padCircular(input: Tensor, padding: readonly number[]): Tensor {
  let result = input;
  for (let i = 0; i < padding.length / 2; i++) {
    const dim = input.ndim - 1 - i;
    const size = input.size(dim);
    const before = padding[2 * i] ?? 0;
    const after = padding[2 * i + 1] ?? 0;
    if (before > size || after > size || before + after + size < 0) {
      throw new ArgumentError(
        'padding',
        `Circular padding may not wrap around more than once; received ${before} and ${after} for a dimension of size ${size}`,
      );
    }
    // Negative paddings cut.
    const parts = [result.narrow(dim, Math.max(0, -before), size - Math.max(0, -before) - Math.max(0, -after))];
    if (before > 0) parts.unshift(result.narrow(dim, size - before, before));
    if (after > 0) parts.push(result.narrow(dim, 0, after));
    result = cat(parts, dim);
  }
  return result;
}
