/** @file The ways to find a range, as data. */

/** How a range is found. Plain JSON. */
export type ObserverSpec =
  /** Smallest and largest value seen. */
  | { readonly kind: 'min-max' }
  /** Moving average of each batch's smallest and largest value; the newest has the weight `constant` (default 0.01). */
  | { readonly kind: 'ema'; readonly constant?: number }
  /** Leaves out what lies beyond this percentage of the values at either end (default 99.99). */
  | { readonly kind: 'percentile'; readonly percentile?: number }
  /** The range with the least mean squared error of the values after rounding. */
  | { readonly kind: 'mse' }
  /** The range that keeps the distribution closest in the sense of Kullback and Leibler (as TensorRT does). */
  | { readonly kind: 'entropy' }
  /** PyTorch's search for the least L2 error: both ends move inward by quantiles until the error grows. */
  | { readonly kind: 'histogram-l2' }
  /** Each batch without `percent` of its values at either end (default 0.01 %), then a moving average. */
  | { readonly kind: 'histogram-shrink'; readonly percent?: number; readonly constant?: number };

export type ObserverKind = ObserverSpec['kind'];
