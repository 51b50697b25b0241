/** @file `edgeai train TASK --lr-find`: in the place of a training, which learning rates the loss falls with. */

import type { Command } from 'commander';

import { INTERRUPTED_EXIT_CODE, UsageError } from '../errors.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import type { FoundRate } from '../training/lr-find.ts';
import type { SweepOptions } from '../training/lr-sweep.ts';
import type { OpenTask } from '../training/set-up.ts';
import { bar } from './bars.ts';
import { type CommandContext, columnsOf, print } from './context.ts';
import { formatNumber } from './format.ts';
import { wholeNumber } from './model-options.ts';
import { renderTable } from './table.ts';

const STEPS = 100;
const RANGE = [1e-6, 10] as const;
/** Rows of the table: the curve itself is in the chart. */
const ROWS = 16;

/** Adds the flags: they are none of a recipe, for they say nothing about a training. */
export function addFindOptions(command: Command): void {
  command
    .option(
      '--lr-find [steps]',
      `do not train: raise the learning rate over so many steps (${STEPS} without a number) and show how the loss follows`,
    )
    .option(
      '--lr-find-range <low,high>',
      `the first and the last rate of --lr-find (${RANGE.map((rate) => (rate < 1 ? rate.toExponential() : rate)).join(',')} without it)`,
    );
}

/** The sweep that the flags ask for; null for a training. @throws {UsageError} for flags without a meaning */
export function sweepAskedFor(command: Command): SweepOptions | null {
  const { lrFind, lrFindRange } = command.opts<{ lrFind?: string | true; lrFindRange?: string }>();
  if (lrFind === undefined) {
    if (lrFindRange !== undefined) throw new UsageError('--lr-find-range needs --lr-find');
    return null;
  }
  const steps = lrFind === true ? STEPS : wholeNumber('--lr-find', lrFind);
  if (steps < 10) throw new UsageError(`--lr-find: expected at least 10 steps but received ${steps}`);
  const [low = Number.NaN, high = Number.NaN, ...more] = lrFindRange?.split(',').map(Number) ?? RANGE;
  if (!(low > 0 && high > low && Number.isFinite(high)) || more.length > 0)
    throw new UsageError(`--lr-find-range: expected two rising numbers above 0 but received ${lrFindRange}`);
  return { low, high, steps };
}

/** Sweeps as the settings say, and prints what was found. */
export async function findRate<Config extends TrainingConfig, Batch, Output>(
  config: Config,
  openTask: OpenTask<Config, Batch, Output>,
  sweep: SweepOptions,
  context: CommandContext,
): Promise<void> {
  const [{ findLearningRate }, { Progress }, { Interrupt }] = await Promise.all([
    import('../training/lr-find.ts'),
    import('./progress.ts'),
    import('../interrupt.ts'),
  ]);
  const progress = new Progress({ printFreq: config.printFreq });
  using interrupt = new Interrupt({ onForce: () => progress.close() });
  try {
    const found = await findLearningRate({ config, openTask, sweep, progress, style: context.style, interrupt });
    print(context, describe(found, columnsOf(context.stdout)));
    if (!found.complete) context.exitCode = INTERRUPTED_EXIT_CODE;
  } finally {
    progress.close();
  }
}

function describe({ points, suggestion, lowestLossAt, files }: FoundRate, width: number | undefined): string {
  const stride = Math.max(1, Math.ceil(points.length / ROWS));
  const shown = points.filter((_, i) => i % stride === 0 || i === points.length - 1);
  const losses = shown.map(({ smoothed }) => smoothed);
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  const rows = shown.map(({ rate, smoothed }) => [
    rate.toExponential(1),
    formatNumber(smoothed),
    bar((smoothed - least) / (most - least || 1), 32) || ' ',
  ]);
  const table = renderTable(['rate', 'loss', ' '], rows, { align: { rate: 'right', loss: 'right' }, width });
  const verdict =
    suggestion === null
      ? 'The loss does not fall at any of these rates: try others with --lr-find-range.'
      : `Suggested: --lr ${Number(suggestion.toPrecision(2))}, where the loss falls most. It is lowest at ${Number((lowestLossAt ?? 0).toPrecision(2))}.`;
  return `${table}\n\n${verdict}\n${files.chart}\n${files.json}`;
}
