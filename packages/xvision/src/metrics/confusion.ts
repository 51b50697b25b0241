/** @file A confusion matrix that grows batch by batch, and the figures of segmentation that follow from it. */

import { ArgumentError, bincount, type Tensor } from '@edgeai/torch';

export interface SegmentationFigures {
  /** Mean of the classes' intersection over union, in percent. */
  readonly meanIoU: number;
  /** Share of the pixels whose class is right, in percent. */
  readonly overallAccuracy: number;
  /** Mean of the classes' shares, in percent. */
  readonly meanAccuracy: number;
  /** Intersection over union weighted by how often each class is, in percent. */
  readonly frequencyWeightedIoU: number;
  /** By class, in percent; NaN for classes that neither truth nor prediction has. */
  readonly iou: readonly number[];
  /** Recall by class, in percent; NaN for classes that the truth has not. */
  readonly accuracy: readonly number[];
  /** Precision by class, in percent; NaN for classes that are never predicted. */
  readonly precision: readonly number[];
  /** 2 · precision · recall / (precision + recall) by class, in percent. */
  readonly f1: readonly number[];
}

/** Counts how often pixels of one class were taken for another. Predictions are not kept. */
export class ConfusionMatrix {
  readonly numClasses: number;
  /** Row by row: the true class says which row. */
  readonly counts: Float64Array;

  constructor(numClasses: number) {
    if (!Number.isInteger(numClasses) || numClasses < 1)
      throw ArgumentError.expected('numClasses', 'a whole number of at least 1', numClasses);
    this.numClasses = numClasses;
    this.counts = new Float64Array(numClasses * numClasses);
  }

  /**
   * Adds a batch. True labels outside `[0, numClasses)` do not count; predictions outside count as wrong for their true class only.
   *
   * @param prediction scores `(N, classes, H, W)`, or class indices `(N, 1, H, W)` or `(N, H, W)`
   * @param target class indices `(N, 1, H, W)` or `(N, H, W)`
   * @throws {ArgumentError} when the sizes differ
   */
  add(prediction: Tensor, target: Tensor): void {
    const n = this.numClasses;
    const scores = prediction.ndim === 4 && prediction.size(1) > 1;
    const chosen = scores ? prediction.argmax({ dim: 1 }) : prediction;
    if (chosen.numel() !== target.numel())
      throw ArgumentError.expected('target', `as many pixels as the prediction, ${chosen.numel()}`, target.shape);
    const truth = target.reshape([-1]).to('int64');
    const known = truth.ge(0).logicalAnd(truth.lt(n));
    const row = truth.maskedSelect(known);
    const column = chosen.reshape([-1]).to('int64').maskedSelect(known);
    const outside = column.lt(0).logicalOr(column.ge(n));
    const cell = row.mul(n + 1).add(column.maskedFill(outside, n));
    const counts = bincount(cell, { minlength: n * (n + 1) }).toArray() as (number | bigint)[];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++)
        this.counts[i * n + j] = (this.counts[i * n + j] ?? 0) + Number(counts[i * (n + 1) + j]);
      this.#missed[i] = (this.#missed[i] ?? 0) + Number(counts[i * (n + 1) + n]);
    }
  }

  /** Pixels of each class whose prediction was no class at all. */
  readonly #missed: number[] = [];

  /** Indices of the classes that the truth has had no pixel of. */
  absentClasses(): number[] {
    const n = this.numClasses;
    return Array.from({ length: n }, (_, i) => i).filter(
      (i) => !this.#missed[i] && this.counts.subarray(i * n, (i + 1) * n).every((count) => count === 0),
    );
  }

  /** Starts anew. */
  reset(): void {
    this.counts.fill(0);
    this.#missed.length = 0;
  }

  /**
   * @param absent what classes count in the means that neither truth nor prediction has: nothing, or 0 as in edgeailite. Default
   * `'skip'`
   */
  figures({ absent = 'skip' }: { absent?: 'skip' | 'zero' } = {}): SegmentationFigures {
    const n = this.numClasses;
    const iou: number[] = [];
    const accuracy: number[] = [];
    const precision: number[] = [];
    const f1: number[] = [];
    let right = 0;
    let total = 0;
    let weighted = 0;
    for (let i = 0; i < n; i++) {
      const hit = this.counts[i * n + i] ?? 0;
      let truth = this.#missed[i] ?? 0;
      let predicted = 0;
      for (let j = 0; j < n; j++) {
        truth += this.counts[i * n + j] ?? 0;
        predicted += this.counts[j * n + i] ?? 0;
      }
      const union = truth + predicted - hit;
      right += hit;
      total += truth;
      weighted += union > 0 ? (truth * hit) / union : 0;
      iou.push((100 * hit) / union);
      accuracy.push((100 * hit) / truth);
      precision.push((100 * hit) / predicted);
      f1.push((200 * hit) / (truth + predicted));
    }
    const mean = (values: readonly number[]) => {
      const counted =
        absent === 'zero' ? values.map((value) => value || 0) : values.filter((value) => !Number.isNaN(value));
      return counted.reduce((sum, value) => sum + value, 0) / counted.length;
    };
    return {
      meanIoU: mean(iou),
      overallAccuracy: (100 * right) / total,
      meanAccuracy: mean(accuracy),
      frequencyWeightedIoU: (100 * weighted) / total,
      iou,
      accuracy,
      precision,
      f1,
    };
  }
}
