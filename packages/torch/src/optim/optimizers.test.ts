/** @file Each optimiser makes the steps of its PyTorch class, bit for bit. Fixtures: scripts/make-optim-fixtures.py */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scope } from '../core/scope.ts';
import { expectNoLeaks, memory } from '../runtime/memory.ts';
import { load } from '../serialization/load.ts';
import {
  assertParams,
  fixture,
  makeOptimizer,
  type Run,
  rawOfAll,
  readFixture,
  runSteps,
  STEPS,
  start,
} from './testing.ts';

const { runs } = readFixture<{ runs: Record<string, Run> }>('optimizers.json');
const saved = ['sgd-momentum', 'adam-amsgrad', 'adamw', 'rmsprop-centered', 'adagrad'];

for (const [name, run] of Object.entries(runs)) {
  test(`${name}: parameters after 1, 6 and 12 steps have PyTorch's bits`, () => {
    const params = start();
    using optimizer = makeOptimizer(run, params);
    runSteps(params, optimizer, 0, STEPS, (step) => {
      const expected = run.params[step];
      if (expected !== undefined) assertParams(rawOfAll(params), expected, `after step ${step}`);
    });
  });

  test(`${name}: a state dict taken half way continues in another optimiser to the same bits`, () => {
    const params = start();
    using first = makeOptimizer(run, params);
    runSteps(params, first, 0, 6);
    using second = makeOptimizer(run, params);
    scope(() => second.loadStateDict(first.stateDict()));
    // What was loaded is a copy: the first one's state can go.
    first.dispose();
    runSteps(params, second, 6);
    assertParams(rawOfAll(params), run.params[STEPS - 1]);
  });
}

for (const name of saved) {
  const run = runs[name];
  if (run === undefined) throw new Error(`no run ${name}`);
  test(`${name}: a state that Python saved continues here to Python's bits`, () => {
    const params = start();
    using before = makeOptimizer(run, params);
    runSteps(params, before, 0, 6);
    using optimizer = makeOptimizer({ ...run, options: { lr: 0.5 }, second: {} }, params);
    scope(() => optimizer.loadStateDict(load(fixture(`state-${name}.pth`))));
    runSteps(params, optimizer, 6);
    assertParams(rawOfAll(params), run.params[STEPS - 1]);
  });

  test(`${name}: the state has the layout of Python's`, () => {
    const params = start();
    using optimizer = makeOptimizer(run, params);
    runSteps(params, optimizer, 0, 6);
    scope(() => {
      const python = load(fixture(`state-${name}.pth`)) as { state: Map<number, object>; param_groups: object[] };
      const mine = optimizer.stateDict();
      assert.deepEqual([...mine.state.keys()], [...python.state.keys()]);
      for (const [i, entry] of mine.state) {
        const expected = python.state.get(i) as Record<string, unknown>;
        assert.deepEqual(Object.keys(entry), Object.keys(expected));
        for (const [key, value] of Object.entries(entry)) assert.equal(String(value), String(expected[key]), key);
      }
      const sorted = (groups: object[]) => groups.map((group) => Object.entries(group).sort());
      assert.deepEqual(sorted(mine.param_groups), sorted(python.param_groups));
    });
  });
}

test('a thousand steps leave the number of live tensors as it was', async () => {
  const params = start();
  for (const run of Object.values(runs)) {
    const optimizer = makeOptimizer(run, params);
    runSteps(params, optimizer, 0, 2);
    const before = memory().tensors;
    scope(() => {
      for (let i = 0; i < 80; i++) optimizer.step();
    });
    assert.equal(memory().tensors, before);
    optimizer.dispose();
  }
  await expectNoLeaks(() => {
    const optimizer = makeOptimizer(Object.values(runs)[0] as Run, params);
    runSteps(params, optimizer);
    optimizer.dispose();
  });
});
