/** @file Schedules for the first epochs: a constant or linearly rising share of the learning rate. */

import { ArgumentError } from '../../errors.ts';
import type { Optimizer } from '../optimizer.ts';
import { LRScheduler, requireWhole, type SchedulerOptions } from './base.ts';

/** Multiplies the rates by `factor` until `totalIters` epochs have passed. */
export class ConstantLR extends LRScheduler<{ factor: number; total_iters: number }> {
  /** `factor` defaults to 1/3, `totalIters` to 5. */
  constructor(optimizer: Optimizer, options: SchedulerOptions & { factor?: number; totalIters?: number } = {}) {
    const { factor = 1 / 3, totalIters = 5 } = options;
    requireShare('factor', factor);
    requireWhole('totalIters', totalIters, 0);
    super(optimizer, { factor, total_iters: totalIters }, options);
  }

  protected getLr(): number[] {
    const { factor, total_iters: total } = this.settings;
    if (this.lastEpoch === 0) return this.lrs().map((lr) => lr * factor);
    return this.lastEpoch === total ? this.lrs().map((lr) => lr * (1 / factor)) : this.lrs();
  }

  protected override closedFormLr(): number[] {
    const { factor, total_iters: total } = this.settings;
    const over = this.lastEpoch >= total ? 1 : 0;
    return this.baseLrs.map((lr) => lr * (factor + over * (1 - factor)));
  }
}

/** Multiplies the rates by a factor that goes linearly from `startFactor` to `endFactor` over `totalIters` epochs. */
export class LinearLR extends LRScheduler<{ start_factor: number; end_factor: number; total_iters: number }> {
  /** `startFactor` defaults to 1/3, `endFactor` to 1, `totalIters` to 5. */
  constructor(
    optimizer: Optimizer,
    options: SchedulerOptions & { startFactor?: number; endFactor?: number; totalIters?: number } = {},
  ) {
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    requireShare('startFactor', startFactor);
    requireShare('endFactor', endFactor);
    requireWhole('totalIters', totalIters, 1);
    super(optimizer, { start_factor: startFactor, end_factor: endFactor, total_iters: totalIters }, options);
  }

  protected getLr(): number[] {
    const { start_factor: start, end_factor: end, total_iters: total } = this.settings;
    const epoch = this.lastEpoch;
    if (epoch === 0) return this.lrs().map((lr) => lr * start);
    if (epoch > total) return this.lrs();
    return this.lrs().map((lr) => lr * (1 + (end - start) / (total * start + (epoch - 1) * (end - start))));
  }

  protected override closedFormLr(): number[] {
    const { start_factor: start, end_factor: end, total_iters: total } = this.settings;
    return this.baseLrs.map((lr) => lr * (start + ((end - start) * Math.min(total, this.lastEpoch)) / total));
  }
}

function requireShare(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw ArgumentError.expected(name, 'a number between 0 and 1', value);
}
