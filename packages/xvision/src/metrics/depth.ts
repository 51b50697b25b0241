/** @file The usual errors of depth estimation, accumulated pixel by pixel (Eigen et al. 2014, arXiv:1406.2283). */

import { ArgumentError, type Tensor } from '@edgeai/torch';

export interface DepthFigures {
  /** Mean of |x − y| / y. */
  readonly absRel: number;
  /** Mean of (x − y)² / y, in the unit of the depth. */
  readonly sqRel: number;
  /** Root of the mean of (x − y)², in the unit of the depth. */
  readonly rmse: number;
  /** The same of logarithms. */
  readonly rmseLog: number;
  /** The spread of the logarithm of the ratio: what remains when a common scale is forgiven. */
  readonly scaleInvariant: number;
  /** Share of pixels with max(x/y, y/x) below 1.25, 1.25² and 1.25³. */
  readonly delta1: number;
  readonly delta2: number;
  readonly delta3: number;
  /** Pixels that counted. */
  readonly pixels: number;
}

export interface DepthMeterOptions {
  /** Only true depths above this count. Default 0. */
  min?: number;
  /** Only true depths up to this count; predictions are limited to it. Default none. */
  max?: number;
}

const TERMS = ['absRel', 'sqRel', 'squared', 'log', 'logSquared', 'delta1', 'delta2', 'delta3'] as const;

/** Sums errors over batches; true depths of 0 are unknown and do not count. */
export class DepthMeter {
  readonly #min: number;
  readonly #max: number;
  #sums = new Map<string, number>();
  #pixels = 0;

  constructor({ min = 0, max = Number.POSITIVE_INFINITY }: DepthMeterOptions = {}) {
    if (!(max > min)) throw ArgumentError.expected('max', `a depth above min, ${min}`, max);
    this.#min = min;
    this.#max = max;
  }

  /** @param prediction and @param target depths of one shape @throws {ArgumentError} when the shapes differ */
  add(prediction: Tensor, target: Tensor): void {
    if (prediction.numel() !== target.numel())
      throw ArgumentError.expected('target', `the prediction's shape [${prediction.shape}]`, target.shape);
    const truth = target.reshape([-1]).to('float64');
    const known = truth.gt(Math.max(this.#min, 0)).logicalAnd(truth.le(this.#max));
    const y = truth.maskedSelect(known);
    const count = y.numel();
    if (count === 0) return;
    // Logarithms and ratios need positive depths.
    const x = prediction.reshape([-1]).to('float64').maskedSelect(known).clamp({ min: 1e-3, max: this.#max });
    const difference = x.sub(y);
    const logs = x.log().sub(y.log());
    const ratio = logs.abs().exp();
    const values: Record<(typeof TERMS)[number], Tensor> = {
      absRel: difference.abs().div(y),
      sqRel: difference.square().div(y),
      squared: difference.square(),
      log: logs,
      logSquared: logs.square(),
      delta1: ratio.lt(1.25),
      delta2: ratio.lt(1.25 ** 2),
      delta3: ratio.lt(1.25 ** 3),
    };
    for (const term of TERMS) {
      const sum = Number(values[term].to('float64').sum().item());
      this.#sums.set(term, (this.#sums.get(term) ?? 0) + sum);
    }
    this.#pixels += count;
  }

  reset(): void {
    this.#sums = new Map();
    this.#pixels = 0;
  }

  /** NaN in all figures while no pixel counted. */
  figures(): DepthFigures {
    const mean = (term: (typeof TERMS)[number]) => (this.#sums.get(term) ?? 0) / this.#pixels;
    return {
      absRel: mean('absRel'),
      sqRel: mean('sqRel'),
      rmse: Math.sqrt(mean('squared')),
      rmseLog: Math.sqrt(mean('logSquared')),
      scaleInvariant: Math.sqrt(Math.max(0, mean('logSquared') - mean('log') ** 2)),
      delta1: mean('delta1'),
      delta2: mean('delta2'),
      delta3: mean('delta3'),
      pixels: this.#pixels,
    };
  }
}
