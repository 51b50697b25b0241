/** @file A run that is stopped anywhere and resumed ends with the weights and figures of one that was not. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { load, memory, save, scope, Tensor } from '@edgeai/torch';

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
    { epochs: 2, amp: true, opt: 'sgd_nesterov' },
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

test('a run that goes on in another folder takes its best state along', async () => {
  const [first, second] = [newFolder(), newFolder()];
  await trainToy(toyConfig(first, { epochs: 2 }));
  const checkpoint = join(first, 'checkpoint.pth');
  const outcome = await trainToy(toyConfig(second, { epochs: 2, resume: checkpoint }));
  assert.equal(outcome.status, 'complete');
  assert.deepEqual(content(join(second, 'best.pth')), content(join(first, 'best.pth')));
  assert.equal(JSON.parse(readFileSync(join(second, 'result.json'), 'utf8')).epochs, 2);
});

test('more epochs can be added to a finished run', async () => {
  const folder = newFolder();
  await trainToy(toyConfig(folder, { epochs: 1 }));
  await trainToy(toyConfig(folder, { epochs: 2, lr: 0.5, resume: folder }));
  assert.match(
    readFileSync(join(folder, 'run.log'), 'utf8'),
    /settings have changed since: epochs 1 → 2, lr 0\.05 → 0\.5;/,
  );
  assert.deepEqual(
    MetricsLog.read(join(folder, 'metrics.jsonl')).map(({ epoch, phase }) => [epoch, phase]),
    [
      [0, 'train'],
      [0, 'val'],
      [1, 'train'],
      [1, 'val'],
    ],
  );
});

test('a checkpoint of the original scripts can be continued', async () => {
  const [folder, next] = [newFolder(), newFolder()];
  await trainToy(toyConfig(folder, { epochs: 1 }));
  const foreign = join(root, 'foreign.pth');
  scope(() => {
    const { edgeai: _, ...original } = load(join(folder, 'checkpoint.pth')) as Record<string, unknown>;
    assert.deepEqual(Object.keys(original), ['model', 'optimizer', 'lr_scheduler', 'epoch', 'args']);
    save(original, foreign);
  });
  await trainToy(toyConfig(next, { epochs: 2, resume: foreign }));
  assert.match(readFileSync(join(next, 'run.log'), 'utf8'), /does not say where the random numbers/);
  assert.equal(MetricsLog.read(join(next, 'metrics.jsonl'))[0]?.epoch, 1);
});

test('what is no checkpoint to continue from is refused with the reason', async () => {
  const weights = join(root, 'weights.pth');
  save({ model: {} }, weights);
  await assert.rejects(
    trainToy(toyConfig(newFolder(), { resume: weights })),
    /it has no optimizer, lr_scheduler, epoch/,
  );
  const folder = newFolder();
  await trainToy(toyConfig(folder, { epochs: 1 }));
  const other = toyConfig(newFolder(), { resume: join(folder, 'checkpoint.pth'), opt: 'adamw' });
  await assert.rejects(trainToy(other), /does not fit this AdamW/);
});

test('a loss that is no number ends the run with advice', async () => {
  await assert.rejects(trainToy(toyConfig(newFolder(), { lr: 1e30 })), /the loss became (NaN|Infinity).*lower --lr/);
});

test('the best weights are exported, verified and reported', async () => {
  const folder = newFolder();
  const outcome = await trainToy(toyConfig(folder, { epochs: 2, export: true, modelEma: true }));
  assert.ok(outcome.status === 'complete');
  const { onnx, acc1, bestEpoch, bestWeights } = outcome.result;
  assert.ok(onnx !== null && onnx.maxDifference < 1e-4);
  assert.equal(bestWeights, 'model_ema');
  const records = MetricsLog.read(join(folder, 'metrics.jsonl'));
  assert.equal(records.find(({ epoch, phase }) => epoch === bestEpoch && phase === 'val-ema')?.acc1, acc1);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')).acc1, acc1);
});

test('training leaves no tensors behind beside the network’s and the optimiser’s', async () => {
  const step = async (epochs: number): Promise<number> => {
    const before = memory().tensors;
    await trainToy(toyConfig(newFolder(), { epochs, checkpointFreq: 2 }));
    return memory().tensors - before;
  };
  await step(1);
  // A run of six epochs keeps no more than one of two: nothing grows with the steps.
  const [short, long] = [await step(2), await step(6)];
  assert.ok(long <= short + 2 * 4, `${short} tensors after 2 epochs, ${long} after 6`);
});
