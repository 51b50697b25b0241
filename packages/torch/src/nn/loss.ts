/** @file Losses on scores of classes. */

import type { Tensor } from '../core/tensor.ts';
import {
  type CrossEntropyOptions,
  crossEntropy,
  type Reduction,
  type ReductionOptions,
  reductionCode,
} from './functional/loss.ts';
import { Module } from './module.ts';
import { Buffer } from './parameter.ts';

/** Base of losses: holds how the losses of single elements are reduced. */
export abstract class Loss<Args extends unknown[] = [Tensor, Tensor]> extends Module<Args, Tensor> {
  reduction: Reduction;

  constructor(options: ReductionOptions = {}) {
    super();
    reductionCode(options.reduction);
    this.reduction = options.reduction ?? 'mean';
  }
}

/** Base of losses with a weight a class or an element, kept as a buffer. */
export abstract class WeightedLoss<Args extends unknown[] = [Tensor, Tensor]> extends Loss<Args> {
  weight: Buffer | null;

  constructor(options: ReductionOptions & { weight?: Tensor | null } = {}) {
    super(options);
    this.weight = options.weight == null ? null : new Buffer(options.weight);
  }
}

/** Negative log likelihood of the target class under softmax; targets are class indices or probabilities. */
export class CrossEntropyLoss extends WeightedLoss {
  ignoreIndex: number;
  labelSmoothing: number;

  constructor(options: CrossEntropyOptions = {}) {
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.labelSmoothing = options.labelSmoothing ?? 0;
  }

  /** See {@link crossEntropy} for the shapes. */
  forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, this);
  }
}
