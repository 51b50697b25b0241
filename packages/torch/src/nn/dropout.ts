/** @file Dropout layers: set random elements or channels to zero while training. */

import type { Tensor } from '../core/tensor.ts';
import type { InplaceOptions } from './functional/activation.ts';
import {
  alphaDropout,
  checkProbability,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
} from './functional/dropout.ts';
import { Module } from './module.ts';
import { repr } from './repr.ts';

abstract class DropoutBase extends Module {
  /** Probability that an element or channel is dropped. */
  p: number;
  inplace: boolean;

  /** @throws {ArgumentError} for a probability outside 0 … 1 */
  constructor(p = 0.5, options: InplaceOptions = {}) {
    super();
    checkProbability(p);
    this.p = p;
    this.inplace = options.inplace ?? false;
  }

  override extraRepr(): string {
    return `p=${repr(this.p)}, inplace=${repr(this.inplace)}`;
  }
}

/** Zeroes elements with probability `p` and scales the others by 1 / (1 − p). */
export class Dropout extends DropoutBase {
  forward(input: Tensor): Tensor {
    return dropout(input, this.p, this);
  }
}

/** Zeroes whole channels of `(N, C, L)` or `(C, L)`. */
export class Dropout1d extends DropoutBase {
  forward(input: Tensor): Tensor {
    return dropout1d(input, this.p, this);
  }
}

/** Zeroes whole channels of `(N, C, H, W)`. */
export class Dropout2d extends DropoutBase {
  forward(input: Tensor): Tensor {
    return dropout2d(input, this.p, this);
  }
}

/** Zeroes whole channels of `(N, C, D, H, W)` or `(C, D, H, W)`. */
export class Dropout3d extends DropoutBase {
  forward(input: Tensor): Tensor {
    return dropout3d(input, this.p, this);
  }
}

/** Dropout that keeps mean and variance, for networks of SELU units. */
export class AlphaDropout extends DropoutBase {
  forward(input: Tensor): Tensor {
    return alphaDropout(input, this.p, this);
  }
}

/** `AlphaDropout` of whole channels. */
export class FeatureAlphaDropout extends DropoutBase {
  forward(input: Tensor): Tensor {
    return featureAlphaDropout(input, this.p, this);
  }
}
