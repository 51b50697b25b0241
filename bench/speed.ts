/** @file How fast: single operators, training steps, the product's defaults, and the time until something happens. */

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Child, commandFor, type Side } from './child.ts';
import { type Comparison, compare, type Settings } from './compare.ts';

type Pair = Record<Side, Child>;

async function withChildren<T>(sides: readonly Side[], fn: (children: Pair) => Promise<T>): Promise<T> {
  const children = Object.fromEntries(sides.map((side) => [side, new Child(side)])) as Pair;
  try {
    return await fn(children);
  } finally {
    for (const side of sides) await children[side][Symbol.asyncDispose]();
  }
}

/** One addition of four numbers, and a small forward and backward. */
export function smallOperators({ sides, rounds }: Settings): Promise<Comparison[]> {
  return withChildren(sides, async (children) => {
    const figures: Comparison[] = [];
    for (const [name, task, count, target] of [
      ['add of 4 floats', 'add', 100_000, { most: 1 }],
      ['mul, sum, backward of 4 floats', 'backward', 5000, null],
    ] as const) {
      for (const side of sides) await children[side].ask(task, { count });
      const measure = async (side: Side) => 1e6 * ((await children[side].ask(task, { count })).seconds ?? Number.NaN);
      figures.push(await compare({ name, unit: 'µs', target, rounds: 3 * rounds, sides, measure }));
    }
    return figures;
  });
}

interface StepCase {
  readonly model: string;
  readonly batch: number;
  readonly size: number;
  readonly steps: number;
}

const STEPS: readonly StepCase[] = [
  { model: 'mobilenet_v2', batch: 16, size: 128, steps: 2 },
  { model: 'resnet50', batch: 8, size: 128, steps: 1 },
];

/** Whole training steps with the same layout and threads on both sides. */
export async function trainingSteps({ sides, rounds }: Settings): Promise<Comparison[]> {
  const threads = availableParallelism();
  const figures: Comparison[] = [];
  for (const { model, batch, size, steps } of STEPS) {
    figures.push(
      await withChildren(sides, async (children) => {
        for (const side of sides) {
          await children[side].ask('threads', { count: threads });
          await children[side].ask('prepare', { model, batch, size, channelsLast: true });
          await children[side].ask('train', { count: 2 });
        }
        return compare({
          name: `${model} training step (batch ${batch}, ${size} px)`,
          unit: 'ms',
          target: { most: 1.03 },
          rounds: 3 * rounds,
          sides,
          measure: async (side) => 1e3 * ((await children[side].ask('train', { count: steps })).seconds ?? Number.NaN),
          note: `channels_last, ${threads} threads on both sides`,
        });
      }),
    );
  }
  return figures;
}

/** What a user gets who sets nothing: our layout and threads against PyTorch's. */
export function defaults({ sides, rounds }: Settings): Promise<Comparison[]> {
  const batch = 16;
  return withChildren(sides, async (children) => {
    for (const side of sides) {
      await children[side].ask('prepare', { model: 'mobilenet_v2', batch, size: 128, channelsLast: side === 'ours' });
      await children[side].ask('train', { count: 2 });
    }
    return [
      await compare({
        name: 'mobilenet_v2 training throughput, defaults of each side',
        unit: 'img/s',
        target: { least: 1.25 },
        rounds: 2 * rounds,
        sides,
        measure: async (side) => batch / ((await children[side].ask('train', { count: 2 })).seconds ?? Number.NaN),
        note: 'ours: channels_last and all cores; theirs: contiguous and the threads that torch starts with',
      }),
    ];
  });
}

/** From process start to the first result. */
export async function startUp({ sides, rounds }: Settings): Promise<Comparison[]> {
  const measure = async (side: Side) => {
    const [program, args] = commandFor(side, 'start');
    const start = process.hrtime.bigint();
    const { status, stderr } = spawnSync(program, args);
    if (status !== 0) throw new Error(`start-up of ${side} failed:\n${stderr}`);
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
  for (const side of sides) await measure(side);
  return [
    await compare({
      name: 'start to first forward pass (mobilenet_v2)',
      unit: 's',
      target: { most: 1 },
      rounds: 2 * rounds,
      sides,
      measure,
    }),
  ];
}
