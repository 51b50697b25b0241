/** @file How much memory: peaks of inference and training beside Python, and whether anything grows over many steps. */

import { Child, type Side } from './child.ts';
import { type Comparison, compare, type Settings } from './compare.ts';

/** Peak resident memory of a fresh process that did the task a few times, in MiB. */
async function peak(side: Side, task: 'infer' | 'train', count: number): Promise<number> {
  await using child = new Child(side);
  await child.ask('threads', { count: 2 });
  await child.ask('prepare', { model: 'mobilenet_v2', batch: 16, size: 224, channelsLast: true });
  await child.ask(task, { count });
  return (await child.ask('resident')).peakMiB ?? Number.NaN;
}

export async function peaks({ sides, rounds }: Settings): Promise<Comparison[]> {
  const figures: Comparison[] = [];
  for (const [name, task] of [
    ['inference', 'infer'],
    ['training step', 'train'],
  ] as const) {
    figures.push(
      await compare({
        name: `peak memory, mobilenet_v2 ${name} (batch 16, 224 px)`,
        unit: 'MiB',
        target: { most: 1.15 },
        rounds,
        sides,
        measure: (side) => peak(side, task, 3),
      }),
    );
  }
  return figures;
}

export interface Endurance {
  readonly steps: number;
  readonly rssAtTenth: number;
  readonly rssAtEnd: number;
  readonly tensorsAtTenth: number;
  readonly tensorsAtEnd: number;
  readonly met: boolean;
}

/** Growth of resident memory that noise of the allocator may make, in MiB. */
const TOLERATED_GROWTH = 4;

/** Ten thousand steps of a small network. */
export async function endurance(): Promise<Endurance> {
  await using child = new Child('ours');
  const steps = 10_000;
  const { readings } = await child.ask<{ readings: { rssMiB: number; tensors: number }[] }>('endurance', { steps });
  const [first, last] = [readings[0], readings[readings.length - 1]];
  if (first === undefined || last === undefined) throw new Error('internal: no readings');
  return {
    steps,
    rssAtTenth: first.rssMiB,
    rssAtEnd: last.rssMiB,
    tensorsAtTenth: first.tensors,
    tensorsAtEnd: last.tensors,
    met: last.tensors === first.tensors && last.rssMiB - first.rssMiB <= TOLERATED_GROWTH,
  };
}
