/** @file The errors of optical flow: how far vectors end from where they should, and how many do so by much (Menze and Geiger 2015). */

import { ArgumentError, scope, type Tensor } from '@edgeai/torch';

export interface FlowFigures {
  /** Mean distance between the ends of predicted and true vectors, in pixels. */
  readonly endPointError: number;
  /** Share of pixels that are off by more than 3 pixels and more than 5 % of the true length. */
  readonly outliers: number;
  /** Pixels that counted. */
  readonly pixels: number;
}

const OUTLIER_PIXELS = 3;
const OUTLIER_SHARE = 0.05;

/** Sums errors over batches; vectors that are exactly 0 are unknown and do not count. */
export class FlowMeter {
  #distance = 0;
  #outliers = 0;
  #pixels = 0;

  /** @param prediction and @param target `(N, 2, H, W)` @throws {ArgumentError} when the shapes differ */
  add(prediction: Tensor, target: Tensor): void {
    if (prediction.ndim !== 4 || prediction.shape.join() !== target.shape.join() || target.size(1) !== 2)
      throw ArgumentError.expected('target', `[N, 2, H, W] like the prediction's [${prediction.shape}]`, target.shape);
    scope(() => {
      const truth = target.to('float64');
      const known = truth.ne(0).any(1);
      const length = (vectors: Tensor) => vectors.square().sum([1]).sqrt();
      const distance = length(prediction.to('float64').sub(truth)).maskedSelect(known);
      const allowed = length(truth).maskedSelect(known).mul(OUTLIER_SHARE).clamp({ min: OUTLIER_PIXELS });
      this.#distance += Number(distance.sum().item());
      this.#outliers += Number(distance.gt(allowed).sum().item());
      this.#pixels += distance.numel();
    });
  }

  /** NaN in all figures while no pixel counted. */
  figures(): FlowFigures {
    return {
      endPointError: this.#distance / this.#pixels,
      outliers: this.#outliers / this.#pixels,
      pixels: this.#pixels,
    };
  }
}
