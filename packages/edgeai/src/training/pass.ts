/** @file One pass over a source of batches: what training and evaluation have in common (limit, progress, interruption). */

import { setImmediate } from 'node:timers/promises';
import { scope } from '@edgeai/torch';

import type { Progress } from '../cli/progress.ts';
import type { BatchSource, Meter } from './task.ts';

/** What a pass needs of the run around it. */
export interface PassServices {
  readonly progress: Pick<Progress, 'start' | 'update' | 'cancel'>;
  /** Polled after every step. */
  readonly interrupt: { readonly requested: boolean };
}

export interface Pass<Batch, Output> extends PassServices {
  readonly label: string;
  readonly batches: BatchSource<Batch>;
  /** How many of them to use. */
  readonly limit: number;
  readonly meter: Meter<Batch, Output>;
  sizeOf(batch: Batch): number;
  /** The work of one step, in a scope; returns what was computed and the value of the loss. */
  step(batch: Batch, index: number): { batch: Batch; output: Output; loss: number };
  /** Figures for the progress line beside those of the meter. */
  extra?(): Record<string, number>;
}

/** What came out of a pass. */
export interface PassOutcome {
  /** Averages over the pass, as far as it went. */
  readonly figures: Record<string, number>;
  /** What a user should know of the data that it saw. */
  readonly remarks: readonly string[];
  readonly steps: number;
  readonly items: number;
  readonly seconds: number;
  /** False where an interruption ended the pass early. */
  readonly complete: boolean;
}

/** Runs the steps one after the other, giving way to signals and timers after each. */
export async function runPass<Batch, Output>(pass: Pass<Batch, Output>): Promise<PassOutcome> {
  const { batches, limit, meter, progress, interrupt } = pass;
  const begin = performance.now();
  let steps = 0;
  let items = 0;
  progress.start(pass.label, limit);
  for await (const batch of batches) {
    scope(() => {
      const done = pass.step(batch, steps);
      meter.add(done.batch, done.output, done.loss);
    });
    items += pass.sizeOf(batch);
    steps++;
    progress.update({ done: steps, items, fields: { ...meter.figures(), ...pass.extra?.() } });
    if (steps >= limit) break;
    if (interrupt.requested) break;
    // Signals, timers and other I/O have their turn here; nothing else in a step gives way.
    await setImmediate();
  }
  // Whoever asked for the pass says what came out of it.
  progress.cancel();
  return {
    figures: meter.figures(),
    remarks: meter.remarks?.() ?? [],
    steps,
    items,
    seconds: (performance.now() - begin) / 1000,
    complete: steps >= limit || !interrupt.requested,
  };
}
