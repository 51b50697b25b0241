/**
 * @file Stacks large samples in this thread alone.
 *
 * `stack` copies each sample with all of libtorch's threads and waits for them every time. While decoders for the next batch
 * keep the cores busy, those waits take a hundred times longer than the copying.
 */

import { fromBytes } from '../core/creation.ts';
import { stack } from '../core/generated/functions.ts';
import type { Tensor } from '../core/tensor.ts';
import { dtypeSize } from '../dtype.ts';
import { getNumThreads } from '../runtime/settings.ts';

/** libtorch's grain size: smaller tensors stay in one thread anyway. */
const GRAIN = 32768;
/** Beyond this the buffer would weigh more than the waiting. */
const MOST_BYTES = 2 ** 28;

// Collating is synchronous, so one buffer serves all batches.
let buffer = new Uint8Array(0);

/** Like `stack`, for tensors of one shape. */
export function serialStack(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) return stack(tensors);
  const { dtype, shape } = first;
  const size = first.numel() * dtypeSize(dtype);
  const total = size * tensors.length;
  const suits =
    // In a loader's worker there is one thread, and nobody to wait for.
    getNumThreads() > 1 &&
    first.numel() >= GRAIN &&
    total <= MOST_BYTES &&
    !dtype.startsWith('q') &&
    tensors.every((tensor) => isPlain(tensor, dtype));
  if (!suits) return stack(tensors);
  if (buffer.length < total) buffer = new Uint8Array(total);
  for (const [i, tensor] of tensors.entries()) tensor.copyTo(buffer.subarray(i * size, (i + 1) * size));
  return fromBytes(buffer.subarray(0, total), dtype, [tensors.length, ...shape]);
}

/** In memory, in order, without history: a plain copy of bytes is enough. */
function isPlain(tensor: Tensor, dtype: string): boolean {
  return tensor.dtype === dtype && tensor.device === 'cpu' && tensor.isContiguous() && !tensor.requiresGrad;
}
