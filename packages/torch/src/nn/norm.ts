/** @file Normalisation within samples: layer, group, instance and local response normalisation. */

import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { type BatchNormOptions, NormWithStatistics } from './batchnorm.ts';
import {
  groupNorm,
  instanceNorm,
  type LocalResponseNormOptions,
  layerNorm,
  localResponseNorm,
} from './functional/norm.ts';
import { ones_, zeros_ } from './init.ts';
import { Module } from './module.ts';
import { type FactoryOptions, Parameter } from './parameter.ts';
import { float, repr } from './repr.ts';

export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Learn a scale and a shift an element. Default `true`. */
  elementwiseAffine?: boolean;
}

abstract class AffineNorm extends Module {
  eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(shape: readonly number[], affine: boolean, eps: number, { dtype, device }: FactoryOptions) {
    super();
    this.eps = eps;
    this.weight = affine ? Parameter.empty(shape, { dtype, device }) : null;
    this.bias = affine ? Parameter.empty(shape, { dtype, device }) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }
}

/** Normalises over the last dimensions, of sizes `normalizedShape`. */
export class LayerNorm extends AffineNorm {
  normalizedShape: readonly number[];
  elementwiseAffine: boolean;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    const { eps = 1e-5, elementwiseAffine = true } = options;
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
    super(shape, elementwiseAffine, eps, options);
    this.normalizedShape = shape;
    this.elementwiseAffine = elementwiseAffine;
  }

  forward(input: Tensor): Tensor {
    return layerNorm(input, this.normalizedShape, this);
  }

  override extraRepr(): string {
    return `${repr(this.normalizedShape)}, eps=${repr(this.eps)}, elementwise_affine=${repr(this.elementwiseAffine)}`;
  }
}

export interface GroupNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Learn a scale and a shift a channel. Default `true`. */
  affine?: boolean;
}

/** Normalises groups of channels of `(N, C, …)`. */
export class GroupNorm extends AffineNorm {
  numGroups: number;
  numChannels: number;
  affine: boolean;

  /** @throws {ArgumentError} where the channels do not split evenly */
  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    const { eps = 1e-5, affine = true } = options;
    if (numChannels % numGroups !== 0) {
      throw new ArgumentError(
        'numChannels',
        `Expected a multiple of numGroups (${numGroups}) for numChannels but received ${numChannels}`,
      );
    }
    super([numChannels], affine, eps, options);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.affine = affine;
  }

  forward(input: Tensor): Tensor {
    return groupNorm(input, this.numGroups, this);
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${repr(this.eps)}, affine=${repr(this.affine)}`;
  }
}

/** Base of `InstanceNorm1d`, `2d` and `3d`, which differ in the inputs they accept. */
export abstract class InstanceNorm extends NormWithStatistics {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    const { eps = 1e-5, affine = false, trackRunningStats = false } = options;
    super(numFeatures, { ...options, eps, affine, trackRunningStats });
  }

  /** Number of spatial dimensions. */
  protected abstract get dims(): number;

  /** @param input `(N, C, …)` or `(C, …)` */
  forward(input: Tensor): Tensor {
    const dimensions = input.ndim;
    if (dimensions === this.dims + 1) return this.normalise(input.unsqueeze(0)).squeeze(0);
    if (dimensions !== this.dims + 2) {
      throw new ArgumentError(
        'input',
        `${this.constructor.name} does not take an input of ${dimensions} dimensions (shape [${input.shape.join(', ')}])`,
      );
    }
    return this.normalise(input);
  }

  private normalise(input: Tensor): Tensor {
    const { weight, bias, eps, running_mean, running_var } = this;
    const useInputStats = this.training || !this.trackRunningStats;
    return instanceNorm(input, {
      weight,
      bias,
      eps,
      runningMean: running_mean,
      runningVar: running_var,
      useInputStats,
      momentum: this.momentum ?? 0,
    });
  }
}

/** Normalises each channel of each sample of `(N, C, L)`. */
export class InstanceNorm1d extends InstanceNorm {
  protected override get dims(): number {
    return 1;
  }
}

/** Normalises each channel of each sample of `(N, C, H, W)`. */
export class InstanceNorm2d extends InstanceNorm {
  protected override get dims(): number {
    return 2;
  }
}

/** Normalises each channel of each sample of `(N, C, D, H, W)`. */
export class InstanceNorm3d extends InstanceNorm {
  protected override get dims(): number {
    return 3;
  }
}

/** Divides each element of `(N, C, …)` by the strength of `size` neighbouring channels. */
export class LocalResponseNorm extends Module {
  size: number;
  alpha: number;
  beta: number;
  k: number;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    this.size = size;
    this.alpha = options.alpha ?? 1e-4;
    this.beta = options.beta ?? 0.75;
    this.k = options.k ?? 1;
  }

  forward(input: Tensor): Tensor {
    return localResponseNorm(input, this.size, this);
  }

  override extraRepr(): string {
    return `${this.size}, alpha=${repr(this.alpha)}, beta=${repr(this.beta)}, k=${float(this.k)}`;
  }
}
