/**
 * @file Stacks large samples in this thread alone, into memory that is cheap to get.
 *
 * `stack` copies each sample with all of libtorch's threads and waits for them every time. While decoders for the next batch
 * keep the cores busy, those waits take a hundred times longer than the copying. And batches are so large that the system takes
 * their memory back each time, page by page.
 */

import { handleOf } from '../core/dispatch.ts';
import { stack } from '../core/generated/functions.ts';
import { Tensor } from '../core/tensor.ts';
import { native } from '../native.ts';
import { wholeBatch } from './batch-slots.ts';

/** libtorch's grain size: smaller tensors stay in one thread anyway. */
const GRAIN = 32768;
/** From here on, huge pages of 2 MiB lose little at the end. */
const LARGE = 2 ** 23;

/** Like `stack`, for tensors of one shape. */
export function serialStack(tensors: readonly Tensor[]): Tensor {
  const whole = wholeBatch(tensors);
  if (whole !== undefined) return whole;
  const [first] = tensors;
  if (first === undefined || !suits(first, tensors)) return stack(tensors);
  return new Tensor(native.stackLarge(tensors.map(handleOf)), 'stack');
}

function suits(first: Tensor, tensors: readonly Tensor[]): boolean {
  const { dtype } = first;
  const elements = first.numel();
  if (elements < GRAIN && elements * tensors.length < LARGE) return false;
  return !dtype.startsWith('q') && tensors.every((tensor) => isPlain(tensor, dtype));
}

/** In memory, in order, without history: a plain copy of bytes is enough. */
function isPlain(tensor: Tensor, dtype: string): boolean {
  return tensor.dtype === dtype && tensor.device === 'cpu' && tensor.isContiguous() && !tensor.requiresGrad;
}
