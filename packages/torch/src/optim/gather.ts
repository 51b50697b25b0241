/** @file Collects, once a step, the handles of parameters and gradients in lists that the `_foreach_*` operators take. */

import { handleOf } from '../core/dispatch.ts';
import { HandlePool, type Handles } from '../core/foreach.ts';
import type { Tensor } from '../core/tensor.ts';
import { dtypeSize } from '../dtype.ts';
import { type Handle, native } from '../native.ts';

/** Parameters of one device and element type that have gradients. */
export interface Bucket {
  readonly tensors: readonly Tensor[];
  readonly params: Handles;
  readonly grads: Handles;
  /** Owns the gradients' handles, and takes the temporaries of whoever works on the bucket. */
  readonly pool: HandlePool;
  readonly device: string;
}

interface OpenBucket {
  tensors: Tensor[];
  params: Handle[];
  grads: Handle[];
  pool: HandlePool;
  device: string;
  bytes: number;
}

/**
 * On the CPU several operators run over a list one after the other; a list that fits into the processor's cache is read
 * from memory once instead of once an operator, and its temporaries stay small.
 */
const CPU_BYTES = 2 ** 18;

/** Buckets of all parameters that have gradients. Release each one's pool when done. */
export function gatherGradients(parameters: Iterable<Tensor>): Bucket[] {
  const buckets: OpenBucket[] = [];
  const open = new Map<string, OpenBucket>();
  try {
    for (const tensor of parameters) {
      const param = handleOf(tensor);
      const grad = native.getGrad(param);
      if (grad === null) continue;
      const device = native.device(param);
      const dtype = native.dtype(param);
      const key = `${device} ${dtype}`;
      let bucket = open.get(key);
      if (bucket === undefined || (device === 'cpu' && bucket.bytes >= CPU_BYTES)) {
        bucket = { tensors: [], params: [], grads: [], pool: new HandlePool(), device, bytes: 0 };
        open.set(key, bucket);
        buckets.push(bucket);
      }
      bucket.tensors.push(tensor);
      bucket.params.push(param);
      bucket.grads.push(bucket.pool.own(grad));
      bucket.bytes += native.numel(param) * dtypeSize(dtype);
    }
  } catch (error) {
    releaseBuckets(buckets);
    throw error;
  }
  return buckets;
}

export function releaseBuckets(buckets: readonly { readonly pool: HandlePool }[]): void {
  for (const { pool } of buckets) pool.release();
}
