/** @file Cosine annealing, without and with warm restarts. */

import { ArgumentError } from '../../errors.ts';
import type { Optimizer } from '../optimizer.ts';
import { LRScheduler, requireWhole, type SchedulerOptions } from './base.ts';

/** Falls along half a cosine from the initial rates to `etaMin` at epoch `tMax`. */
export class CosineAnnealingLR extends LRScheduler<{ T_max: number; eta_min: number }> {
  constructor(optimizer: Optimizer, tMax: number, options: SchedulerOptions & { etaMin?: number } = {}) {
    requireWhole('tMax', tMax, 1);
    super(optimizer, { T_max: tMax, eta_min: options.etaMin ?? 0 }, options);
  }

  protected getLr(): number[] {
    const { T_max: period, eta_min: least } = this.settings;
    const epoch = this.lastEpoch;
    const lrs = this.lrs();
    if (epoch === 0) return lrs;
    if (this.stepCount === 1 && epoch > 0) {
      return this.baseLrs.map((lr) => least + ((lr - least) * (1 + Math.cos((epoch * Math.PI) / period))) / 2);
    }
    // Just after a minimum the quotient below would divide by zero.
    if ((epoch - 1 - period) % (2 * period) === 0) {
      return lrs.map((lr, i) => lr + (((this.baseLrs[i] ?? 0) - least) * (1 - Math.cos(Math.PI / period))) / 2);
    }
    const now = 1 + Math.cos((Math.PI * epoch) / period);
    const before = 1 + Math.cos((Math.PI * (epoch - 1)) / period);
    return lrs.map((lr) => (now / before) * (lr - least) + least);
  }

  protected override closedFormLr(): number[] {
    const { T_max: period, eta_min: least } = this.settings;
    return this.baseLrs.map((lr) => least + ((lr - least) * (1 + Math.cos((Math.PI * this.lastEpoch) / period))) / 2);
  }
}

interface RestartSettings {
  T_0: number;
  /** Length of the present period. */
  T_i: number;
  T_mult: number;
  eta_min: number;
  /** Epochs since the last restart. */
  T_cur: number;
}

/**
 * Falls along half a cosine over `t0` epochs, starts again, each period `tMult` times as long as the one before.
 * `step(epoch + i / batches)` may be called once a batch.
 */
export class CosineAnnealingWarmRestarts extends LRScheduler<RestartSettings> {
  constructor(optimizer: Optimizer, t0: number, options: SchedulerOptions & { tMult?: number; etaMin?: number } = {}) {
    const { tMult = 1, etaMin = 0, lastEpoch = -1 } = options;
    requireWhole('t0', t0, 1);
    requireWhole('tMult', tMult, 1);
    super(optimizer, { T_0: t0, T_i: t0, T_mult: tMult, eta_min: etaMin, T_cur: lastEpoch }, options);
  }

  protected getLr(): number[] {
    const { T_i: period, T_cur: now, eta_min: least } = this.settings;
    return this.baseLrs.map((lr) => least + ((lr - least) * (1 + Math.cos((Math.PI * now) / period))) / 2);
  }

  override step(epoch?: number): void {
    const s = this.settings;
    const target = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    if (target === undefined) {
      s.T_cur += 1;
      if (s.T_cur >= s.T_i) {
        s.T_cur -= s.T_i;
        s.T_i *= s.T_mult;
      }
    } else {
      if (!(target >= 0)) throw ArgumentError.expected('epoch', 'a number of at least 0', target);
      moveTo(s, target);
    }
    this.lastEpoch = Math.floor(target ?? this.lastEpoch + 1);
    this.apply(this.getLr());
  }
}

function moveTo(s: RestartSettings, epoch: number): void {
  if (epoch < s.T_0) {
    s.T_i = s.T_0;
    s.T_cur = epoch;
  } else if (s.T_mult === 1) {
    s.T_cur = epoch % s.T_0;
  } else {
    const periods = Math.trunc(Math.log((epoch / s.T_0) * (s.T_mult - 1) + 1) / Math.log(s.T_mult));
    s.T_cur = epoch - (s.T_0 * (s.T_mult ** periods - 1)) / (s.T_mult - 1);
    s.T_i = s.T_0 * s.T_mult ** periods;
  }
}
