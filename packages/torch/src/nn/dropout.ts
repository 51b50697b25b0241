/** @file Dropout: sets random elements or channels to zero while training. */

import { callOp, Operator } from '../core/dispatch.ts';
import {
  alphaDropout_$,
  alphaDropout$,
  dropout$,
  featureAlphaDropout_$,
  featureAlphaDropout$,
  featureDropout_$,
  featureDropout$,
} from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import type { InplaceOptions } from './functional/activation.ts';
import { Module } from './module.ts';
import { repr } from './repr.ts';

const dropout_$ = new Operator('aten::dropout_');

abstract class DropoutBase extends Module {
  /** Probability that an element or channel is dropped. */
  p: number;
  inplace: boolean;

  /** @throws {ArgumentError} for a probability outside 0 … 1 */
  constructor(p = 0.5, options: InplaceOptions = {}) {
    super();
    if (!(p >= 0 && p <= 1)) throw ArgumentError.expected('p', 'a probability between 0 and 1', p);
    this.p = p;
    this.inplace = options.inplace ?? false;
  }

  protected abstract operator(inplace: boolean): Operator;

  forward(input: Tensor): Tensor {
    return callOp(this.operator(this.inplace), input, this.p, this.training) as Tensor;
  }

  override extraRepr(): string {
    return `p=${repr(this.p)}, inplace=${repr(this.inplace)}`;
  }
}

/** Zeroes elements with probability `p` and scales the others by 1 / (1 − p). */
export class Dropout extends DropoutBase {
  protected override operator(inplace: boolean): Operator {
    return inplace ? dropout_$ : dropout$;
  }
}

abstract class ChannelDropout extends DropoutBase {
  protected override operator(inplace: boolean): Operator {
    return inplace ? featureDropout_$ : featureDropout$;
  }
}

/** Zeroes whole channels of `(N, C, L)`. */
export class Dropout1d extends ChannelDropout {
  override forward(input: Tensor): Tensor {
    // The operator takes dimension 1 for the channels; without a batch they are in dimension 0.
    return input.ndim === 2 ? super.forward(input.unsqueeze(0)).squeeze(0) : super.forward(input);
  }
}

/** Zeroes whole channels of `(N, C, H, W)`. */
export class Dropout2d extends ChannelDropout {}

/** Zeroes whole channels of `(N, C, D, H, W)`. */
export class Dropout3d extends ChannelDropout {
  override forward(input: Tensor): Tensor {
    return input.ndim === 4 ? super.forward(input.unsqueeze(0)).squeeze(0) : super.forward(input);
  }
}

/** Dropout that keeps mean and variance, for networks of SELU units. */
export class AlphaDropout extends DropoutBase {
  protected override operator(inplace: boolean): Operator {
    return inplace ? alphaDropout_$ : alphaDropout$;
  }
}

/** `AlphaDropout` of whole channels. */
export class FeatureAlphaDropout extends DropoutBase {
  protected override operator(inplace: boolean): Operator {
    return inplace ? featureAlphaDropout_$ : featureAlphaDropout$;
  }
}
