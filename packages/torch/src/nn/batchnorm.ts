/** @file Batch normalisation. */

import { ones, zeros } from '../core/creation.ts';
import { callOp } from '../core/dispatch.ts';
import { add_$Scalar, batchNorm$ } from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { requireSeveralValues } from './functional/norm.ts';
import { ones_, zeros_ } from './init.ts';
import { type AnyModule, Module } from './module.ts';
import { Buffer, type FactoryOptions, Parameter } from './parameter.ts';
import { repr } from './repr.ts';

export interface BatchNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Share of the newest batch in the running statistics; `null` takes the plain average of all batches. Default 0.1. */
  momentum?: number | null;
  /** Learn a scale and a shift a channel. Default `true`. */
  affine?: boolean;
  /** Keep running statistics for evaluation. Without them, evaluation uses those of its batch. Default `true`. */
  trackRunningStats?: boolean;
}

/** What batch and instance normalisation have in common: per-channel scale, shift and running statistics. */
export abstract class NormWithStatistics extends Module {
  numFeatures: number;
  eps: number;
  momentum: number | null;
  affine: boolean;
  trackRunningStats: boolean;
  /** `(numFeatures)` */
  weight: Parameter | null;
  bias: Parameter | null;
  running_mean: Buffer | null;
  running_var: Buffer | null;
  /** How many batches the statistics have seen, int64. */
  num_batches_tracked: Buffer | null;

  constructor(
    numFeatures: number,
    options: Required<Pick<BatchNormOptions, 'eps' | 'affine' | 'trackRunningStats'>> & BatchNormOptions,
  ) {
    super();
    const { dtype, device } = options;
    this.numFeatures = numFeatures;
    this.eps = options.eps;
    this.momentum = options.momentum === undefined ? 0.1 : options.momentum;
    this.affine = options.affine;
    this.trackRunningStats = options.trackRunningStats;
    const shape = [numFeatures];
    this.weight = options.affine ? Parameter.empty(shape, { dtype, device }) : null;
    this.bias = options.affine ? Parameter.empty(shape, { dtype, device }) : null;
    const tracked = options.trackRunningStats;
    this.running_mean = tracked ? Buffer.from(zeros(shape, { dtype, device })) : null;
    this.running_var = tracked ? Buffer.from(ones(shape, { dtype, device })) : null;
    // Checkpoints from before PyTorch 0.4.1 do not have it.
    this.num_batches_tracked = tracked
      ? Buffer.from(zeros([], { dtype: 'int64', device }), { zeroIfMissing: true })
      : null;
    this.resetParameters();
  }

  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  /** Forgets the batches seen so far. */
  resetRunningStats(): void {
    this.running_mean?.zero_();
    this.running_var?.fill_(1);
    this.num_batches_tracked?.zero_();
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, trackRunningStats } = this;
    return `${numFeatures}, eps=${repr(eps)}, momentum=${repr(momentum)}, affine=${repr(affine)}, track_running_stats=${repr(trackRunningStats)}`;
  }
}

/** Base of `BatchNorm1d`, `2d` and `3d`, which differ in the inputs they accept. */
export abstract class BatchNorm extends NormWithStatistics {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, {
      ...options,
      eps: options.eps ?? 1e-5,
      affine: options.affine ?? true,
      trackRunningStats: options.trackRunningStats ?? true,
    });
  }

  /** Numbers of dimensions that the layer takes. */
  protected abstract accepts(dimensions: number): boolean;

  /** @param input `(N, C)` or `(N, C, …)`; statistics are taken over all but `C` */
  forward(input: Tensor): Tensor {
    const dimensions = input.ndim;
    if (!this.accepts(dimensions)) {
      throw new ArgumentError(
        'input',
        `${this.constructor.name} does not take an input of ${dimensions} dimensions (shape [${input.shape.join(', ')}])`,
      );
    }
    return this.normalise(input);
  }

  protected normalise(input: Tensor): Tensor {
    const { training, running_mean, running_var } = this;
    let { momentum } = this;
    if (training) requireSeveralValues(input);
    if (training && this.trackRunningStats && this.num_batches_tracked !== null) {
      callOp(add_$Scalar, this.num_batches_tracked, 1);
      momentum ??= 1 / this.num_batches_tracked.item();
    }
    return callOp(
      batchNorm$,
      input,
      this.weight,
      this.bias,
      // Statistics that are kept but not to be used or updated now are withheld.
      !training || this.trackRunningStats ? running_mean : null,
      !training || this.trackRunningStats ? running_var : null,
      training || running_mean === null,
      momentum ?? 0,
      this.eps,
      true,
    ) as Tensor;
  }
}

/** Batch normalisation over `(N, C)` or `(N, C, L)`. */
export class BatchNorm1d extends BatchNorm {
  protected override accepts(dimensions: number): boolean {
    return dimensions === 2 || dimensions === 3;
  }
}

/** Batch normalisation over `(N, C, H, W)`. */
export class BatchNorm2d extends BatchNorm {
  protected override accepts(dimensions: number): boolean {
    return dimensions === 4;
  }
}

/** Batch normalisation over `(N, C, D, H, W)`. */
export class BatchNorm3d extends BatchNorm {
  protected override accepts(dimensions: number): boolean {
    return dimensions === 5;
  }
}

/**
 * Batch normalisation over `(N, C, …)` for training in several processes.
 *
 * In one process it computes what `BatchNorm` does. Statistics over the batches of several processes are not gathered yet:
 * there, each process normalises with its own batch.
 */
export class SyncBatchNorm extends BatchNorm {
  protected override accepts(dimensions: number): boolean {
    return dimensions >= 2;
  }

  /** Replaces every batch norm below (and including) `module` by a `SyncBatchNorm` with the same tensors. */
  static convertSyncBatchNorm(module: AnyModule): AnyModule {
    return convertSyncBatchNorm(module);
  }
}

/**
 * Replaces every batch norm below (and including) `module` by a `SyncBatchNorm` with the same parameters and buffers.
 *
 * @returns `module`, or its replacement where it is a batch norm itself
 */
export function convertSyncBatchNorm(module: AnyModule): AnyModule {
  if (module instanceof BatchNorm && !(module instanceof SyncBatchNorm)) return replaceBatchNorm(module);
  for (const [name, child] of module.namedChildren()) {
    const replaced = convertSyncBatchNorm(child);
    if (replaced !== child) (module as unknown as Record<string, unknown>)[name] = replaced;
  }
  return module;
}

function replaceBatchNorm(module: BatchNorm): SyncBatchNorm {
  const { numFeatures, eps, momentum, affine, trackRunningStats } = module;
  // Made without tensors of its own; it takes over the old ones, so that an optimiser keeps its parameters.
  const made = new SyncBatchNorm(numFeatures, { eps, momentum, affine: false, trackRunningStats: false });
  const { weight, bias, running_mean, running_var, num_batches_tracked, training } = module;
  return Object.assign(made, {
    affine,
    trackRunningStats,
    weight,
    bias,
    running_mean,
    running_var,
    num_batches_tracked,
  }).train(training);
}
