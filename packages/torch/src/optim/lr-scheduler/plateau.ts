/** @file Lowers the learning rates when a metric has stopped improving. */

import { Tensor } from '../../core/tensor.ts';
import { ArgumentError } from '../../errors.ts';
import type { Optimizer } from '../optimizer.ts';
import { perGroup, readNumber, readRates, requireOptimizer, type Scheduler } from './base.ts';

export interface PlateauOptions {
  /** Whether a smaller or a larger metric is better. Default `min`. */
  mode?: 'min' | 'max';
  /** The rates are multiplied by this. Default 0.1. */
  factor?: number;
  /** Epochs without improvement that are let pass. Default 10. */
  patience?: number;
  /** What counts as an improvement. Default 1e-4. */
  threshold?: number;
  /** Whether the threshold is a share of the best metric or a difference to it. Default `rel`. */
  thresholdMode?: 'rel' | 'abs';
  /** Epochs after a reduction in which nothing is counted. Default 0. */
  cooldown?: number;
  /** Lowest rate, one for all groups or one for each. Default 0. */
  minLr?: number | readonly number[];
  /** Smaller reductions are left out. Default 1e-8. */
  eps?: number;
}

/** `torch.optim.lr_scheduler.ReduceLROnPlateau`: `step(metric)` after each validation. */
export class ReduceLROnPlateau implements Scheduler {
  readonly optimizer: Optimizer;
  lastEpoch = 0;
  /** Best metric so far. */
  best: number;
  readonly #settings: Required<Omit<PlateauOptions, 'minLr'>> & { minLrs: number[] };
  #cooldownCounter = 0;
  #badEpochs = 0;
  #lastLr: number[] | undefined;

  constructor(optimizer: Optimizer, options: PlateauOptions = {}) {
    requireOptimizer(optimizer);
    const {
      mode = 'min',
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      thresholdMode = 'rel',
      cooldown = 0,
      eps = 1e-8,
    } = options;
    if (!(factor < 1)) throw ArgumentError.expected('factor', 'a number below 1', factor);
    if (mode !== 'min' && mode !== 'max') throw ArgumentError.expected('mode', "'min' or 'max'", mode);
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs')
      throw ArgumentError.expected('thresholdMode', "'rel' or 'abs'", thresholdMode);
    const minLrs = perGroup('minLr', options.minLr ?? 0, optimizer.paramGroups.length);
    this.optimizer = optimizer;
    this.#settings = { mode, factor, patience, threshold, thresholdMode, cooldown, eps, minLrs };
    this.best = this.#worst();
  }

  /** Counts an epoch with this metric, and lowers the rates where there have been too many without improvement. */
  step(metric: number | Tensor): void {
    const current = metric instanceof Tensor ? metric.item() : metric;
    if (typeof current !== 'number')
      throw ArgumentError.expected('metric', 'a number or a Tensor of one element', metric);
    this.lastEpoch += 1;
    if (this.#isBetter(current)) {
      this.best = current;
      this.#badEpochs = 0;
    } else {
      this.#badEpochs += 1;
    }
    if (this.#cooldownCounter > 0) {
      this.#cooldownCounter -= 1;
      this.#badEpochs = 0;
    }
    if (this.#badEpochs > this.#settings.patience) {
      this.#reduce();
      this.#cooldownCounter = this.#settings.cooldown;
      this.#badEpochs = 0;
    }
    this.#lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  getLastLr(): number[] {
    return this.#lastLr === undefined ? this.optimizer.paramGroups.map((group) => group.lr) : [...this.#lastLr];
  }

  stateDict(): Record<string, unknown> {
    const { mode, factor, patience, threshold, thresholdMode, cooldown, eps, minLrs } = this.#settings;
    return {
      factor,
      min_lrs: [...minLrs],
      patience,
      verbose: false,
      cooldown,
      cooldown_counter: this.#cooldownCounter,
      mode,
      threshold,
      threshold_mode: thresholdMode,
      best: this.best,
      num_bad_epochs: this.#badEpochs,
      mode_worse: this.#worst(),
      eps,
      last_epoch: this.lastEpoch,
      ...(this.#lastLr === undefined ? {} : { _last_lr: [...this.#lastLr] }),
    };
  }

  loadStateDict(state: Record<string, unknown>): void {
    const settings = this.#settings;
    const groups = settings.minLrs.length;
    const { mode, threshold_mode: thresholdMode } = state;
    if ((mode !== 'min' && mode !== 'max') || (thresholdMode !== 'rel' && thresholdMode !== 'abs')) {
      throw new ArgumentError('state', "The scheduler's state has no valid 'mode' and 'threshold_mode'");
    }
    const numbers = {
      factor: readNumber(state, 'factor'),
      patience: readNumber(state, 'patience'),
      threshold: readNumber(state, 'threshold'),
      cooldown: readNumber(state, 'cooldown'),
      eps: readNumber(state, 'eps'),
      minLrs: readRates(state, 'min_lrs', groups),
    };
    const lastLr = state._last_lr === undefined ? undefined : readRates(state, '_last_lr', groups);
    const [best, bad, counter, epoch] = ['best', 'num_bad_epochs', 'cooldown_counter', 'last_epoch'].map((key) =>
      readNumber(state, key),
    );
    Object.assign(settings, numbers, { mode, thresholdMode });
    this.best = best ?? this.#worst();
    this.#badEpochs = bad ?? 0;
    this.#cooldownCounter = counter ?? 0;
    this.lastEpoch = epoch ?? 0;
    this.#lastLr = lastLr;
  }

  #worst(): number {
    return this.#settings.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  #isBetter(current: number): boolean {
    const { mode, threshold, thresholdMode } = this.#settings;
    if (mode === 'min')
      return current < (thresholdMode === 'rel' ? this.best * (1 - threshold) : this.best - threshold);
    return current > (thresholdMode === 'rel' ? this.best * (threshold + 1) : this.best + threshold);
  }

  #reduce(): void {
    const { factor, minLrs, eps } = this.#settings;
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      const lower = Math.max(group.lr * factor, minLrs[i] ?? 0);
      if (group.lr - lower > eps) group.lr = lower;
    }
  }
}
