/** @file The learning-rate range test: the rate grows from step to step while the loss is watched (Smith 2017, arXiv:1506.01186). */

import { autocast } from '@edgeai/torch';

import { type PassServices, runPass } from './pass.ts';
import type { BatchSource, Task } from './task.ts';
import type { Trainer } from './trainer.ts';

export interface SweepOptions {
  /** Of the first step. */
  low: number;
  /** Of the last step, unless the loss grows too much before. */
  high: number;
  /** Of training, at least 2; the data is gone through as often as that takes. */
  steps: number;
}

/** One step of a sweep. */
export interface SweepPoint {
  readonly rate: number;
  readonly loss: number;
  /** The loss without the noise of batches. */
  readonly smoothed: number;
}

export interface Sweep {
  readonly points: readonly SweepPoint[];
  /** The rate at which the loss falls most; null where it does not fall. */
  readonly suggestion: number | null;
  /** The highest rate before the loss begins to grow. */
  readonly lowestLossAt: number | null;
  /** False where the user stopped it. */
  readonly complete: boolean;
}

/** How much of the smoothed loss is that of the steps before. */
const INERTIA = 0.9;
/** A loss that is so many times the least one so far ends the sweep. */
const EXPLODED = 4;
/** Steps over which the slope is taken, to either side. */
const REACH = 2;

/** Sweeps with the task's training data. The network is trained on the way: its weights are of no use afterwards. */
export async function sweepLearningRate<Batch, Output>(
  task: Task<Batch, Output>,
  trainer: Trainer,
  { low, high, steps }: SweepOptions,
  services: PassServices,
): Promise<Sweep> {
  const losses: number[] = [];
  const rates: number[] = [];
  const setRate = rateSetter(trainer);
  let exploded = false;
  trainer.beginEpoch(0);
  const outcome = await runPass({
    ...services,
    label: 'learning rates',
    batches: repeated(task, steps, () => exploded),
    limit: steps,
    meter: { add: () => {}, figures: () => ({ loss: losses.at(-1) ?? Number.NaN }) },
    sizeOf: (batch: Batch) => task.sizeOf(batch),
    extra: () => ({ lr: rates.at(-1) ?? low }),
    step: (given, index) => {
      const rate = low * (high / low) ** (index / (steps - 1));
      setRate(rate);
      const batch = task.place(given, trainer.placement);
      const forward = () => trainer.step(task, batch);
      const { loss, output } = trainer.autocast === null ? forward() : autocast(trainer.autocast, forward);
      const value = loss.item();
      exploded = !Number.isFinite(value);
      if (!exploded) {
        rates.push(rate);
        losses.push(value);
        const latest = smooth(losses);
        exploded = (latest.at(-1) ?? 0) > EXPLODED * Math.min(...latest);
        trainer.update(loss, 0, index);
      }
      return { batch, output, loss: value };
    },
  });
  const smoothed = smooth(losses);
  const points = rates.map((rate, i) => ({ rate, loss: losses[i] as number, smoothed: smoothed[i] as number }));
  return { points, ...judge(points), complete: outcome.complete };
}

/** Rates of groups of parameters keep their ratios. */
function rateSetter({ optimizer }: Trainer): (rate: number) => void {
  const groups = optimizer.paramGroups;
  const first = groups[0]?.lr ?? 0;
  const ratios = groups.map(({ lr }) => (first > 0 ? lr / first : 1));
  return (rate) => {
    for (const [i, group] of groups.entries()) group.lr = rate * (ratios[i] ?? 1);
  };
}

/** Passes over the training data until there were so many batches, or `ended`. */
function repeated<Batch, Output>(task: Task<Batch, Output>, length: number, ended: () => boolean): BatchSource<Batch> {
  return {
    length,
    async *[Symbol.asyncIterator]() {
      for (let given = 0, epoch = 0; given < length; epoch++) {
        task.beginEpoch?.(epoch);
        const before = given;
        for await (const batch of task.training) {
          yield batch;
          if (++given >= length || ended()) return;
        }
        if (given === before) return;
      }
    },
  };
}

/** Exponential average, without its bias towards the beginning. */
function smooth(losses: readonly number[]): number[] {
  let average = 0;
  return losses.map((loss, i) => {
    average = INERTIA * average + (1 - INERTIA) * loss;
    return average / (1 - INERTIA ** (i + 1));
  });
}

/** Where the loss falls most per factor of the rate, before it is lowest. */
export function judge(points: readonly SweepPoint[]): Pick<Sweep, 'suggestion' | 'lowestLossAt'> {
  const lowest = points.reduce((best, { smoothed }, i) => (smoothed < (points[best]?.smoothed ?? 0) ? i : best), 0);
  let steepest = 0;
  let suggestion: number | null = null;
  for (let i = REACH; i <= lowest && i + REACH < points.length; i++) {
    const [before, after] = [points[i - REACH] as SweepPoint, points[i + REACH] as SweepPoint];
    const slope = (after.smoothed - before.smoothed) / Math.log(after.rate / before.rate);
    if (slope < steepest) [steepest, suggestion] = [slope, points[i]?.rate ?? null];
  }
  return { suggestion, lowestLossAt: points[lowest]?.rate ?? null };
}
