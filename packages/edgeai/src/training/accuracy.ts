/** @file Top-k accuracy of a batch of class scores. */

import { noGrad, scope, type Tensor } from '@edgeai/torch';

/**
 * How many rows of `scores` (N × classes) have the right class among their `k` highest, for each `k`. Where there are
 * fewer than `k` classes, all of them count, so the answer is N.
 *
 * @param target class indices (N), or soft targets (N × classes), whose largest entry is then the right class
 */
export function topKCorrect(scores: Tensor, target: Tensor, ks: readonly number[]): number[] {
  return noGrad(() =>
    scope(() => {
      const classes = scores.size(1);
      const right = target.ndim === 2 ? target.argmax(1) : target;
      const [, best] = scores.topk(Math.min(Math.max(...ks), classes), 1, true, true);
      const hits = best.eq(right.unsqueeze(1));
      return ks.map((k) => hits.narrow(1, 0, Math.min(k, classes)).sum().item());
    }),
  );
}
