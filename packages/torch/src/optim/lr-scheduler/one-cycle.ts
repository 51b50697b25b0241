/** @file The one-cycle policy: the rates rise and fall once over the whole training, the momentum the other way round. */

import { ArgumentError } from '../../errors.ts';
import type { Optimizer } from '../optimizer.ts';
import type { ParamGroup } from '../param-group.ts';
import { LRScheduler, perGroup, requireOptimizer, requireWhole, type SchedulerOptions } from './base.ts';

export interface OneCycleOptions extends SchedulerOptions {
  /** Steps of the whole cycle; or give `epochs` and `stepsPerEpoch`. */
  totalSteps?: number;
  epochs?: number;
  stepsPerEpoch?: number;
  /** Share of the cycle in which the rates rise. Default 0.3. */
  pctStart?: number;
  /** Default `cos`. */
  annealStrategy?: 'cos' | 'linear';
  /** Cycle the momentum (or the first beta) too. Default `true`. */
  cycleMomentum?: boolean;
  /** Lowest momentum, one for all groups or one for each. Default 0.85. */
  baseMomentum?: number | readonly number[];
  /** Highest momentum. Default 0.95. */
  maxMomentum?: number | readonly number[];
  /** The first rate is the highest divided by this. Default 25. */
  divFactor?: number;
  /** The last rate is the first divided by this. Default 10,000. */
  finalDivFactor?: number;
  /** Fall back to the first rate symmetrically, then to the last in a third phase. Default `false`. */
  threePhase?: boolean;
}

type LrName = 'initial_lr' | 'max_lr' | 'min_lr';
type MomentumName = 'max_momentum' | 'base_momentum';

interface Phase {
  end_step: number;
  start_lr: LrName;
  end_lr: LrName;
  start_momentum: MomentumName;
  end_momentum: MomentumName;
}

interface OneCycleSettings {
  total_steps: number;
  _schedule_phases: Phase[];
  cycle_momentum: boolean;
  /** Whether the first beta is cycled; only where something is. */
  use_beta1?: boolean;
}

/** The options of optimisers that have a momentum to cycle. */
interface Cycled {
  momentum?: number;
  betas?: readonly number[];
}

/** See the file's description. `step` is called after every batch. */
export class OneCycleLR extends LRScheduler<OneCycleSettings & { anneal: OneCycleOptions['annealStrategy'] }> {
  /** @param maxLr the highest rate, one for all groups or one for each */
  constructor(optimizer: Optimizer, maxLr: number | readonly number[], options: OneCycleOptions = {}) {
    requireOptimizer(optimizer);
    const { pctStart = 0.3, annealStrategy = 'cos', cycleMomentum = true, lastEpoch = -1 } = options;
    if (!(pctStart >= 0 && pctStart <= 1))
      throw ArgumentError.expected('pctStart', 'a number between 0 and 1', pctStart);
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear') {
      throw ArgumentError.expected('annealStrategy', "'cos' or 'linear'", annealStrategy);
    }
    const total = countSteps(options);
    const useBeta1 = 'betas' in optimizer.defaults;
    if (cycleMomentum && !useBeta1 && !('momentum' in optimizer.defaults)) {
      throw new ArgumentError(
        'cycleMomentum',
        `${optimizer.constructor.name} has no momentum to cycle; pass cycleMomentum: false`,
      );
    }
    const count = optimizer.paramGroups.length;
    const maxLrs = perGroup('maxLr', maxLr, count);
    const maxMomenta = perGroup('maxMomentum', options.maxMomentum ?? 0.95, count);
    const baseMomenta = perGroup('baseMomentum', options.baseMomentum ?? 0.85, count);
    if (lastEpoch === -1) {
      for (const [i, group] of optimizer.paramGroups.entries()) {
        group.maxLr = maxLrs[i] ?? 0;
        group.initialLr = group.maxLr / (options.divFactor ?? 25);
        group.minLr = group.initialLr / (options.finalDivFactor ?? 1e4);
        if (!cycleMomentum) continue;
        group.maxMomentum = maxMomenta[i] ?? 0;
        group.baseMomentum = baseMomenta[i] ?? 0;
        setMomentum(group, group.maxMomentum, useBeta1);
      }
    }
    const settings = {
      total_steps: total,
      _schedule_phases: phases(total, pctStart, options.threePhase ?? false),
      cycle_momentum: cycleMomentum,
      ...(cycleMomentum ? { use_beta1: useBeta1 } : {}),
      anneal: annealStrategy,
    };
    super(optimizer, settings, options);
  }

  protected getLr(): number[] {
    const {
      total_steps: total,
      _schedule_phases: all,
      cycle_momentum: cycles,
      use_beta1: useBeta1 = false,
      anneal,
    } = this.settings;
    const step = this.lastEpoch;
    if (step > total)
      throw new ArgumentError('step', `The cycle has ${total} steps; step ${step + 1} is beyond its end`);
    let start = 0;
    let phase = all[0];
    for (const next of all) {
      phase = next;
      if (step <= next.end_step || next === all.at(-1)) break;
      start = next.end_step;
    }
    if (phase === undefined) return this.lrs();
    const {
      end_step: end,
      start_lr: fromLr,
      end_lr: toLr,
      start_momentum: fromMomentum,
      end_momentum: toMomentum,
    } = phase;
    const share = (step - start) / (end - start);
    const between = anneal === 'linear' ? linear : cosine;
    return this.optimizer.paramGroups.map((group) => {
      if (cycles)
        setMomentum(group, between(valueNamed(group, fromMomentum), valueNamed(group, toMomentum), share), useBeta1);
      return between(valueNamed(group, fromLr), valueNamed(group, toLr), share);
    });
  }

  /** PyTorch saves the annealing as a method, which no safe reader loads; it is given to the constructor again. */
  protected override savedSettings(): Record<string, unknown> {
    const { anneal: _, ...saved } = this.settings;
    return { ...saved, _schedule_phases: saved._schedule_phases.map((phase) => ({ ...phase })) };
  }
}

function countSteps({ totalSteps, epochs, stepsPerEpoch }: OneCycleOptions): number {
  if (totalSteps !== undefined) {
    requireWhole('totalSteps', totalSteps, 1);
    return totalSteps;
  }
  if (epochs === undefined || stepsPerEpoch === undefined) {
    throw new ArgumentError('totalSteps', 'Expected totalSteps, or epochs and stepsPerEpoch');
  }
  requireWhole('epochs', epochs, 1);
  requireWhole('stepsPerEpoch', stepsPerEpoch, 1);
  return epochs * stepsPerEpoch;
}

function phases(total: number, pctStart: number, threePhase: boolean): Phase[] {
  const rise: Phase = {
    end_step: pctStart * total - 1,
    start_lr: 'initial_lr',
    end_lr: 'max_lr',
    start_momentum: 'max_momentum',
    end_momentum: 'base_momentum',
  };
  const fall: Phase = {
    end_step: total - 1,
    start_lr: 'max_lr',
    end_lr: 'min_lr',
    start_momentum: 'base_momentum',
    end_momentum: 'max_momentum',
  };
  if (!threePhase) return [rise, fall];
  const back: Phase = { ...fall, end_step: 2 * pctStart * total - 2, end_lr: 'initial_lr' };
  const end: Phase = { ...fall, start_lr: 'initial_lr', start_momentum: 'max_momentum' };
  return [rise, back, end];
}

function valueNamed(group: ParamGroup, name: LrName | MomentumName): number {
  switch (name) {
    case 'initial_lr':
      return group.initialLr ?? 0;
    case 'max_lr':
      return group.maxLr ?? 0;
    case 'min_lr':
      return group.minLr ?? 0;
    case 'max_momentum':
      return group.maxMomentum ?? 0;
    case 'base_momentum':
      return group.baseMomentum ?? 0;
  }
}

function setMomentum(group: ParamGroup & Cycled, momentum: number, useBeta1: boolean): void {
  if (useBeta1) group.betas = [momentum, ...(group.betas ?? []).slice(1)];
  else group.momentum = momentum;
}

function cosine(start: number, end: number, share: number): number {
  return end + ((start - end) / 2) * (Math.cos(Math.PI * share) + 1);
}

function linear(start: number, end: number, share: number): number {
  return (end - start) * share + start;
}
