/** @file Layers that multiply by a matrix, and the one that does nothing. */

import { callOp } from '../core/dispatch.ts';
import { bilinear$, linear$ } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { kaimingUniform_, uniform_ } from './init.ts';
import { Module } from './module.ts';
import { type FactoryOptions, Parameter } from './parameter.ts';
import { repr } from './repr.ts';

export interface LinearOptions extends FactoryOptions {
  /** Default `true`. */
  bias?: boolean;
}

/** Returns its input. Constructor arguments are taken and ignored, so that it can stand in for any layer. */
export class Identity extends Module {
  constructor(..._ignored: unknown[]) {
    super();
  }

  forward(input: Tensor): Tensor {
    return input;
  }
}

/** `x · weightᵀ + bias`: `(…, inFeatures)` to `(…, outFeatures)`. */
export class Linear extends Module {
  inFeatures: number;
  outFeatures: number;
  /** `(outFeatures, inFeatures)` */
  weight: Parameter;
  /** `(outFeatures)` */
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias = true, dtype, device } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = Parameter.empty([outFeatures, inFeatures], { dtype, device });
    this.bias = bias ? Parameter.empty([outFeatures], { dtype, device }) : null;
    this.resetParameters();
  }

  /** Draws new weights: uniform within 1/√inFeatures, as PyTorch does. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const bound = this.inFeatures > 0 ? 1 / Math.sqrt(this.inFeatures) : 0;
    uniform_(this.bias, -bound, bound);
  }

  forward(input: Tensor): Tensor {
    return callOp(linear$, input, this.weight, this.bias) as Tensor;
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${repr(this.bias !== null)}`;
  }
}

/** `x1ᵀ · weight · x2 + bias` for each output feature: `(…, in1Features)` and `(…, in2Features)` to `(…, outFeatures)`. */
export class Bilinear extends Module<[Tensor, Tensor], Tensor> {
  in1Features: number;
  in2Features: number;
  outFeatures: number;
  /** `(outFeatures, in1Features, in2Features)` */
  weight: Parameter;
  /** `(outFeatures)` */
  bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias = true, dtype, device } = options;
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = Parameter.empty([outFeatures, in1Features, in2Features], { dtype, device });
    this.bias = bias ? Parameter.empty([outFeatures], { dtype, device }) : null;
    this.resetParameters();
  }

  /** Draws new weights: uniform within 1/√in1Features. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  forward(input1: Tensor, input2: Tensor): Tensor {
    return callOp(bilinear$, input1, input2, this.weight, this.bias) as Tensor;
  }

  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return `in1_features=${in1Features}, in2_features=${in2Features}, out_features=${outFeatures}, bias=${repr(bias !== null)}`;
  }
}
