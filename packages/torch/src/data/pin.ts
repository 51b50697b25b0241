/** @file Page-locked memory: batches in it are copied to a GPU in the background. */

import { handleOf } from '../core/dispatch.ts';
import { ops } from '../core/ops.ts';
import { eachTensor, scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { native } from '../native.ts';
import { cuda } from '../runtime/settings.ts';

/** Moves the tensors of a batch to page-locked memory. Without a GPU there is nothing to gain, and nothing happens. */
export function pinBatch<B>(batch: B): B {
  if (!cuda.isAvailable()) return batch;
  eachTensor(batch, (tensor) => {
    if (tensor.device !== 'cpu') return;
    scope(() => {
      const pinned = ops.aten?.pin_memory?.(tensor) as Tensor;
      native.setData(handleOf(tensor), handleOf(pinned));
    });
  });
  return batch;
}
