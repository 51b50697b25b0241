/** @file Schedules that only fall: by steps, at milestones, exponentially, as a polynomial. */

import { Counter } from '../../serialization/pickle-values.ts';
import type { Optimizer } from '../optimizer.ts';
import { LRScheduler, requireWhole, type SchedulerOptions } from './base.ts';

/** Multiplies the rates by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler<{ step_size: number; gamma: number }> {
  constructor(optimizer: Optimizer, stepSize: number, options: SchedulerOptions & { gamma?: number } = {}) {
    requireWhole('stepSize', stepSize, 1);
    super(optimizer, { step_size: stepSize, gamma: options.gamma ?? 0.1 }, options);
  }

  protected getLr(): number[] {
    const { step_size: size, gamma } = this.settings;
    return this.lastEpoch === 0 || this.lastEpoch % size !== 0 ? this.lrs() : this.lrs().map((lr) => lr * gamma);
  }

  protected override closedFormLr(): number[] {
    const { step_size: size, gamma } = this.settings;
    return this.baseLrs.map((lr) => lr * gamma ** Math.floor(this.lastEpoch / size));
  }
}

/** Multiplies the rates by `gamma` at each of the given epochs. */
export class MultiStepLR extends LRScheduler<{ milestones: Map<number, number>; gamma: number }> {
  constructor(
    optimizer: Optimizer,
    milestones: readonly number[],
    options: SchedulerOptions & { gamma?: number } = {},
  ) {
    const counts = new Map<number, number>();
    for (const epoch of milestones) counts.set(epoch, (counts.get(epoch) ?? 0) + 1);
    super(optimizer, { milestones: counts, gamma: options.gamma ?? 0.1 }, options);
  }

  protected getLr(): number[] {
    const times = this.settings.milestones.get(this.lastEpoch);
    return times === undefined ? this.lrs() : this.lrs().map((lr) => lr * this.settings.gamma ** times);
  }

  protected override closedFormLr(): number[] {
    const { milestones, gamma } = this.settings;
    let passed = 0;
    for (const [epoch, times] of milestones) if (epoch <= this.lastEpoch) passed += times;
    return this.baseLrs.map((lr) => lr * gamma ** passed);
  }

  protected override savedSettings(): Record<string, unknown> {
    return { ...this.settings, milestones: new Counter(this.settings.milestones) };
  }

  protected override loadSettings(state: Record<string, unknown>): void {
    super.loadSettings(state);
    // A dict with no entry at all reads as a plain object.
    const saved: unknown = state.milestones;
    this.settings.milestones = new Map(saved instanceof Map ? saved : []);
  }
}

/** Multiplies the rates by `gamma` every epoch. */
export class ExponentialLR extends LRScheduler<{ gamma: number }> {
  constructor(optimizer: Optimizer, gamma: number, options: SchedulerOptions = {}) {
    super(optimizer, { gamma }, options);
  }

  protected getLr(): number[] {
    return this.lastEpoch === 0 ? this.lrs() : this.lrs().map((lr) => lr * this.settings.gamma);
  }

  protected override closedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * this.settings.gamma ** this.lastEpoch);
  }
}

/** Falls to 0 over `totalIters` epochs as (1 − epoch / totalIters) to the given power. */
export class PolynomialLR extends LRScheduler<{ total_iters: number; power: number }> {
  constructor(optimizer: Optimizer, options: SchedulerOptions & { totalIters?: number; power?: number } = {}) {
    const { totalIters = 5, power = 1 } = options;
    requireWhole('totalIters', totalIters, 1);
    super(optimizer, { total_iters: totalIters, power }, options);
  }

  protected getLr(): number[] {
    const { total_iters: total, power } = this.settings;
    const epoch = this.lastEpoch;
    if (epoch === 0 || epoch > total) return this.lrs();
    const factor = ((1 - epoch / total) / (1 - (epoch - 1) / total)) ** power;
    return this.lrs().map((lr) => lr * factor);
  }

  protected override closedFormLr(): number[] {
    const { total_iters: total, power } = this.settings;
    return this.baseLrs.map((lr) => lr * (1 - Math.min(total, this.lastEpoch) / total) ** power);
  }
}
