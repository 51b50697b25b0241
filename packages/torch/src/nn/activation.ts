/** @file Activations that cut a straight line: the ReLU family and its piecewise-linear relatives. */

import { callOp } from '../core/dispatch.ts';
import { relu_$, relu$ } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { boundedLinear, type HardtanhOptions, type InplaceOptions } from './functional/activation.ts';
import { Module } from './module.ts';
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
  }

  forward(input: Tensor): Tensor {
    return boundedLinear(input, this.minVal, this.maxVal, this.inplace);
  }

  override extraRepr(): string {
    return `min_val=${float(this.minVal)}, max_val=${float(this.maxVal)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/** `min(max(x, 0), 6)` */
export class ReLU6 extends Hardtanh {
  constructor(options: InplaceOptions = {}) {
    super({ ...options, minVal: 0, maxVal: 6 });
  }

  override extraRepr(): string {
    return this.inplace ? `inplace=${repr(true)}` : '';
  }
}
