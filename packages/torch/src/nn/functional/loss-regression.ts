/** @file Loss functions on numbers and distances. */

import { noGrad } from '../../autograd/modes.ts';
import { callOp, type Operator } from '../../core/dispatch.ts';
import { broadcastTensors } from '../../core/generated/functions.ts';
import {
  cosineEmbeddingLoss$,
  hingeEmbeddingLoss$,
  huberLoss$,
  l1Loss$,
  marginRankingLoss$,
  mseLoss$,
  pairwiseDistance$,
  poissonNllLoss$,
  smoothL1Loss$,
  softMarginLoss$,
  tripletMarginLoss$,
} from '../../core/generated/operators.ts';
import { scope } from '../../core/scope.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import { type ReductionOptions, reduce, reductionCode } from './loss.ts';

/** Losses of element pairs, whose operators want equal shapes. */
function elementwise(
  operator: Operator,
  input: Tensor,
  target: Tensor,
  options: ReductionOptions,
  ...rest: unknown[]
): Tensor {
  const code = reductionCode(options.reduction);
  const a = input.shape;
  const b = target.shape;
  if (a.length === b.length && a.every((size, i) => size === b[i]))
    return callOp(operator, input, target, code, ...rest) as Tensor;
  return scope(() => {
    const [x, y] = broadcastTensors([input, target]) as [Tensor, Tensor];
    return callOp(operator, x, y, code, ...rest) as Tensor;
  });
}

/** Squared differences. Shapes are broadcast. */
export function mseLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  return elementwise(mseLoss$, input, target, options);
}

/** Absolute differences. Shapes are broadcast. */
export function l1Loss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  return elementwise(l1Loss$, input, target, options);
}

export interface SmoothL1Options extends ReductionOptions {
  /** Where squares end and absolute differences begin. Default 1. */
  beta?: number;
}

/** Squared differences below `beta`, absolute ones above, divided so that the slope is 1. Shapes are broadcast. */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  return elementwise(smoothL1Loss$, input, target, options, options.beta ?? 1);
}

export interface HuberOptions extends ReductionOptions {
  /** Where squares end and absolute differences begin. Default 1. */
  delta?: number;
}

/** Squared differences below `delta`, `delta` times absolute ones above. Shapes are broadcast. */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  return elementwise(huberLoss$, input, target, options, options.delta ?? 1);
}

/** `log(1 + exp(−target · input))`, targets −1 or 1. */
export function softMarginLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  return callOp(softMarginLoss$, input, target, reductionCode(options.reduction)) as Tensor;
}

export interface MarginOptions extends ReductionOptions {
  margin?: number;
}

/** The input itself for targets 1, `max(0, margin − input)` for −1. `margin` is 1 unless given. */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  return callOp(hingeEmbeddingLoss$, input, target, options.margin ?? 1, reductionCode(options.reduction)) as Tensor;
}

/** `1 − cos` for targets 1, `max(0, cos − margin)` for −1. `margin` is 0 unless given. */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginOptions = {},
): Tensor {
  return callOp(
    cosineEmbeddingLoss$,
    input1,
    input2,
    target,
    options.margin ?? 0,
    reductionCode(options.reduction),
  ) as Tensor;
}

/** `max(0, −target · (input1 − input2) + margin)`. `margin` is 0 unless given. @throws {ArgumentError} for unequal numbers of dimensions */
export function marginRankingLoss(input1: Tensor, input2: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  if (input1.ndim !== input2.ndim || input1.ndim !== target.ndim) {
    const shapes = [input1, input2, target].map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    throw new ArgumentError(
      'target',
      `Expected input1, input2 and target of equally many dimensions but received shapes ${shapes}`,
    );
  }
  return callOp(
    marginRankingLoss$,
    input1,
    input2,
    target,
    options.margin ?? 0,
    reductionCode(options.reduction),
  ) as Tensor;
}

export interface TripletMarginOptions extends MarginOptions {
  /** Exponent of the distance. Default 2. */
  p?: number;
  /** Default 1e-6. */
  eps?: number;
  /** Take the distance from positive to negative where it is the smaller one. Default `false`. */
  swap?: boolean;
}

/** `max(0, d(anchor, positive) − d(anchor, negative) + margin)`. `margin` is 1 unless given. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
): Tensor {
  const { margin = 1, p = 2, eps = 1e-6, swap = false, reduction } = options;
  return callOp(
    tripletMarginLoss$,
    anchor,
    positive,
    negative,
    margin,
    p,
    eps,
    swap,
    reductionCode(reduction),
  ) as Tensor;
}

/** Distances of two batches of vectors, one a pair. */
export type DistanceFunction = (x1: Tensor, x2: Tensor) => Tensor;

export interface TripletMarginWithDistanceOptions extends MarginOptions {
  /** Default: the Euclidean distance. */
  distanceFunction?: DistanceFunction;
  /** Default `false`. */
  swap?: boolean;
}

/** `tripletMarginLoss` with a distance of your own. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceOptions = {},
): Tensor {
  const { margin = 1, swap = false, reduction } = options;
  const distance = options.distanceFunction ?? ((x1, x2) => callOp(pairwiseDistance$, x1, x2) as Tensor);
  return scope(() => {
    const near = distance(anchor, positive);
    const far = distance(anchor, negative);
    const least = swap ? far.minimum(distance(positive, negative)) : far;
    return reduce(near.sub(least).add(margin).clampMin(0), reduction);
  });
}

export interface PoissonNLLOptions extends ReductionOptions {
  /** The input is the logarithm of the rate. Default `true`. */
  logInput?: boolean;
  /** Add Stirling's term. Default `false`. */
  full?: boolean;
  /** Added to the rate before its logarithm is taken. Default 1e-8. */
  eps?: number;
}

/** Negative log likelihood of counts under a Poisson distribution. */
export function poissonNllLoss(input: Tensor, target: Tensor, options: PoissonNLLOptions = {}): Tensor {
  const { logInput = true, full = false, eps = 1e-8, reduction } = options;
  return callOp(poissonNllLoss$, input, target, logInput, full, eps, reductionCode(reduction)) as Tensor;
}

export interface GaussianNLLOptions extends ReductionOptions {
  /** Add the constant term. Default `false`. */
  full?: boolean;
  /** Least variance. Default 1e-6. */
  eps?: number;
}

/**
 * Negative log likelihood under normal distributions.
 *
 * @param variance the input's shape, or that with a last dimension of 1 or none
 * @throws {ArgumentError} for another shape, or negative variances
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianNLLOptions = {},
): Tensor {
  const { full = false, eps = 1e-6, reduction } = options;
  return scope(() => {
    const a = input.shape;
    const b = variance.shape;
    const leading = a.slice(0, -1).join();
    const shared = b.join() === leading && b.length === a.length - 1;
    if (
      b.join() !== a.join() &&
      !shared &&
      !(b.length === a.length && b.at(-1) === 1 && b.slice(0, -1).join() === leading)
    ) {
      throw new ArgumentError(
        'variance',
        `Expected the input's shape [${a.join(', ')}], or 1 or no last dimension, for variance but received [${b.join(', ')}]`,
      );
    }
    if (variance.lt(0).any().item()) throw new ArgumentError('variance', 'Expected no negative numbers in variance');
    const bounded = (shared ? variance.unsqueeze(-1) : variance).clone();
    // Not a clamp with a gradient: a variance below eps keeps its own.
    noGrad(() => bounded.clamp_({ min: eps }));
    const loss = bounded.log().add(input.sub(target).pow(2).div(bounded)).mul(0.5);
    return reduce(full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction);
  });
}
