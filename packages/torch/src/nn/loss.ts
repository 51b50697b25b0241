/** @file Losses on scores of classes. */

import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import {
  type BinaryCrossEntropyOptions,
  type BinaryCrossEntropyWithLogitsOptions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  type CTCOptions,
  crossEntropy,
  ctcLoss,
  type KLDivOptions,
  klDiv,
  type MultiMarginOptions,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  nllLoss,
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
export abstract class WeightedLoss extends Loss {
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

  /** See `functional.crossEntropy` for the shapes. */
  forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, this);
  }
}

/** Negative log likelihood of the target class; the input holds logarithms of probabilities. */
export class NLLLoss extends WeightedLoss {
  ignoreIndex: number;

  constructor(options: Omit<CrossEntropyOptions, 'labelSmoothing'> = {}) {
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, this);
  }
}

/** Cross entropy of probabilities with targets between 0 and 1. */
export class BCELoss extends WeightedLoss {
  constructor(options: BinaryCrossEntropyOptions = {}) {
    super(options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, this);
  }
}

/** Sigmoid and binary cross entropy in one. */
export class BCEWithLogitsLoss extends WeightedLoss {
  pos_weight: Buffer | null;

  constructor(options: BinaryCrossEntropyWithLogitsOptions = {}) {
    super(options);
    this.pos_weight = options.posWeight == null ? null : new Buffer(options.posWeight);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight, reduction } = this;
    return binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}

/** Kullback–Leibler divergence of the target from the input, which holds logarithms of probabilities. */
export class KLDivLoss extends Module<[Tensor, Tensor], Tensor> {
  reduction: Reduction | 'batchmean';
  logTarget: boolean;

  constructor(options: KLDivOptions = {}) {
    super();
    const { reduction = 'mean' } = options;
    if (reduction !== 'batchmean') reductionCode(reduction);
    this.reduction = reduction;
    this.logTarget = options.logTarget ?? false;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this);
  }
}

/** Hinge loss between the target class and each other one. */
export class MultiMarginLoss extends WeightedLoss {
  p: 1 | 2;
  margin: number;

  constructor(options: MultiMarginOptions = {}) {
    super(options);
    this.p = options.p ?? 1;
    this.margin = options.margin ?? 1;
    if (this.p !== 1 && this.p !== 2) throw ArgumentError.expected('p', '1 or 2', this.p);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(input, target, this);
  }
}

/** Hinge loss between several target classes and all others. */
export class MultiLabelMarginLoss extends Loss {
  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelMarginLoss(input, target, this);
  }
}

/** Binary cross entropy of logits, averaged over the classes. */
export class MultiLabelSoftMarginLoss extends WeightedLoss {
  constructor(options: BinaryCrossEntropyOptions = {}) {
    super(options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelSoftMarginLoss(input, target, this);
  }
}

/** Connectionist temporal classification; see `functional.ctcLoss` for the shapes. */
export class CTCLoss extends Loss<[Tensor, Tensor, Tensor | readonly number[], Tensor | readonly number[]]> {
  blank: number;
  zeroInfinity: boolean;

  constructor(options: CTCOptions = {}) {
    super(options);
    this.blank = options.blank ?? 0;
    this.zeroInfinity = options.zeroInfinity ?? false;
  }

  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this);
  }
}
