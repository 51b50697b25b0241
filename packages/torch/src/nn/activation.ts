/** @file Activations that cut a straight line: the ReLU family and its piecewise-linear relatives. */

import { callOp } from '../core/dispatch.ts';
import { relu_$, relu$ } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import {
  checkBounds,
  type HardtanhOptions,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  type InplaceOptions,
  leakyRelu,
  prelu,
  type RReluOptions,
  rrelu,
  softshrink,
  threshold,
} from './functional/activation.ts';
import { constant_ } from './init.ts';
import { Module } from './module.ts';
import { type FactoryOptions, Parameter } from './parameter.ts';
import { float, repr } from './repr.ts';

/** Base of activations that may overwrite their input. */
export abstract class InplaceActivation extends Module {
  inplace: boolean;

  constructor(options: InplaceOptions = {}) {
    super();
    this.inplace = options.inplace ?? false;
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }

  /** `extraRepr` of an activation with settings of its own. */
  protected reprWith(settings: string): string {
    return this.inplace ? `${settings}, inplace=True` : settings;
  }
}

/** `max(x, 0)` */
export class ReLU extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return callOp(this.inplace ? relu_$ : relu$, input) as Tensor;
  }
}

/** `min(max(x, minVal), maxVal)`, by default between −1 and 1. */
export class Hardtanh extends InplaceActivation {
  minVal: number;
  maxVal: number;

  constructor(options: HardtanhOptions = {}) {
    super(options);
    this.minVal = options.minVal ?? -1;
    this.maxVal = options.maxVal ?? 1;
    checkBounds('maxVal', this.minVal, this.maxVal);
  }

  forward(input: Tensor): Tensor {
    return hardtanh(input, this);
  }

  override extraRepr(): string {
    return this.reprWith(`min_val=${float(this.minVal)}, max_val=${float(this.maxVal)}`);
  }
}

/** `min(max(x, 0), 6)` */
export class ReLU6 extends Hardtanh {
  constructor(options: InplaceOptions = {}) {
    super({ ...options, minVal: 0, maxVal: 6 });
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** `x` above zero, `negativeSlope · x` below. */
export class LeakyReLU extends InplaceActivation {
  negativeSlope: number;

  constructor(negativeSlope = 0.01, options: InplaceOptions = {}) {
    super(options);
    this.negativeSlope = negativeSlope;
  }

  forward(input: Tensor): Tensor {
    return leakyRelu(input, this.negativeSlope, this);
  }

  override extraRepr(): string {
    return this.reprWith(`negative_slope=${repr(this.negativeSlope)}`);
  }
}

export interface PReLUOptions extends FactoryOptions {
  /** 1, or the number of channels. Default 1. */
  numParameters?: number;
  /** Slope to start from. Default 0.25. */
  init?: number;
}

/** `x` above zero, `weight · x` below, with a learnt slope, or one a channel. */
export class PReLU extends Module {
  numParameters: number;
  /** `(numParameters)` */
  weight: Parameter;

  constructor(options: PReLUOptions = {}) {
    super();
    const { numParameters = 1, init = 0.25, dtype, device } = options;
    this.numParameters = numParameters;
    this.weight = Parameter.empty([numParameters], { dtype, device });
    constant_(this.weight, init);
  }

  forward(input: Tensor): Tensor {
    return prelu(input, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

/** Leaky ReLU with slopes drawn between `lower` and `upper` while training, and their mean otherwise. */
export class RReLU extends InplaceActivation {
  lower: number;
  upper: number;

  constructor(options: Omit<RReluOptions, 'training'> = {}) {
    super(options);
    this.lower = options.lower ?? 1 / 8;
    this.upper = options.upper ?? 1 / 3;
  }

  forward(input: Tensor): Tensor {
    return rrelu(input, this);
  }

  override extraRepr(): string {
    return this.reprWith(`lower=${repr(this.lower)}, upper=${repr(this.upper)}`);
  }
}

/** `x · min(max(x + 3, 0), 6) / 6` */
export class Hardswish extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return hardswish(input, this);
  }

  override extraRepr(): string {
    return '';
  }
}

/** `min(max(x + 3, 0), 6) / 6` */
export class Hardsigmoid extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return hardsigmoid(input, this);
  }

  override extraRepr(): string {
    return '';
  }
}

/** `x` above `threshold`, `value` elsewhere. */
export class Threshold extends InplaceActivation {
  threshold: number;
  value: number;

  constructor(limit: number, value: number, options: InplaceOptions = {}) {
    super(options);
    this.threshold = limit;
    this.value = value;
  }

  forward(input: Tensor): Tensor {
    return threshold(input, this.threshold, this.value, this);
  }

  override extraRepr(): string {
    return this.reprWith(`threshold=${repr(this.threshold)}, value=${repr(this.value)}`);
  }
}

abstract class Shrink extends Module {
  lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }

  override extraRepr(): string {
    return repr(this.lambd);
  }
}

/** Moves values towards zero by `lambd`; those within become zero. */
export class Softshrink extends Shrink {
  forward(input: Tensor): Tensor {
    return softshrink(input, this.lambd);
  }
}

/** Sets values within `lambd` of zero to zero. */
export class Hardshrink extends Shrink {
  forward(input: Tensor): Tensor {
    return hardshrink(input, this.lambd);
  }
}
