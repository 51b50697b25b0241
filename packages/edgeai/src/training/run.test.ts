/** @file A run that is stopped anywhere and resumed ends with the weights and figures of one that was not. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { load, scope, Tensor } from '@edgeai/torch';

import { MetricsLog } from '../runs/metrics-log.ts';
import { toyConfig, trainToy } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-run-'));
after(() => rmSync(root, { recursive: true, force: true }));

let runs = 0;
const newFolder = (): string => join(root, `run${runs++}`);

/** Everything in a file that does not depend on the clock, with tensors as their bits. */
function content(path: string): unknown {
  return scope(() => plainly(load(path)));
}

function plainly(value: unknown): unknown {
  if (value instanceof Tensor)
    return { dtype: value.dtype, shape: value.shape, bits: [...new Uint8Array(value.toTypedArray().buffer)] };
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plainly(item)]);
  if (Array.isArray(value)) return value.map(plainly);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !['seconds', 'output_dir', 'resume', 'time'].includes(key))
      .map(([key, item]) => [key, plainly(item)]),
  );
}

const metricsOf = (folder: string): unknown =>
  MetricsLog.read(join(folder, 'metrics.jsonl')).map(({ time: _, ...record }) => record);

test('stopped after any number of steps, with every kind of state, a resumed run ends as an uninterrupted one', async () => {
  const variants = [
    { epochs: 2 },
    {
      epochs: 4,
      checkpointFreq: 3,
      opt: 'rmsprop',
      lr: 0.01,
      lrScheduler: 'cosineannealinglr',
      lrWarmupEpochs: 1,
      lrWarmupMethod: 'linear',
    },
    { epochs: 3, opt: 'adamw', lr: 0.01, modelEma: true, modelEmaSteps: 2, clipGradNorm: 1, normWeightDecay: 0 },
  ];
  for (const flags of variants) {
    const whole = newFolder();
    assert.equal((await trainToy(toyConfig(whole, flags))).status, 'complete');
    const perEpoch = 5 + 2 * ('modelEma' in flags ? 2 : 1);
    // In the middle of training, at its last step, in the evaluation, at its last step, in the last epoch.
    for (const stop of [1, 5, 6, perEpoch, perEpoch + 2, flags.epochs * perEpoch - 1]) {
      const parts = newFolder();
      assert.equal((await trainToy(toyConfig(parts, flags), stop)).status, 'stopped', `step ${stop}`);
      // Stopped a second time on the way.
      await trainToy(toyConfig(parts, { ...flags, resume: 'auto' }), 3);
      assert.equal((await trainToy(toyConfig(parts, { ...flags, resume: 'auto' }))).status, 'complete');
      for (const name of ['checkpoint.pth', 'best.pth']) {
        assert.deepEqual(content(join(parts, name)), content(join(whole, name)), `${name}, stopped at step ${stop}`);
      }
      assert.deepEqual(metricsOf(parts), metricsOf(whole), `metrics, stopped at step ${stop}`);
    }
  }
});
