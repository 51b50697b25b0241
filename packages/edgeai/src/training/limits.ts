/** @file How many batches of a pass are used, where a recipe asks for a part of them. */

/**
 * Batches to use of `available`: after `round(factor · available) + 1` the pass ends (factor 0: never), and after `limit`
 * where one is given.
 */
export function batchLimit(available: number, factor: number, limit: number | null = null): number {
  const byFactor = factor > 0 ? Math.round(factor * available) + 1 : available;
  return Math.min(available, byFactor, limit ?? available);
}
