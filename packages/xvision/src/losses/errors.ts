/** @file How far a prediction `x` is from a target `y`, element by element: the formulae that dense losses and metrics are made of. */

import { type Tensor, where, zerosLike } from '@edgeai/torch';

/** Errors of elements, or a statistic of them all; both tensors have one shape. */
export type ErrorFunction = (x: Tensor, y: Tensor) => Tensor;

export const absolute: ErrorFunction = (x, y) => x.sub(y).abs();

export const squared: ErrorFunction = (x, y) => x.sub(y).square();

/** Quadratic below 1, linear above (Girshick 2015, arXiv:1504.08083). */
export const smoothL1: ErrorFunction = (x, y) => {
  const distance = x.sub(y).abs();
  return where(distance.lt(1), distance.square().mul(0.5), distance.sub(0.5));
};

const EXPONENT = 0.45;

function generalisedCharbonnier(difference: Tensor, epsilon: Tensor | number): Tensor {
  if (typeof epsilon === 'number') {
    const square = epsilon * epsilon;
    return difference
      .square()
      .add(square)
      .pow(EXPONENT)
      .sub(square ** EXPONENT);
  }
  const square = epsilon.square();
  return difference.square().add(square).pow(EXPONENT).sub(square.pow(EXPONENT));
}

/** `(d² + ε²)^0.45 − (ε²)^0.45` with ε = 0.001 (Sun et al. 2014, Int. J. Comput. Vis. 106). */
export const charbonnier: ErrorFunction = (x, y) => generalisedCharbonnier(x.sub(y), 1e-3);

/** The same with half the median difference as ε. */
export const charbonnierAdaptive: ErrorFunction = (x, y) => {
  const difference = x.sub(y);
  return generalisedCharbonnier(difference, difference.median().mul(0.5));
};

/** Linear below the median error c, `(d² + c²) / 2c` above (Laina et al. 2016, arXiv:1606.00373). */
export const berHu: ErrorFunction = (x, y) => {
  const distance = x.sub(y).abs();
  const limit = distance.median();
  return where(distance.lt(limit), distance, distance.square().add(limit.square()).div(limit.mul(2)));
};

export interface RelativeOptions {
  /** Targets up to this size count as without error. Default 0. */
  above?: number;
  /** Both are limited to ± this before they are compared. */
  limit?: number;
  /** What an error counts where the limited target has reached the limit. Default 1. */
  weightAtLimit?: number;
}

/** `|x − y| / |y|`. */
export function relative({ above = 0, limit, weightAtLimit = 1 }: RelativeOptions = {}): ErrorFunction {
  return (x, y) => {
    const [prediction, target] =
      limit === undefined ? [x, y] : [x.clamp({ min: -limit, max: limit }), y.clamp({ min: -limit, max: limit })];
    const size = target.abs();
    const error = prediction
      .sub(target)
      .abs()
      .div(size.add(size.eq(0).to(size.dtype).mul(1e-6)));
    const counted = where(size.gt(above), error, zerosLike(error));
    if (weightAtLimit === 1 || limit === undefined) return counted;
    return where(target.lt(limit), counted, counted.mul(weightAtLimit));
  };
}

export const variance: ErrorFunction = (x, y) => x.sub(y).var(null);

export const standardDeviation: ErrorFunction = (x, y) => x.sub(y).std(null);

/** Sum over the channels `(N, C, H, W)` to `(N, 1, H, W)`. */
export const l1Norm: ErrorFunction = (x, y) => x.sub(y).abs().sum(1, true);

export const l2Norm: ErrorFunction = (x, y) => length(x.sub(y));

/** The length of the prediction: a penalty, whatever the target. */
export const l2NormOfPrediction: ErrorFunction = (x) => length(x);

function length(vectors: Tensor): Tensor {
  return vectors.square().sum(1, true).sqrt();
}

/**
 * Whether a vector is off by more than 3 pixels and by more than 5 % of the true length, as the KITTI flow benchmark counts
 * (Menze and Geiger 2015).
 *
 * @param compared `'error'` sets the error against the true length; `'prediction'` sets the predicted length against it, as
 * edgeailite's figures do
 */
export function outlier(compared: 'error' | 'prediction' = 'error', scale = 1): ErrorFunction {
  return (x, y) => {
    const error = length(x.sub(y));
    const truth = length(y);
    const share = (compared === 'error' ? error : length(x)).div(truth.add(truth.eq(0).to(truth.dtype).mul(1e-6)));
    return error.gt(3).logicalAnd(share.gt(0.05)).to(x.dtype).mul(scale);
  };
}
