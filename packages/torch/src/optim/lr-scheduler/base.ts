/** @file The base of learning-rate schedulers: counting of epochs, chainable steps, state dicts under PyTorch's names. */

import { ArgumentError, describeValue } from '../../errors.ts';
import { Optimizer } from '../optimizer.ts';

export interface SchedulerOptions {
  /** The last epoch of training that is continued; −1 starts anew. Default −1. */
  lastEpoch?: number;
}

/** What every scheduler can do. `step` is called once an epoch, or once a batch, as the schedule was planned. */
export interface Scheduler {
  /** The learning rates that the last step set, one a group. */
  getLastLr(): number[];
  /** The state under PyTorch's names, for `save`. */
  stateDict(): Record<string, unknown>;
  /** Takes over a saved state. The learning rates themselves are part of the optimiser's state. */
  loadStateDict(state: Record<string, unknown>): void;
}

/**
 * Base of schedulers whose step takes no metric. The first step happens in the constructor: it sets the rates of epoch 0.
 *
 * Rates follow from the present ones, so that several schedulers can act on one optimiser.
 *
 * @typeParam S the schedule's settings, under their names in PyTorch's state dict
 */
export abstract class LRScheduler<S extends object = object> implements Scheduler {
  readonly optimizer: Optimizer;
  /** Counts calls of `step`; 0 after construction. */
  lastEpoch: number;
  /** @internal */
  readonly settings: S;
  /** Rates that the schedule starts from. */
  protected baseLrs: number[];
  protected stepCount = 0;
  #lastLr: number[] = [];

  constructor(optimizer: Optimizer, settings: S, options: SchedulerOptions = {}) {
    const { lastEpoch = -1 } = options;
    requireOptimizer(optimizer);
    this.optimizer = optimizer;
    this.settings = settings;
    this.lastEpoch = lastEpoch;
    this.baseLrs = optimizer.paramGroups.map((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      if (group.initialLr === undefined) {
        throw new ArgumentError(
          'lastEpoch',
          `Group ${i} of the optimiser has no initialLr to go on from at epoch ${lastEpoch}; load its state dict first`,
        );
      }
      return group.initialLr;
    });
    this.initialStep();
  }

  /** The rates of `lastEpoch`, one a group, from those of the epoch before. */
  protected abstract getLr(): number[];

  /** The rates of `lastEpoch` from the base rates alone, where there is such a form. */
  protected closedFormLr?(): number[];

  /** @internal Sets the rates of the epoch that the schedule starts at. */
  initialStep(): void {
    this.stepCount = 0;
    this.step();
  }

  /** Goes on by one epoch, or to `epoch`, by the closed form where there is one. */
  step(epoch?: number): void {
    this.stepCount += 1;
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.apply(epoch !== undefined && this.closedFormLr !== undefined ? this.closedFormLr() : this.getLr());
  }

  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  stateDict(): Record<string, unknown> {
    return {
      ...this.savedSettings(),
      base_lrs: [...this.baseLrs],
      last_epoch: this.lastEpoch,
      verbose: false,
      _step_count: this.stepCount,
      _get_lr_called_within_step: false,
      _last_lr: this.getLastLr(),
    };
  }

  loadStateDict(state: Record<string, unknown>): void {
    this.loadSettings(state);
    this.baseLrs = readRates(state, 'base_lrs', this.baseLrs.length);
    this.lastEpoch = readNumber(state, 'last_epoch');
    this.stepCount = readNumber(state, '_step_count');
    this.#lastLr = readRates(state, '_last_lr', this.baseLrs.length);
  }

  /** Sets the rates of all groups. */
  protected apply(lrs: readonly number[]): void {
    for (const [i, group] of this.optimizer.paramGroups.entries()) group.lr = lrs[i] ?? group.lr;
    this.#lastLr = this.lrs();
  }

  /** The present rates. */
  protected lrs(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** The settings as a state dict holds them. */
  protected savedSettings(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.settings as object));
  }

  protected loadSettings(state: Record<string, unknown>): void {
    for (const [key, present] of Object.entries(this.settings as object)) {
      if (!Object.hasOwn(state, key)) continue;
      if (typeof state[key] !== typeof present)
        throw ArgumentError.expected(`state.${key}`, `a ${typeof present}`, state[key]);
      Reflect.set(this.settings, key, state[key]);
    }
  }
}

/** @throws {ArgumentError} */
export function requireOptimizer(value: unknown): void {
  if (!(value instanceof Optimizer)) throw ArgumentError.expected('optimizer', 'an optimiser', value);
}

/** @throws {ArgumentError} unless `value` is a whole number of at least `least` */
export function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw ArgumentError.expected(name, `a whole number of at least ${least}`, value);
}

/** One value for all groups, or a list with one for each. @throws {ArgumentError} for a list of another length */
export function perGroup(name: string, value: number | readonly number[], groups: number): number[] {
  if (typeof value === 'number') return new Array<number>(groups).fill(value);
  if (value.length !== groups)
    throw new ArgumentError(
      name,
      `Expected ${groups} values for ${name}, one a parameter group, but received ${value.length}`,
    );
  return [...value];
}

/** @throws {ArgumentError} when the state has no number of this name */
export function readNumber(state: Record<string, unknown>, key: string): number {
  const value = state[key];
  if (typeof value !== 'number')
    throw new ArgumentError(
      'state',
      `The scheduler's state should have a number '${key}' but has ${describeValue(value)}`,
    );
  return value;
}

/** @throws {ArgumentError} when the state has no list of `count` numbers of this name */
export function readRates(state: Record<string, unknown>, key: string, count: number): number[] {
  const value = state[key];
  if (!Array.isArray(value) || value.length !== count || !value.every((rate) => typeof rate === 'number')) {
    throw new ArgumentError(
      'state',
      `The scheduler's state should have ${count} numbers in '${key}' but has ${describeValue(value)}`,
    );
  }
  return [...value];
}
