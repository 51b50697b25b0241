/** @file Losses on numbers and distances. */

import type { Tensor } from '../core/tensor.ts';
import { PairwiseDistance } from './distance.ts';
import {
  cosineEmbeddingLoss,
  type DistanceFunction,
  type GaussianNLLOptions,
  gaussianNllLoss,
  type HuberOptions,
  hingeEmbeddingLoss,
  huberLoss,
  l1Loss,
  type MarginOptions,
  marginRankingLoss,
  mseLoss,
  type PoissonNLLOptions,
  poissonNllLoss,
  type SmoothL1Options,
  smoothL1Loss,
  softMarginLoss,
  type TripletMarginOptions,
  type TripletMarginWithDistanceOptions,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from './functional/loss-regression.ts';
import { Loss } from './loss.ts';

/** Squared differences. */
export class MSELoss extends Loss {
  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this);
  }
}

/** Absolute differences. */
export class L1Loss extends Loss {
  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this);
  }
}

/** Squared differences below `beta`, absolute ones above, divided so that the slope is 1. */
export class SmoothL1Loss extends Loss {
  beta: number;

  constructor(options: SmoothL1Options = {}) {
    super(options);
    this.beta = options.beta ?? 1;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this);
  }
}

/** Squared differences below `delta`, `delta` times absolute ones above. */
export class HuberLoss extends Loss {
  delta: number;

  constructor(options: HuberOptions = {}) {
    super(options);
    this.delta = options.delta ?? 1;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this);
  }
}

/** `log(1 + exp(−target · input))`, targets −1 or 1. */
export class SoftMarginLoss extends Loss {
  forward(input: Tensor, target: Tensor): Tensor {
    return softMarginLoss(input, target, this);
  }
}

abstract class MarginLoss<Args extends unknown[]> extends Loss<Args> {
  margin: number;

  constructor(options: MarginOptions, margin: number) {
    super(options);
    this.margin = options.margin ?? margin;
  }
}

/** The input itself for targets 1, `max(0, margin − input)` for −1. `margin` is 1 unless given. */
export class HingeEmbeddingLoss extends MarginLoss<[Tensor, Tensor]> {
  constructor(options: MarginOptions = {}) {
    super(options, 1);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this);
  }
}

/** `1 − cos` for targets 1, `max(0, cos − margin)` for −1. `margin` is 0 unless given. */
export class CosineEmbeddingLoss extends MarginLoss<[Tensor, Tensor, Tensor]> {
  constructor(options: MarginOptions = {}) {
    super(options, 0);
  }

  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(input1, input2, target, this);
  }
}

/** `max(0, −target · (input1 − input2) + margin)`. `margin` is 0 unless given. */
export class MarginRankingLoss extends MarginLoss<[Tensor, Tensor, Tensor]> {
  constructor(options: MarginOptions = {}) {
    super(options, 0);
  }

  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(input1, input2, target, this);
  }
}

/** `max(0, d(anchor, positive) − d(anchor, negative) + margin)`. `margin` is 1 unless given. */
export class TripletMarginLoss extends MarginLoss<[Tensor, Tensor, Tensor]> {
  p: number;
  eps: number;
  swap: boolean;

  constructor(options: TripletMarginOptions = {}) {
    super(options, 1);
    this.p = options.p ?? 2;
    this.eps = options.eps ?? 1e-6;
    this.swap = options.swap ?? false;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this);
  }
}

/** `TripletMarginLoss` with a distance of your own. */
export class TripletMarginWithDistanceLoss extends MarginLoss<[Tensor, Tensor, Tensor]> {
  distance_function: DistanceFunction;
  swap: boolean;

  constructor(options: TripletMarginWithDistanceOptions = {}) {
    super(options, 1);
    this.distance_function = options.distanceFunction ?? new PairwiseDistance();
    this.swap = options.swap ?? false;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distance_function: distanceFunction, margin, swap, reduction } = this;
    return tripletMarginWithDistanceLoss(anchor, positive, negative, { distanceFunction, margin, swap, reduction });
  }
}

/** Negative log likelihood of counts under a Poisson distribution. */
export class PoissonNLLLoss extends Loss {
  logInput: boolean;
  full: boolean;
  eps: number;

  constructor(options: PoissonNLLOptions = {}) {
    super(options);
    this.logInput = options.logInput ?? true;
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-8;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(input, target, this);
  }
}

/** Negative log likelihood under normal distributions: input (the means), target, variance. */
export class GaussianNLLLoss extends Loss<[Tensor, Tensor, Tensor]> {
  full: boolean;
  eps: number;

  constructor(options: GaussianNLLOptions = {}) {
    super(options);
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-6;
  }

  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return gaussianNllLoss(input, target, variance, this);
  }
}
