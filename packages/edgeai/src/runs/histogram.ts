/** @file Sorts numbers into TensorBoard's histogram buckets, whose widths grow by a tenth from one to the next. */

/** The content of TensorBoard's HistogramProto. */
export interface Histogram {
  min: number;
  max: number;
  /** How many numbers were counted; NaN and infinities are not. */
  count: number;
  sum: number;
  sumOfSquares: number;
  /** Right edge of each bucket. */
  limits: number[];
  /** Numbers in each bucket. */
  counts: number[];
}

/** Right edges from −1e20 over 0 to 1e20, and one bucket for all that is greater. */
const LIMITS: readonly number[] = (() => {
  const positive: number[] = [];
  for (let edge = 1e-12; edge < 1e20; edge *= 1.1) positive.push(edge);
  return [...positive.map((edge) => -edge).reverse(), 0, ...positive, Number.MAX_VALUE];
})();

/** The histogram of `values`. Empty buckets at the ends are left out, neighbouring empty ones within become one. */
export function histogramOf(values: ArrayLike<number>): Histogram {
  const counts = new Map<number, number>();
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let count = 0;
  let sum = 0;
  let sumOfSquares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    count++;
    sum += value;
    sumOfSquares += value * value;
    const bucket = bucketOf(value);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  if (count === 0) return { min: 0, max: 0, count: 0, sum: 0, sumOfSquares: 0, limits: [0], counts: [0] };
  const first = bucketOf(min);
  const last = bucketOf(max);
  const buckets = Array.from({ length: last - first + 1 }, (_, i) => first + i).filter(
    (bucket) => counts.has(bucket) || counts.has(bucket + 1),
  );
  return {
    min,
    max,
    count,
    sum,
    sumOfSquares,
    limits: buckets.map((bucket) => LIMITS[bucket] ?? Number.MAX_VALUE),
    counts: buckets.map((bucket) => counts.get(bucket) ?? 0),
  };
}

/** Index of the first edge above `value`. */
function bucketOf(value: number): number {
  let low = 0;
  let high = LIMITS.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((LIMITS[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
