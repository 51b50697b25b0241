/** @file Schedules made of schedules: one after the other, or all at once. */

import { ArgumentError } from '../../errors.ts';
import type { Optimizer } from '../optimizer.ts';
import { type LRScheduler, readNumber, readRates, type Scheduler } from './base.ts';

/** Any scheduler whose step takes no metric. */
type Steppable = LRScheduler<object>;

/**
 * Hands over from one schedule to the next at the given epochs: warm-up, then decay.
 *
 * ```ts
 * const warmUp = new LinearLR(optimizer, { startFactor: 0.01, totalIters: 5 });
 * const main = new CosineAnnealingLR(optimizer, 95);
 * const scheduler = new SequentialLR(optimizer, [warmUp, main], [5]);
 * ```
 */
export class SequentialLR implements Scheduler {
  readonly optimizer: Optimizer;
  lastEpoch: number;
  readonly #schedulers: readonly Steppable[];
  readonly #milestones: number[];
  #lastLr: number[];

  constructor(
    optimizer: Optimizer,
    schedulers: readonly Steppable[],
    milestones: readonly number[],
    options: { lastEpoch?: number } = {},
  ) {
    requireShared(schedulers, optimizer);
    const [first] = schedulers;
    if (first === undefined || milestones.length !== schedulers.length - 1) {
      throw new ArgumentError(
        'milestones',
        `Expected one milestone fewer than schedulers but received ${milestones.length} for ${schedulers.length} schedulers`,
      );
    }
    this.optimizer = optimizer;
    this.lastEpoch = (options.lastEpoch ?? -1) + 1;
    this.#schedulers = [...schedulers];
    this.#milestones = [...milestones];
    // Each scheduler has made its first step already, on top of the others'. Undo that, and let only the first begin.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
    for (const scheduler of schedulers) scheduler.lastEpoch -= 1;
    first.initialStep();
    this.#lastLr = first.getLastLr();
  }

  step(): void {
    this.lastEpoch += 1;
    const passed = this.#milestones.filter((epoch) => epoch <= this.lastEpoch).length;
    const scheduler = this.#schedulers[passed];
    if (scheduler === undefined) return;
    // A schedule that begins now begins at its epoch 0, whatever the rates are.
    if (passed > 0 && this.#milestones[passed - 1] === this.lastEpoch) scheduler.step(0);
    else scheduler.step();
    this.#lastLr = scheduler.getLastLr();
  }

  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  stateDict(): Record<string, unknown> {
    return {
      _milestones: [...this.#milestones],
      last_epoch: this.lastEpoch,
      _last_lr: this.getLastLr(),
      _schedulers: this.#schedulers.map((scheduler) => scheduler.stateDict()),
    };
  }

  loadStateDict(state: Record<string, unknown>): void {
    const lastEpoch = readNumber(state, 'last_epoch');
    const lastLr = readRates(state, '_last_lr', this.optimizer.paramGroups.length);
    loadAll(this.#schedulers, state);
    this.#milestones.splice(0, this.#milestones.length, ...readRates(state, '_milestones', this.#milestones.length));
    this.lastEpoch = lastEpoch;
    this.#lastLr = lastLr;
  }
}

/** Steps several schedulers at once; each multiplies what the others leave. */
export class ChainedScheduler implements Scheduler {
  readonly optimizer: Optimizer;
  readonly #schedulers: readonly Steppable[];
  #lastLr: number[];

  constructor(schedulers: readonly Steppable[]) {
    const [first] = schedulers;
    if (first === undefined) throw new ArgumentError('schedulers', 'Expected at least one scheduler for schedulers');
    requireShared(schedulers, first.optimizer);
    this.optimizer = first.optimizer;
    this.#schedulers = [...schedulers];
    this.#lastLr = this.#lrs();
  }

  step(): void {
    for (const scheduler of this.#schedulers) scheduler.step();
    this.#lastLr = this.#lrs();
  }

  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  stateDict(): Record<string, unknown> {
    return { _last_lr: this.getLastLr(), _schedulers: this.#schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  loadStateDict(state: Record<string, unknown>): void {
    const lastLr = readRates(state, '_last_lr', this.optimizer.paramGroups.length);
    loadAll(this.#schedulers, state);
    this.#lastLr = lastLr;
  }

  #lrs(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }
}

function requireShared(schedulers: readonly Steppable[], optimizer: Optimizer): void {
  for (const [i, scheduler] of schedulers.entries()) {
    if (scheduler.optimizer !== optimizer) {
      throw new ArgumentError(
        'schedulers',
        `Expected schedulers of one optimiser but schedulers[${i}] belongs to another`,
      );
    }
  }
}

function loadAll(schedulers: readonly Steppable[], state: Record<string, unknown>): void {
  const saved = state._schedulers;
  if (!Array.isArray(saved) || saved.length !== schedulers.length) {
    throw new ArgumentError('state', `The scheduler's state should have ${schedulers.length} states in '_schedulers'`);
  }
  for (const [i, scheduler] of schedulers.entries()) scheduler.loadStateDict(saved[i]);
}
