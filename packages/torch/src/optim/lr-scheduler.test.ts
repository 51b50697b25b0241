/** @file Schedules give PyTorch's learning rates epoch by epoch. Fixtures: scripts/make-optim-fixtures.py */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zeros } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import { Parameter } from '../nn/parameter.ts';
import { Adam } from './adam.ts';
import * as S from './lr-scheduler.ts';
import type { Optimizer } from './optimizer.ts';
import { SGD } from './sgd.ts';
import { readFixture } from './testing.ts';

interface ScheduleRun {
  lrs: number[][];
  momenta?: number[][];
  keys: string[];
}

const { metrics, runs } = readFixture<{ metrics: number[]; runs: Record<string, ScheduleRun> }>('schedules.json');

function parameter(): Parameter {
  return scope(() => new Parameter(zeros([1])));
}

function sgd(): Optimizer {
  return new SGD([{ params: [parameter()] }, { params: [parameter()], lr: 0.05 }], { lr: 0.1, momentum: 0.9 });
}

function adam(): Optimizer {
  return new Adam([parameter()], { lr: 0.1 });
}

type Any = S.Scheduler & { step(metric?: number): void };

/** The schedules of the fixtures, by name; `exact` ones use no cosine or power. */
const schedules: Record<string, { make?: () => Optimizer; exact?: boolean; schedule: (o: Optimizer) => S.Scheduler }> =
  {
    step: { exact: true, schedule: (o) => new S.StepLR(o, 3, { gamma: 0.3 }) },
    multistep: { exact: true, schedule: (o) => new S.MultiStepLR(o, [2, 5, 5, 9], { gamma: 0.5 }) },
    exponential: { exact: true, schedule: (o) => new S.ExponentialLR(o, 0.93) },
    polynomial: { schedule: (o) => new S.PolynomialLR(o, { totalIters: 9, power: 0.9 }) },
    'polynomial-linear': { exact: true, schedule: (o) => new S.PolynomialLR(o, { totalIters: 9 }) },
    cosine: { schedule: (o) => new S.CosineAnnealingLR(o, 30, { etaMin: 1e-4 }) },
    'cosine-zero': { schedule: (o) => new S.CosineAnnealingLR(o, 30) },
    linear: { exact: true, schedule: (o) => new S.LinearLR(o, { startFactor: 0.01, totalIters: 7 }) },
    'linear-down': {
      exact: true,
      schedule: (o) => new S.LinearLR(o, { startFactor: 1, endFactor: 0.3, totalIters: 7 }),
    },
    constant: { exact: true, schedule: (o) => new S.ConstantLR(o, { factor: 0.3, totalIters: 4 }) },
    lambda: { exact: true, schedule: (o) => new S.LambdaLR(o, [(e) => 1 / (e + 1), (e) => 1 - e / 10]) },
    multiplicative: { exact: true, schedule: (o) => new S.MultiplicativeLR(o, (e) => (e % 2 ? 0.9 : 0.8)) },
    restarts: { schedule: (o) => new S.CosineAnnealingWarmRestarts(o, 5, { etaMin: 1e-3 }) },
    'restarts-longer': { schedule: (o) => new S.CosineAnnealingWarmRestarts(o, 4, { tMult: 2 }) },
    onecycle: { schedule: (o) => new S.OneCycleLR(o, [0.5, 0.2], { totalSteps: 40 }) },
    'onecycle-linear': {
      exact: true,
      schedule: (o) =>
        new S.OneCycleLR(o, 0.5, { epochs: 5, stepsPerEpoch: 6, annealStrategy: 'linear', threePhase: true }),
    },
    'onecycle-adam': {
      make: adam,
      schedule: (o) => new S.OneCycleLR(o, 0.5, { totalSteps: 20, pctStart: 0.4, baseMomentum: 0.8 }),
    },
    'onecycle-plain': {
      schedule: (o) =>
        new S.OneCycleLR(o, 0.5, { totalSteps: 20, cycleMomentum: false, divFactor: 10, finalDivFactor: 100 }),
    },
    'warmup-cosine': {
      schedule: (o) =>
        new S.SequentialLR(
          o,
          [new S.LinearLR(o, { startFactor: 0.01, totalIters: 5 }), new S.CosineAnnealingLR(o, 25)],
          [5],
        ),
    },
    'warmup-step': {
      exact: true,
      schedule: (o) =>
        new S.SequentialLR(
          o,
          [new S.ConstantLR(o, { factor: 0.1, totalIters: 3 }), new S.StepLR(o, 4), new S.ExponentialLR(o, 0.9)],
          [3, 12],
        ),
    },
    chained: {
      exact: true,
      schedule: (o) =>
        new S.ChainedScheduler([new S.ConstantLR(o, { factor: 0.1, totalIters: 4 }), new S.ExponentialLR(o, 0.9)]),
    },
    plateau: { exact: true, schedule: (o) => new S.ReduceLROnPlateau(o, { patience: 2, factor: 0.5 }) },
    'plateau-max': {
      exact: true,
      schedule: (o) =>
        new S.ReduceLROnPlateau(o, {
          mode: 'max',
          patience: 1,
          cooldown: 2,
          threshold: 0.05,
          thresholdMode: 'abs',
          minLr: [0.01, 0.03],
        }),
    },
  };

function momenta(optimizer: Optimizer): number[] {
  return optimizer.paramGroups.map((group) => {
    const { momentum, betas } = group as { momentum?: number; betas?: number[] };
    return momentum ?? betas?.[0] ?? 0;
  });
}

/** `cos` and `pow` of the C library and of V8 differ by one unit in the last place now and then. */
function compare(actual: readonly number[], expected: readonly number[], exact: boolean, where: string): void {
  if (exact) assert.deepEqual(actual, expected, where);
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    const wanted = expected[i] ?? Number.NaN;
    assert.ok(Math.abs(value - wanted) <= 1e-12 * Math.abs(wanted) + 1e-18, `${where}: ${value} is not ${wanted}`);
  }
}

test('every schedule of the fixtures is checked', () => {
  assert.deepEqual(Object.keys(schedules), Object.keys(runs));
});

for (const [name, { make = sgd, exact = false, schedule }] of Object.entries(schedules)) {
  const run = runs[name];
  if (run === undefined) throw new Error(`no fixture ${name}`);
  const next = (scheduler: S.Scheduler, epoch: number) => {
    if (name.startsWith('plateau')) (scheduler as Any).step(metrics[epoch]);
    else (scheduler as Any).step();
  };

  test(`${name}: the rates of PyTorch, epoch by epoch`, () => {
    const optimizer = make();
    const scheduler = schedule(optimizer);
    for (const [epoch, expected] of run.lrs.entries()) {
      compare(
        optimizer.paramGroups.map(({ lr }) => lr),
        expected,
        exact,
        `epoch ${epoch}`,
      );
      const momentum = run.momenta?.[epoch];
      if (momentum !== undefined) compare(momenta(optimizer), momentum, exact, `momentum of epoch ${epoch}`);
      if (epoch + 1 < run.lrs.length) next(scheduler, epoch);
    }
    assert.deepEqual(
      scheduler.getLastLr(),
      optimizer.paramGroups.map(({ lr }) => lr),
    );
    assert.deepEqual(Object.keys(scheduler.stateDict()).sort(), run.keys);
  });

  test(`${name}: a state saved half way goes on to the same rates`, () => {
    const optimizer = make();
    const scheduler = schedule(optimizer);
    const half = Math.floor(run.lrs.length / 2);
    for (let epoch = 0; epoch < half; epoch++) next(scheduler, epoch);
    const states = [optimizer.stateDict(), structuredClone(scheduler.stateDict())] as const;
    const resumed = make();
    const again = schedule(resumed);
    resumed.loadStateDict(states[0]);
    again.loadStateDict(states[1]);
    for (let epoch = half; epoch + 1 < run.lrs.length; epoch++) {
      next(scheduler, epoch);
      next(again, epoch);
      assert.deepEqual(
        resumed.paramGroups.map(({ lr }) => lr),
        optimizer.paramGroups.map(({ lr }) => lr),
      );
      assert.deepEqual(again.getLastLr(), scheduler.getLastLr());
      assert.deepEqual(momenta(resumed), momenta(optimizer));
    }
  });
}

test('a step to a given epoch uses the closed form', () => {
  const optimizer = sgd();
  const scheduler = new S.MultiStepLR(optimizer, [2, 5, 5], { gamma: 0.5 });
  scheduler.step(6);
  assert.deepEqual(scheduler.getLastLr(), [0.1 * 0.125, 0.05 * 0.125]);
  const restarts = new S.CosineAnnealingWarmRestarts(sgd(), 4, { tMult: 2 });
  restarts.step(4.5);
  assert.equal(restarts.lastEpoch, 4);
  assert.equal(restarts.stateDict().T_i, 8);
  assert.equal(restarts.stateDict().T_cur, 0.5);
});

test('what makes no schedule is refused', () => {
  const [one, other] = [sgd(), sgd()];
  assert.throws(() => new S.StepLR({} as never, 3), /an optimiser for optimizer/);
  assert.throws(() => new S.StepLR(one, 0), /whole number of at least 1 for stepSize/);
  assert.throws(() => new S.StepLR(one, 3, { lastEpoch: 5 }), /no initialLr to go on from at epoch 5/);
  assert.throws(() => new S.LinearLR(one, { startFactor: 2 }), /between 0 and 1 for startFactor/);
  assert.throws(() => new S.LambdaLR(one, [() => 1]), /2 functions for lrLambda/);
  assert.throws(() => new S.OneCycleLR(one, 1, {}), /totalSteps, or epochs and stepsPerEpoch/);
  assert.throws(() => new S.OneCycleLR(one, [1], { totalSteps: 3 }), /2 values for maxLr/);
  assert.throws(() => new S.ReduceLROnPlateau(one, { factor: 1 }), /below 1 for factor/);
  assert.throws(
    () => new S.SequentialLR(one, [new S.StepLR(one, 3), new S.StepLR(other, 3)], [2]),
    /schedulers\[1\] belongs to another/,
  );
  assert.throws(() => new S.SequentialLR(one, [new S.StepLR(one, 3)], [2]), /one milestone fewer/);
  assert.throws(() => new S.ChainedScheduler([]), /at least one scheduler/);
  const cycle = new S.OneCycleLR(sgd(), 1, { totalSteps: 2 });
  cycle.step();
  cycle.step();
  assert.throws(() => cycle.step(), /beyond its end/);
  assert.throws(() => new S.StepLR(one, 3).loadStateDict({}), /2 numbers in 'base_lrs'/);
});
