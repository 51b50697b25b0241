/** @file Schedules given as functions of the epoch. */

import { ArgumentError } from '../../errors.ts';
import type { Optimizer } from '../optimizer.ts';
import { LRScheduler, type SchedulerOptions } from './base.ts';

/** A factor for an epoch, counted from 0. */
export type EpochFactor = (epoch: number) => number;

abstract class FunctionLR extends LRScheduler<{ lr_lambdas: EpochFactor[] }> {
  constructor(optimizer: Optimizer, lrLambda: EpochFactor | readonly EpochFactor[], options: SchedulerOptions = {}) {
    const groups = optimizer.paramGroups.length;
    const functions = typeof lrLambda === 'function' ? new Array<EpochFactor>(groups).fill(lrLambda) : [...lrLambda];
    if (functions.length !== groups) {
      throw new ArgumentError(
        'lrLambda',
        `Expected ${groups} functions for lrLambda, one a parameter group, but received ${functions.length}`,
      );
    }
    super(optimizer, { lr_lambdas: functions }, options);
  }

  /** Functions are not saved; the place that PyTorch has for them is. */
  protected override savedSettings(): Record<string, unknown> {
    return { lr_lambdas: this.settings.lr_lambdas.map(() => null) };
  }

  protected override loadSettings(): void {
    // The functions are those given to the constructor.
  }

  protected factors(): number[] {
    return this.settings.lr_lambdas.map((factor) => factor(this.lastEpoch));
  }
}

/** Sets the rates to the initial ones times a function of the epoch, one for all groups or one for each. */
export class LambdaLR extends FunctionLR {
  protected getLr(): number[] {
    return this.factors().map((factor, i) => (this.baseLrs[i] ?? 0) * factor);
  }
}

/** Multiplies the rates by a function of the epoch, every epoch from the second on. */
export class MultiplicativeLR extends FunctionLR {
  protected getLr(): number[] {
    const lrs = this.lrs();
    return this.lastEpoch > 0 ? this.factors().map((factor, i) => (lrs[i] ?? 0) * factor) : lrs;
  }
}
